"""Conditions evaluated against the database, for real contacts.

The same answers as `sekvens.segments.memory`, boundaries included. Properties and traits are JSON,
whose values the two databases turn into text each in its own way: they are fetched and compared
here, by the same code as everywhere else. So what the database can answer by itself is asked first,
in one statement, and the rest one by one for as long as the answer is open, events last.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    String,
    cast,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.contacts.zone import zone_of_row
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import Cart, ContactEvent
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    EventPattern,
    Happened,
    HasTrait,
    InFlow,
    InSegment,
    InStock,
    Lapsed,
    NeedsAgain,
    Not,
    OrderExpected,
    Owns,
    PriceStands,
    ProductInStock,
    Received,
    TraitIs,
)
from sekvens.flows.dealings import Viewed
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.next_best.reading import needs_again
from sekvens.predictions.kinds import Kind
from sekvens.products.changes import price_stands
from sekvens.products.queries import in_stock, product_ids_of
from sekvens.products.tables import OrderLine, ProductVariant
from sekvens.segments import memory, plain
from sekvens.segments.dealings_sql import has_looked
from sekvens.segments.figures import foretold, reorder_gap
from sekvens.segments.plain import happened, is_plain

#: Events looked at before all are read: of a flood of a hundred thousand, what is asked for is new.
NEWEST: Final = 50
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]+")
_SPELT_OTHERWISE: Final = frozenset({"true", "false", "none", "nan", "inf", "-inf"})
#: Of a value that is too long for a key; it stands in no event.
_HASH: Final = re.compile(r"[0-9a-f]{64}")


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
    return _Question(session, contact_id, tuple(contact_ids), now, entry_key).holds(condition)


def _cheapest_first(condition: AllOf | AnyOf) -> Iterator[Condition]:
    """List the conditions of one, those that the database can answer as a single one."""
    inner = condition.conditions
    at_once = tuple(each for each in inner if is_plain(each))
    if at_once:
        yield replace(condition, conditions=at_once)
    yield from sorted((each for each in inner if not is_plain(each)), key=_reads_events)


def _reads_events(condition: Condition) -> bool:
    """Tell whether events are read for it, of which a contact may have very many."""
    match condition:
        case Not() | InSegment():
            return _reads_events(condition.condition)
        case AllOf() | AnyOf():
            return any(_reads_events(inner) for inner in condition.conditions)
        case _:
            return isinstance(condition, Happened)


def _spelt(pattern: EventPattern, entry_key: str | None) -> Iterator[ColumnElement[bool]]:
    """Narrow events down to those in whose JSON the wanted values stand somewhere.

    Only for values that every type of JSON spells as Python does.
    """
    text = cast(ContactEvent.properties, String)
    wanted = [value for _, value in pattern.where]
    if pattern.same is not None and entry_key is not None and not _HASH.fullmatch(entry_key):
        wanted.append(entry_key)
    for value in wanted:
        if _PLAIN.fullmatch(value) and value.lower() not in _SPELT_OTHERWISE:
            yield text.contains(value, autoescape=True)


@dataclass(frozen=True)
class _Question:
    """Answers conditions about one contact at one time."""

    session: Session
    contact_id: str
    given: tuple[str, ...]  #: all that the person is known as; empty: it is looked up if need be
    now: datetime
    entry_key: str | None

    def holds(self, condition: Condition) -> bool:
        match condition:
            case AllOf(conditions=()) | AnyOf(conditions=()):
                return isinstance(condition, AllOf)
            case _ if is_plain(condition):
                return plain.answer(
                    self.session,
                    condition,
                    contact_id=self.contact_id,
                    known_as=lambda: self.contact_ids,
                    now=self.now,
                )
            case Not():
                return not self.holds(condition.condition)
            case InSegment():
                return self.holds(condition.condition)
            case AllOf():
                return all(self.holds(inner) for inner in _cheapest_first(condition))
            case AnyOf():
                return any(self.holds(inner) for inner in _cheapest_first(condition))
            case _:
                return self._is_so(condition)

    @cached_property
    def contact_ids(self) -> tuple[str, ...]:
        return self.given or known_as(self.session, [self.contact_id])[self.contact_id]

    def _is_so(self, condition: Condition) -> bool:
        match condition:
            case Happened():
                return self._has_happened(condition)
            case TraitIs() | HasTrait() | DateWithin():
                return self._has_told(condition)
            case Lapsed():
                return self._lapsed()
            case OrderExpected():
                return self._order_expected(condition.within)
            case Received():
                return self._received(condition.within) >= condition.times
            case InFlow():
                return self._in_flow(condition.flow)
            case Owns() | InStock() | ProductInStock() | PriceStands():
                return self._is_so_of_entry(condition)
            case NeedsAgain():
                span = {"ahead": condition.ahead, "overdue": condition.overdue}
                return needs_again(self.session, self.contact_id, now=self.now, **span)
            case Viewed():
                return has_looked(self.session, condition, self.contact_ids, now=self.now)
            case _:
                raise AssertionError(condition)

    def _is_so_of_entry(self, condition: Owns | InStock | ProductInStock | PriceStands) -> bool:
        match condition:
            case Owns():
                return self._owns()
            case InStock():
                return self._in_stock()
            case ProductInStock():
                return self._product_in_stock()
            case PriceStands():
                return self._price_stands()

    def _has_told(self, condition: TraitIs | HasTrait | DateWithin) -> bool:
        told = self._traits()
        match condition:
            case TraitIs():
                return memory.has_trait(told, condition)
            case HasTrait():
                return told.get(condition.trait) is not None
            case DateWithin():
                day, zone = told.get(condition.trait), self._zone()
                return memory.comes_within(day, condition.within, now=self.now, zone=zone)

    def _has_happened(self, condition: Happened) -> bool:
        candidates = self._events([condition.pattern.name], condition.within)
        spelt = _spelt(condition.pattern, self.entry_key)
        query = select(ContactEvent.properties).where(*candidates, *spelt)
        newest = self.session.scalars(
            query.order_by(ContactEvent.occurred_at.desc()).limit(NEWEST)
        ).all()
        if memory.counts(condition, newest, self.entry_key):
            return True
        if len(newest) < NEWEST:
            return False
        return memory.counts(condition, self.session.scalars(query), self.entry_key)

    def _events(self, names: Sequence[str], within: timedelta | None) -> list[ColumnElement[bool]]:
        whose = ContactEvent.contact_id.in_(self.contact_ids)
        return happened(whose, names, ago=self._ago, within=within)

    def _ago(self, span: timedelta) -> datetime:
        return self.now - span

    def _traits(self) -> dict[str, Any]:
        query = select(Contact.traits).where(Contact.id == self.contact_id)
        return self.session.scalar(query) or {}

    def _zone(self) -> str:
        contact = self.session.get(Contact, self.contact_id)
        return zone_of_row(contact, "UTC").name if contact is not None else "UTC"

    def _lapsed(self) -> bool:
        gap = reorder_gap(self.session)
        lapse = foretold(self.session, self.contact_id, Kind.LAPSE)
        return memory.is_gone(self._last_order(), gap, lapse, now=self.now)

    def _order_expected(self, within: timedelta) -> bool:
        order = foretold(self.session, self.contact_id, Kind.NEXT_ORDER)
        return memory.is_expected(order, self._last_order(), within, now=self.now)

    def _last_order(self) -> datetime | None:
        ordered = self._events([memory.ORDER], None)
        return self.session.scalar(select(func.max(ContactEvent.occurred_at)).where(*ordered))

    def _received(self, within: timedelta | None) -> int:
        ours = [
            Message.contact_id.in_(self.contact_ids),
            Message.purpose == Purpose.MARKETING,
            Message.state == MessageState.ACCEPTED,
            Message.sent_on <= self.now,
        ]
        if within is not None:
            ours.append(Message.sent_on >= self.now - within)
        reported = self._events([memory.EMAIL_DELIVERED], within)
        counts = [
            self.session.scalar(select(func.count()).select_from(table).where(*clauses)) or 0
            for table, clauses in ((Message, ours), (ContactEvent, reported))
        ]
        return sum(counts)

    def _in_flow(self, flow: str) -> bool:
        under_way = exists().where(
            Enrollment.contact_id.in_(self.contact_ids),
            Enrollment.flow == flow,
            Enrollment.state != EnrollmentState.ENDED,
        )
        return bool(self.session.scalar(select(under_way)))

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

    def _product_in_stock(self) -> bool:
        return self.entry_key is None or in_stock(self.session, [self.entry_key])[self.entry_key]

    def _price_stands(self) -> bool:
        if self.entry_key is None:
            return True
        product_id = product_ids_of(self.session, [self.entry_key])[self.entry_key]
        return price_stands(self.session, product_id, now=self.now)
