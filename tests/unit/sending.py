"""What the tests of sending share: a contact in a flow, and orders for its messages."""

import email.message
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.publish import PublishedFlow, pinned_flow, publish
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.events.tables import OutboxEntry
from sekvens.experiments_section import ExperimentSettings
from sekvens.flows.asking import happened, not_
from sekvens.flows.builder import (
    MARKETING,
    TRANSACTIONAL,
    event,
    exit_on,
    flow,
    hours,
    local_time,
    send,
    wait,
)
from sekvens.flows.codec import to_json
from sekvens.flows.commands import NextLocalTime
from sekvens.flows.definition import Flow
from sekvens.flows.outcomes import Outcome
from sekvens.flows.steps import ExitReason
from sekvens.messages.envelope import Envelope
from sekvens.messages.send import Sender
from sekvens.messages.tables import Message
from sekvens.messages.templates import store
from sekvens.sections import ApiSettings, SendingSettings
from sekvens.ses.testing import FakeSes
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, Shop, identify, track

ADDRESS = "maja.alm@kund.example"
#: Tests of other things send at night and as often as they like.
NO_CALM = {
    "quiet_from": "00:00",
    "quiet_until": "00:00",
    "marketing_per_day": 0,
    "marketing_per_week": 0,
}
API = ApiSettings(public_url="https://post.shop.example", link_secret="s" * 32)
#: The night after the first letter.
NIGHT = NextLocalTime(not_before=NOON + hours(8), local_time=local_time("09:00"))


def letters(**changes: Any) -> Flow:
    """Make a marketing flow: a letter, a night, a letter about the cart."""
    given: dict[str, Any] = {
        "version": 1,
        "purpose": MARKETING,
        "trigger": event("Email Subscribed"),
        "entry": [not_(happened("Product Viewed"))],
        "exit_when": [exit_on("Order Completed", ExitReason.CONVERTED)],
        "steps": [
            send("hello"),
            wait("a-night", hours(8), until=local_time("09:00")),
            send("your-cart"),
        ],
    }
    return flow("letters", **(given | changes))


def mixed() -> Flow:
    """Make a flow whose second letter belongs to an order: an unsubscribe does not end it."""
    receipt = send("receipt", purpose=TRANSACTIONAL, because="it is the receipt")
    return letters(steps=[send("hello"), receipt], exit_when=())


def store_letters(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, str]:
    """Store templates of one line; the one about a cart needs a cart."""
    with TemporaryDirectory() as folder:
        for name in names:
            line = "Du glömde {{ cart.first.name }}." if "cart" in name else "Hej du."
            for locale in ("sv", "en"):
                file = Path(folder) / f"{name}.{locale}.md"
                file.parent.mkdir(exist_ok=True)
                head = f"---\nsubject: {name}\npreheader: Några rader\n---\n"
                file.write_text(f"{head}{line}\n", encoding="utf-8")
        return store(session, names, now=now, content=Path(folder))


class PostOffice:
    """A shop with one contact in one flow, and a sender whose SES is fake."""

    store_templates = staticmethod(store_letters)

    def __init__(
        self,
        database: Database,
        *,
        flow: Flow | None = None,
        address: str = ADDRESS,
        **sending: Any,
    ) -> None:
        self.database = database
        self.clock = FrozenClock(NOON)
        self.shop = Shop(database)
        self.ses = FakeSes()
        with database.write() as session:
            publish(session, flow or letters(), now=NOON, store_templates=self.store_templates)
        self.contact_id = self.subscriber("u", address)
        self.enroll("e-1", self.contact_id)
        self.sender = self.another_sender(**sending)

    def another_sender(self, *, holdout: float = 0.0, **sending: Any) -> Sender:
        """Build a sender, as each worker process does."""
        rails = SendingSettings(**({"production": True} | NO_CALM | sending))
        shop = sample_shop()
        envelope = Envelope(database=self.database, shop=shop, api=API)
        return Sender(
            database=self.database,
            ses=self.ses,
            clock=self.clock,
            envelope=envelope,
            sending=rails,
            experiments=ExperimentSettings(holdout=holdout),
        )

    def subscriber(self, user: str, address: str = ADDRESS) -> str:
        """Let somebody subscribe, a day ago; all of it is relayed already."""
        self.shop.post(identify(user, email=address, timezone="Europe/Helsinki"))
        self.shop.post(track("Email Subscribed", user, ago=24 * 60))
        self.relay_all()
        return self.shop.contact_id(user)

    def enroll(self, enrollment_id: str, contact_id: str, **values: Any) -> None:
        """Write an enrollment that stands at the first letter."""
        with self.database.write() as session:
            given = {"flow": "letters", "flow_version": 1, "step_id": "hello", "started_at": NOON}
            workflow_id = f"letters/{enrollment_id}"
            session.add(
                Enrollment(
                    id=enrollment_id,
                    contact_id=contact_id,
                    workflow_id=workflow_id,
                    **(given | values),
                )
            )

    def relay_all(self) -> None:
        """Empty the outbox as if the relay had run: the gate must not lean on it."""
        with self.database.write() as session:
            session.execute(delete(OutboxEntry))

    def happens(self, event: str, /, *, user: str = "u", **more: Any) -> None:
        """Let something happen, and be relayed."""
        self.shop.post(track(event, user, **more))
        self.relay_all()

    @property
    def published(self) -> PublishedFlow:
        with self.database.read() as session:
            return pinned_flow(session, "letters", 1)

    def order(self, step_id: str = "hello", **changes: Any) -> SendInput:
        """Order the message of a step, as the workflow does."""
        published = self.published
        step = published.graph.steps[step_id]
        following = published.graph.following[step_id]
        name = f"letters/{step_id}"
        order = SendInput(
            enrollment_id="e-1",
            contact_id=self.contact_id,
            flow="letters",
            flow_version=1,
            step_id=step_id,
            template=name,
            template_digest=published.templates[name],
            purpose=published.flow.purpose_of(step),  # type: ignore[arg-type]
            now=NOON,
            due_at=NOON,
            started_at=NOON,
            next_step=following,
            resume=to_json(NIGHT) if following == "a-night" else None,
        )
        return replace(order, **changes)

    def send(self, step_id: str = "hello", **changes: Any) -> Outcome:
        """Send the message of a step."""
        return self.sender.send(self.order(step_id, **changes))

    def message(self, step_id: str = "hello") -> Message:
        """Read a message's row, on a connection of its own."""
        with self.database.read() as session:
            query = select(Message).where(Message.step_id == step_id)
            return session.execute(query).scalar_one()

    def enrollment(self, enrollment_id: str = "e-1") -> Enrollment:
        """Read an enrollment's row."""
        with self.database.read() as session:
            return session.get_one(Enrollment, enrollment_id)

    def later(self, by: timedelta) -> None:
        """Move wall time."""
        self.clock.move(by)
        self.shop.now = self.clock.now()

    @property
    def mail(self) -> email.message.EmailMessage:
        """Read the one message that SES took."""
        assert len(self.ses.accepted) == 1
        return self.ses.accepted[0].mail
