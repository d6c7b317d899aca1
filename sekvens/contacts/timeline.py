"""What happened to one contact, moment by moment: what they did, and what we did.

Read from the facts; nothing is written. Every instant is shop time: what was noted by the wall
clock is told by the shop's. No address and no payload: events by name, with the ids that they name.
"""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from sekvens.contacts.person import Person
from sekvens.contacts.tables import ConsentChange, Suppression
from sekvens.engagement.tables import Engagement, Kind
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent
from sekvens.feedback.tables import MessageFate
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.tables import Message, MessageState

#: So many moments are told at once.
MOMENTS: Final = 100
#: What of an event's properties says which cart, order or product it was about.
NAMING: Final = ("order_id", "cart_id", "checkout_id", "product_id", "sku", "step", "question")


class What(StrEnum):
    """Kinds of moments."""

    EVENT = "event"  #: the contact did something
    ENROLLED = "enrolled"  #: a flow took them
    PARKED = "parked"  #: an enrollment began to wait for a person
    LEFT = "left"  #: an enrollment ended, for a reason
    SENT = "sent"  #: SES took a message, or may have
    SKIPPED = "skipped"  #: a message was due and was not sent, for a reason
    WAITS = "waits"  #: a message may not leave yet
    FATE = "fate"  #: SES reported what became of a message
    OPENED = "opened"
    CLICKED = "clicked"
    CONSENT = "consent"  #: a word of consent was given or taken back
    SUPPRESSED = "suppressed"  #: the address must not be mailed any more


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One thing that happened; what does not belong to its kind is empty."""

    at: datetime  #: shop time
    what: What
    flow: str = ""
    step: str = ""
    name: str = ""  #: an event's name; a consent's purpose
    reason: str = ""  #: why it was skipped or left, what it waits for, the fate, the status
    detail: str = ""  #: what the event names; where consent was given; SES's sub-type
    is_machine: bool = False  #: of an open or a click
    enrollment_id: str = ""
    message_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The newest moments before an instant, the newest first."""

    moments: Sequence[Moment]
    goes_on: bool  #: there are older ones


def timeline_of(
    session: Session,
    person: Person,
    shop_time: ShopTime,
    *,
    before: datetime | None = None,
    limit: int = MOMENTS,
) -> Timeline:
    """Tell what happened to a person, all of their contacts, before an instant of shop time."""
    asked = _Asked(session, person, shop_time, before, limit + 1)
    newest_first = heapq.merge(*asked.all(), key=lambda moment: moment.at, reverse=True)
    found = list(islice(newest_first, limit + 1))
    return Timeline(moments=found[:limit], goes_on=len(found) > limit)


@dataclass(frozen=True)
class _Asked:
    """One question; each of its answers is in order, the newest first."""

    session: Session
    person: Person
    shop_time: ShopTime
    before: datetime | None
    limit: int

    def all(self) -> Iterator[list[Moment]]:
        # Of one instant, what follows from something stands above it.
        yield from (self._ended(), self._suppressions(), self._engagement(), self._fates())
        yield from (self._sent(), self._unsent(), self._parked(), self._begun())
        yield from (self._consent(), self._events())

    def _newest(
        self, query: Select[*tuple[Any, ...]], column: Any, *, wall: bool = False
    ) -> Iterable[Any]:
        if self.before is not None:
            query = query.where(column < (self._wall if wall else self.before))
        return self.session.execute(query.order_by(column.desc()).limit(self.limit))

    @property
    def _wall(self) -> datetime | None:
        return None if self.before is None else self.shop_time.wall(self.before)

    def _events(self) -> list[Moment]:
        query = select(ContactEvent.occurred_at, ContactEvent.name, ContactEvent.properties).where(
            ContactEvent.contact_id.in_(self.person.ids)
        )
        return [
            Moment(at=at, what=What.EVENT, name=name, detail=_naming(properties))
            for at, name, properties in self._newest(query, ContactEvent.occurred_at)
        ]

    def _begun(self) -> list[Moment]:
        return [
            Moment(at=row.started_at, what=What.ENROLLED, flow=row.flow,
                   detail=f"v{row.flow_version}", enrollment_id=row.id)
            for (row,) in self._newest(self._enrollments(), Enrollment.started_at)
        ]  # fmt: skip

    def _parked(self) -> list[Moment]:
        query = self._enrollments().where(Enrollment.parked_at.is_not(None))
        return [
            Moment(at=self.shop_time.at(row.parked_at), what=What.PARKED, flow=row.flow,
                   step=row.step_id or "", reason=row.parked_code or "", enrollment_id=row.id)
            for (row,) in self._newest(query, Enrollment.parked_at, wall=True)
        ]  # fmt: skip

    def _ended(self) -> list[Moment]:
        query = self._enrollments().where(Enrollment.state == EnrollmentState.ENDED)
        return [
            Moment(at=row.ended_at, what=What.LEFT, flow=row.flow, step=row.step_id or "",
                   reason=row.exit_reason or "", enrollment_id=row.id)
            for (row,) in self._newest(query, Enrollment.ended_at) if row.ended_at is not None
        ]  # fmt: skip

    def _sent(self) -> list[Moment]:
        query = self._messages().where(Message.sent_on.is_not(None))
        return [
            _of_message(row, at=row.sent_on, what=What.SENT)
            for (row,) in self._newest(query, Message.sent_on)
        ]

    def _unsent(self) -> list[Moment]:
        query = self._messages().where(Message.sent_on.is_(None))
        return [
            _of_message(
                row,
                at=self.shop_time.at(row.claimed_at),
                what=What.SKIPPED if row.state == MessageState.SKIPPED else What.WAITS,
            )
            for (row,) in self._newest(query, Message.claimed_at, wall=True)
        ]

    def _fates(self) -> list[Moment]:
        query = (
            select(MessageFate, Message)
            .join(Message, Message.id == MessageFate.message_id)
            .where(Message.contact_id.in_(self.person.ids))
        )
        return [
            Moment(at=self.shop_time.at(fate.at), what=What.FATE, flow=row.flow, step=row.step_id,
                   reason=fate.state, detail=fate.detail or "", message_id=row.id)
            for fate, row in self._newest(query, MessageFate.at, wall=True)
        ]  # fmt: skip

    def _engagement(self) -> list[Moment]:
        query = (
            select(Engagement, Message)
            .join(Message, Message.id == Engagement.message_id)
            .where(Engagement.contact_id.in_(self.person.ids))
        )
        return [
            Moment(at=self.shop_time.at(done.at), flow=row.flow, step=row.step_id,
                   what=What.OPENED if done.kind == Kind.OPEN else What.CLICKED,
                   reason=done.reason or "", is_machine=done.is_machine, message_id=row.id)
            for done, row in self._newest(query, Engagement.at, wall=True)
        ]  # fmt: skip

    def _consent(self) -> list[Moment]:
        query = select(ConsentChange).where(ConsentChange.contact_id.in_(self.person.ids))
        return [
            Moment(at=row.at, what=What.CONSENT, name=row.purpose, reason=row.status,
                   detail=row.source)
            for (row,) in self._newest(query, ConsentChange.at)
        ]  # fmt: skip

    def _suppressions(self) -> list[Moment]:
        query = select(Suppression).where(Suppression.address_hash.in_(self.person.address_keys))
        return [
            Moment(at=row.at, what=What.SUPPRESSED, reason=row.reason, detail=row.source)
            for (row,) in self._newest(query, Suppression.at)
        ]

    def _enrollments(self) -> Select[*tuple[Any, ...]]:
        return select(Enrollment).where(Enrollment.contact_id.in_(self.person.ids))

    def _messages(self) -> Select[*tuple[Any, ...]]:
        return select(Message).where(Message.contact_id.in_(self.person.ids))


def _of_message(row: Message, *, at: datetime, what: What) -> Moment:
    in_doubt = what is What.SENT and row.state == MessageState.DISPATCHING
    return Moment(
        at=at,
        what=what,
        flow=row.flow,
        step=row.step_id,
        reason="in_doubt" if in_doubt else row.skip_reason or "",
        detail=(row.note or "") if what is What.WAITS else "",
        enrollment_id=row.enrollment_id,
        message_id=row.id,
    )


def _naming(properties: Mapping[str, Any]) -> str:
    """Say what an event was about, by the ids in it alone."""
    found = (properties.get(name) for name in NAMING)
    return ", ".join(str(value)[:80] for value in found if isinstance(value, str | int))
