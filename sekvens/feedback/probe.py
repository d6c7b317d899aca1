"""Probes: on a quiet day nothing shows whether the stream of events is alive, so we send something.

A probe goes to SES's mailbox simulator, which nobody reads and which harms no reputation. At most
one is on its way at a time, and at most one leaves in each stretch of time, whoever asks.
"""

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.feedback.tables import Feedback, Probe
from sekvens.sections import FeedbackSettings
from sekvens.ses.taking import Ses

logger = logging.getLogger(__name__)

#: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
SIMULATOR = "success@simulator.amazonses.com"
#: From the database's word to the signed request.
DEADLINE = timedelta(seconds=5)


class Prober:
    """Sends probes. One per process; threads share it."""

    def __init__(
        self,
        *,
        database: Database,
        ses: Ses,
        clock: Clock,
        feedback: FeedbackSettings,
        sender: str,
    ) -> None:
        self._database = database
        self._ses = ses
        self._clock = clock
        self._every = timedelta(seconds=feedback.probe_seconds)
        self._in_flight_max = timedelta(seconds=feedback.event_delay_seconds)
        self._sender = sender

    def probe(self) -> bool:
        """Send a probe, unless one is on its way or has just left; what SES says is no matter."""
        now = self._clock.now()
        with self._database.write() as session:
            probe_id = self._take_turn(session, now=now)
        if probe_id is None:
            return False
        try:
            self._ses.send(
                raw=_written(self._sender),
                sender=self._sender,
                recipient=SIMULATOR,
                tags={"message_id": probe_id, "probe": "yes"},
                deadline=time.monotonic() + DEADLINE.total_seconds(),
            )
        except SekvensError as error:
            extra = {"action": "probe_failed", "reason": type(error).__name__}
            logger.warning("a probe of SES's events could not be sent: %s", error, extra=extra)
            self._forget(probe_id)
        return True

    def _forget(self, probe_id: str) -> None:
        """Record that nobody knows of this probe that it left: its event is not waited for."""
        with self._database.write() as session:
            session.execute(update(Probe).where(Probe.id == probe_id).values(sent_at=None))

    def _take_turn(self, session: Session, *, now: datetime) -> str | None:
        answered = select(Feedback.id).where(Feedback.message_id == Probe.id).exists()
        in_flight = select(Probe.id).where(Probe.sent_at > now - self._in_flight_max, ~answered)
        if session.scalar(in_flight.limit(1)) is not None:
            return None
        insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
        taken = session.execute(
            insert(Probe)
            .values(id=new_id("p"), slot=int(now.timestamp() // self._every.total_seconds()),
                    sent_at=now)
            .on_conflict_do_nothing(index_elements=["slot"])
            .returning(Probe.id)
        )  # fmt: skip
        return taken.scalar_one_or_none()


def _written(sender: str) -> bytes:
    lines = (
        f"From: {sender}",
        f"To: {SIMULATOR}",
        "Subject: A probe of SES's events",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=us-ascii",
        "",
        "Sekvens asks whether Amazon SES still tells of what it takes. Nobody reads this.",
        "",
    )
    return "\r\n".join(lines).encode("ascii")
