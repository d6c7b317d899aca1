"""What the tests of feedback share: a post office that hears SES's events."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.feedback.evidence import Evidence
from sekvens.feedback.poller import FeedbackPoller
from sekvens.feedback.probe import Prober
from sekvens.feedback.tables import Feedback, Probe
from sekvens.feedback.testing import FakeQueue, event_body
from sekvens.flows.outcomes import Outcome, Sent
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.messages.tables import Message
from sekvens.sections import FeedbackSettings, SendingSettings
from sekvens.ses.testing import TakenThen
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON
from tests.unit.sending import API, NO_CALM, PostOffice, mixed

GRACE = timedelta(seconds=1800)
SILENCE = timedelta(seconds=1200)
RESEND = timedelta(seconds=7200)
SECOND = timedelta(seconds=1)
FEEDBACK = FeedbackSettings(queue_url="http://127.0.0.1/000000000000/fake", wait_seconds=1)


class HearingOffice(PostOffice):
    """A post office whose sender weighs SES's events, from a queue that the test fills."""

    def __init__(self, database: Database) -> None:
        self.queue = FakeQueue(FEEDBACK.queue_url)
        self._numbers = iter(range(1_000_000))
        super().__init__(database, flow=mixed())
        self.poller = self.another_poller()

    def another_sender(self, **sending: Any) -> Sender:
        """Build a sender, as each worker process does."""
        rails = SendingSettings(**({"production": True} | NO_CALM | sending))
        grace = timedelta(seconds=rails.grace_seconds)
        prober = Prober(database=self.database, ses=self.ses, clock=self.clock,
                        feedback=FEEDBACK, sender="maja@shop.example")  # fmt: skip
        self.evidence = Evidence(database=self.database, clock=self.clock, feedback=FEEDBACK,
                                 grace=grace, prober=prober)  # fmt: skip
        envelope = Envelope(database=self.database, shop=sample_shop(), api=API)
        return Sender(database=self.database, ses=self.ses, clock=self.clock, envelope=envelope,
                      sending=rails, evidence=self.evidence)  # fmt: skip

    def another_poller(self) -> FeedbackPoller:
        """Build a poller, as each worker process does."""
        return FeedbackPoller(database=self.database, queue=self.queue, clock=self.clock,
                              shop_time=ShopTime(), feedback=FEEDBACK)  # fmt: skip

    def dies(self, step_id: str = "hello", *, taken: bool, **order: Any) -> Message:
        """Let the worker die in the middle of the call, with or without SES having the message."""
        death = KeyboardInterrupt()
        self.ses.faults.append(TakenThen(death) if taken else death)
        with pytest.raises(KeyboardInterrupt):
            self.send(step_id, **order)
        return self.message(step_id)

    def tells(self, message_id: str, *, at: datetime | None = None, **more: Any) -> None:
        """Let SES tell of a message, now or as of another time, and read the queue."""
        self.puts(message_id, at=at, **more)
        self.poller.poll_once()

    def puts(self, message_id: str, *, at: datetime | None = None, **more: Any) -> None:
        """Let SES tell of a message, and leave the event in the queue."""
        number = next(self._numbers)
        given = {"ses_message_id": f"0110-{number}", "sns_id": f"sns-{number}"} | more
        self.queue.put(event_body(message_id, at=at or self.clock.now(), **given))

    def sends_another(self, *, tells: bool = True) -> str:
        """Send somebody else a message, of which SES tells at once; returns its id."""
        enrollment_id = f"e-other-{next(self._numbers)}"
        self.enroll(enrollment_id, self.contact_id)
        outcome = self.send("receipt", enrollment_id=enrollment_id)
        assert isinstance(outcome, Sent), outcome
        if tells:
            self.tells(outcome.message_id)
        return outcome.message_id

    def at(self, step_id: str, age: timedelta) -> Outcome:
        """Send again so long after noon."""
        self.later(NOON + age - self.clock.now())
        return self.send(step_id)

    def message(self, step_id: str = "hello") -> Message:
        """Read the row of the first enrollment's step."""
        with self.database.read() as session:
            query = select(Message).where(
                Message.step_id == step_id, Message.enrollment_id == "e-1"
            )
            return session.execute(query).scalar_one()

    def calls_for(self, message: Message) -> int:
        """Count how often SES took a message."""
        return sum(taken.tags["message_id"] == message.id for taken in self.ses.accepted)

    def feedback(self) -> list[Feedback]:
        """List what was reported."""
        with self.database.read() as session:
            return list(session.scalars(select(Feedback).order_by(Feedback.id)))

    def probes(self) -> list[Probe]:
        """List the probes."""
        with self.database.read() as session:
            return list(session.scalars(select(Probe).order_by(Probe.sent_at)))
