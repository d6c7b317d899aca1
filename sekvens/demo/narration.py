"""The demo's live report: what the database says has happened, a line for each thing.

It reads only what the services committed, so a line means that it is so.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import Message, MessageState

_LEFT: dict[str, str] = {
    ExitReason.COMPLETED: "has had all of it",
    ExitReason.CONVERTED: "ordered, and leaves",
    ExitReason.UNSUBSCRIBED: "unsubscribed, and leaves",
    ExitReason.SUPPRESSED: "must not be mailed, and leaves",
    ExitReason.SUPERSEDED: "is at the checkout, and leaves",
    ExitReason.NO_LONGER_MATCHES: "has no reason left, and leaves",
}


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One thing that happened to one contact in one flow."""

    at: datetime  #: shop time
    first_name: str
    contact_id: str
    flow: str
    kind: str  #: entered, sent, skipped, parked, left
    text: str


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How much has happened so far."""

    enrollments: int = 0
    under_way: int = 0
    sent: int = 0
    skipped: int = 0
    parked: int = 0
    #: exit reason -> enrollments
    left: dict[str, int] = field(default_factory=dict)
    first_accepted_at: datetime | None = None  #: wall time

    @property
    def left_early(self) -> int:
        """Enrollments that ended before their last step."""
        return sum(count for reason, count in self.left.items() if reason != ExitReason.COMPLETED)


class Narrator:
    """Tells what is new since it was last asked."""

    def __init__(self, database: Database, *, shop_now: Callable[[], datetime]) -> None:
        self._database = database
        self._shop_now = shop_now
        self._told: set[tuple[str, str]] = set()

    def news(self) -> list[Happening]:
        """List what happened since the last call, oldest first."""
        happenings = [*self._enrollment_news(), *self._message_news()]
        return sorted(happenings, key=lambda happening: happening.at)

    def tally(self) -> Tally:
        """Count everything so far."""
        with self._database.read() as session:
            states = _counts(session, Enrollment.state)
            left = _counts(
                session, Enrollment.exit_reason, Enrollment.state == EnrollmentState.ENDED
            )
            messages = _counts(session, Message.state)
            first = session.scalar(select(func.min(Message.accepted_at)))
        return Tally(
            enrollments=sum(states.values()),
            under_way=states.get(EnrollmentState.ACTIVE, 0),
            parked=states.get(EnrollmentState.PARKED, 0),
            sent=messages.get(MessageState.ACCEPTED, 0),
            skipped=messages.get(MessageState.SKIPPED, 0),
            left={reason or "unknown": count for reason, count in left.items()},
            first_accepted_at=first,
        )

    def _enrollment_news(self) -> list[Happening]:
        with self._database.read() as session:
            rows = session.execute(
                select(Enrollment, Contact.first_name)
                .join(Contact, Contact.id == Enrollment.contact_id)
                .order_by(Enrollment.started_at)
            )
            found = list(rows)
        news: list[Happening] = []
        for enrollment, first_name in found:
            if self._is_new(enrollment.id, "entered"):
                news.append(_about(enrollment, first_name, "entered", enrollment.started_at))
            if enrollment.state == EnrollmentState.PARKED and self._is_new(enrollment.id, "parked"):
                news.append(_about(enrollment, first_name, "parked", self._shop_now()))
            if enrollment.ended_at and self._is_new(enrollment.id, "left"):
                news.append(_about(enrollment, first_name, "left", enrollment.ended_at))
        return news

    def _message_news(self) -> list[Happening]:
        with self._database.read() as session:
            rows = session.execute(
                select(Message, Contact.first_name)
                .join(Contact, Contact.id == Message.contact_id)
                .where(Message.state.in_([MessageState.ACCEPTED, MessageState.SKIPPED]))
            )
            found = [row for row in rows if self._is_new(row[0].id, row[0].state)]
        return [
            Happening(
                at=message.sent_on or self._shop_now(),
                first_name=first_name or "somebody",
                contact_id=message.contact_id,
                flow=message.flow,
                kind="sent" if message.state == MessageState.ACCEPTED else "skipped",
                text=f"gets “{message.step_id}”"
                if message.state == MessageState.ACCEPTED
                else f"does not get “{message.step_id}”: {message.skip_reason}",
            )
            for message, first_name in found
        ]

    def _is_new(self, row_id: str, what: str) -> bool:
        if (row_id, what) in self._told:
            return False
        self._told.add((row_id, what))
        return True


def _counts(session: Session, column: Any, *only: Any) -> dict[str | None, int]:
    """Count rows by a column's value."""
    rows = session.execute(select(column, func.count()).where(*only).group_by(column))
    return dict(rows.all())


def _about(enrollment: Enrollment, first_name: str | None, kind: str, at: datetime) -> Happening:
    if kind == "entered":
        text = "enters"
    elif kind == "parked":
        text = f"is parked: {enrollment.parked_reason}"
    else:
        reason = enrollment.exit_reason or "unknown"
        text = _LEFT.get(reason, f"leaves: {reason}")
    return Happening(
        at=at,
        first_name=first_name or "somebody",
        contact_id=enrollment.contact_id,
        flow=enrollment.flow,
        kind=kind,
        text=text,
    )
