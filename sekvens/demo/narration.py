"""The demo's live report: what the database says has happened, a line for each thing.

It reads only what the services committed, so a line means that it is so; and only what may have
changed since the last look, however much lies in the database.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.facts import chunks
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import Message, MessageState

#: A row may be committed so long (wall time) after the instant that is written in it.
COMMITTED_WITHIN = timedelta(seconds=30)
_UNSETTLED = (MessageState.PENDING, MessageState.DISPATCHING)

_LEFT: dict[str, str] = {
    ExitReason.COMPLETED: "has had all of it",
    ExitReason.CONVERTED: "ordered, and leaves",
    ExitReason.UNSUBSCRIBED: "unsubscribed, and leaves",
    ExitReason.SUPPRESSED: "must not be mailed, and leaves",
    ExitReason.SUPERSEDED: "goes on in another flow, and leaves",
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


class Narrator:
    """Tells what is new since it was last asked; the first time, since it was made."""

    def __init__(
        self, database: Database, *, shop_time: ShopTime, now: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._shop_time = shop_time
        self._now = now
        self._since = now()  #: wall time
        self._told: set[tuple[str, str]] = set()
        self._unsettled: set[str] = set()  #: messages whose end was not known at the last look

    def news(self) -> list[Happening]:
        """List what happened since the last call, oldest first."""
        looked_at = self._now()
        since = self._since - COMMITTED_WITHIN
        found = [*self._enrollments(since), *self._messages(since)]
        news = [happening for row, happening in found if row not in self._told]
        # What is not found any more is older than any look will reach: no need to remember it.
        self._told = {row for row, _ in found}
        self._since = looked_at
        return sorted(news, key=lambda happening: happening.at)

    def _enrollments(self, since: datetime) -> Iterable[tuple[tuple[str, str], Happening]]:
        shop_since = self._shop_time.at(since)
        query = (
            select(Enrollment, Contact.first_name)
            .join(Contact, Contact.id == Enrollment.contact_id)
            .where(
                or_(
                    Enrollment.started_at >= shop_since,
                    Enrollment.ended_at >= shop_since,
                    Enrollment.state == EnrollmentState.PARKED,
                )
            )
        )
        with self._database.read() as session:
            rows = session.execute(query).all()
        for enrollment, first_name in rows:
            for kind, at in self._passage(enrollment, shop_since):
                yield (enrollment.id, kind), _about(enrollment, first_name, kind, at)

    def _passage(self, enrollment: Enrollment, since: datetime) -> Iterable[tuple[str, datetime]]:
        if enrollment.started_at >= since:
            yield "entered", enrollment.started_at
        if enrollment.state == EnrollmentState.PARKED:
            yield "parked", self._shop_time.at(self._now())
        if enrollment.ended_at is not None and enrollment.ended_at >= since:
            yield "left", enrollment.ended_at

    def _messages(self, since: datetime) -> Iterable[tuple[tuple[str, str], Happening]]:
        fresh = self._read(or_(Message.claimed_at >= since, Message.accepted_at >= since))
        settled_since = self._read_ids(self._unsettled - {message.id for message, _ in fresh})
        rows = [*fresh, *settled_since]
        self._unsettled = {message.id for message, _ in rows if message.state in _UNSETTLED}
        for message, first_name in rows:
            if message.state not in _UNSETTLED:
                at = message.sent_on or self._shop_time.at(self._now())
                yield (message.id, message.state), _of_message(message, first_name, at)

    def _read(self, clause: ColumnElement[bool]) -> list[tuple[Message, str | None]]:
        query = (
            select(Message, Contact.first_name)
            .join(Contact, Contact.id == Message.contact_id)
            .where(clause)
        )
        with self._database.read() as session:
            return [(message, first_name) for message, first_name in session.execute(query)]

    def _read_ids(self, ids: Collection[str]) -> list[tuple[Message, str | None]]:
        return [row for some in chunks(ids) for row in self._read(Message.id.in_(some))]


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


def _of_message(message: Message, first_name: str | None, at: datetime) -> Happening:
    is_sent = message.state == MessageState.ACCEPTED
    return Happening(
        at=at,
        first_name=first_name or "somebody",
        contact_id=message.contact_id,
        flow=message.flow,
        kind="sent" if is_sent else "skipped",
        text=f"gets “{message.step_id}”"
        if is_sent
        else f"does not get “{message.step_id}”: {message.skip_reason}",
    )
