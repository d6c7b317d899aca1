"""Conditions evaluated against the database, for real contacts.

The same answers as `sekvens.segments.memory`, boundaries included. A tree becomes one statement.
Properties and traits are JSON, whose values the two databases turn into text each in its own way:
they are fetched and compared here, by the same code as everywhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, not_, or_, select, true
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.events.tables import Cart, ContactEvent
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    Happened,
    HasTrait,
    InStock,
    Lapsed,
    Not,
    Owns,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.products.queries import in_stock, product_ids_of
from sekvens.products.tables import OrderLine, ProductVariant
from sekvens.segments import memory
from sekvens.segments.figures import reorder_gap
from sekvens.send_time.local_time import zone_or


def holds(
    session: Session,
    condition: Condition,
    *,
    contact_id: str,
    now: datetime,
    contact_ids: Sequence[str] = (),
    entry_key: str | None = None,
) -> bool:
    """Tell whether a condition holds for a contact at `now` (shop time), for an entry of this key.

    `contact_id` is the canonical contact; `contact_ids` are all that the person is known as, where
    the caller knows them already.
    """
    ids = tuple(contact_ids) or known_as(session, [contact_id])[contact_id]
    clause = _Translation(session, contact_id, ids, now, entry_key).clause(condition)
    return bool(session.scalar(select(clause)))


@dataclass(frozen=True)
class _Translation:
    """Turns a condition into an SQL expression about one contact at one time."""

    session: Session
    contact_id: str
    contact_ids: tuple[str, ...]
    now: datetime
    entry_key: str | None

    def clause(self, condition: Condition) -> ColumnElement[bool]:
        match condition:
            case Not():
                return not_(self.clause(condition.condition))
            case AllOf():
                return and_(true(), *(self.clause(inner) for inner in condition.conditions))
            case AnyOf():
                return or_(false(), *(self.clause(inner) for inner in condition.conditions))
            case Subscribed():
                return self._subscribed()
            case Happened():
                return self._happened(condition)
            case _:
                return true() if self._is_so(condition) else false()

    def _is_so(self, condition: Condition) -> bool:
        match condition:
            case TraitIs():
                return memory.has_trait(self._traits(), condition)
            case HasTrait():
                return self._traits().get(condition.trait) is not None
            case DateWithin():
                told, zone = self._traits().get(condition.trait), self._zone()
                return memory.comes_within(told, condition.within, now=self.now, zone=zone)
            case Lapsed():
                return self._lapsed()
            case Received():
                return self._received(condition.within) >= condition.times
            case Owns():
                return self._owns()
            case InStock():
                return self._in_stock()
            case _:
                raise AssertionError(condition)

    def _subscribed(self) -> ColumnElement[bool]:
        return exists().where(
            Consent.contact_id == self.contact_id,
            Consent.purpose == Purpose.MARKETING,
            Consent.status == ConsentStatus.SUBSCRIBED,
        )

    def _happened(self, condition: Happened) -> ColumnElement[bool]:
        candidates = self._events(condition.pattern.name, condition.within)
        if condition.times == 1 and not condition.pattern.is_bound:
            return exists().where(*candidates)
        found = self.session.scalars(select(ContactEvent.properties).where(*candidates))
        return true() if memory.counts(condition, found, self.entry_key) else false()

    def _events(self, name: str, within: timedelta | None) -> list[ColumnElement[bool]]:
        clauses: list[ColumnElement[bool]] = [
            ContactEvent.contact_id.in_(self.contact_ids),
            ContactEvent.name == name,
            ContactEvent.occurred_at <= self.now,
        ]
        if within is not None:
            clauses.append(ContactEvent.occurred_at >= self.now - within)
        return clauses

    def _traits(self) -> dict[str, Any]:
        query = select(Contact.traits).where(Contact.id == self.contact_id)
        return self.session.scalar(query) or {}

    def _zone(self) -> str:
        query = select(Contact.timezone).where(Contact.id == self.contact_id)
        return zone_or(self.session.scalar(query), "UTC")

    def _lapsed(self) -> bool:
        last = select(func.max(ContactEvent.occurred_at)).where(*self._events(memory.ORDER, None))
        gap = reorder_gap(self.session)
        return memory.is_gone(self.session.scalar(last), gap, now=self.now)

    def _received(self, within: timedelta | None) -> int:
        ours = [
            Message.contact_id.in_(self.contact_ids),
            Message.purpose == Purpose.MARKETING,
            Message.state == MessageState.ACCEPTED,
            Message.sent_on <= self.now,
        ]
        if within is not None:
            ours.append(Message.sent_on >= self.now - within)
        reported = self._events(memory.EMAIL_DELIVERED, within)
        counts = [
            self.session.scalar(select(func.count()).select_from(table).where(*clauses)) or 0
            for table, clauses in ((Message, ours), (ContactEvent, reported))
        ]
        return sum(counts)

    def _owns(self) -> bool:
        if self.entry_key is None:
            return False
        product_id = product_ids_of(self.session, [self.entry_key])[self.entry_key]
        variants = select(ProductVariant.id).where(ProductVariant.product_id == product_id)
        lines = exists().where(
            OrderLine.contact_id.in_(self.contact_ids),
            OrderLine.ordered_at <= self.now,
            OrderLine.state == "completed",
            or_(
                OrderLine.product_id.in_([product_id, self.entry_key]),
                OrderLine.product_id.in_(variants),
            ),
        )
        return bool(self.session.scalar(select(lines)))

    def _in_stock(self) -> bool:
        query = select(Cart.lines).where(
            Cart.contact_id.in_(self.contact_ids), Cart.cart_id == self.entry_key
        )
        ids = [memory.product_ids(lines) for lines in self.session.scalars(query)]
        wanted = set().union(*ids)
        return not wanted or any(in_stock(self.session, wanted).values())
