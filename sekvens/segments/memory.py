"""Conditions evaluated in memory, for the simulator and for tests.

`sekvens.segments.sql` gives the same answer to the same question; a property test holds the two
together. An event counts when it occurred at `now` or before; `within` includes its far boundary:
an event exactly so long ago still counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sekvens.contacts.tables import ConsentStatus
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    Happened,
    HasTrait,
    InFlow,
    InStock,
    Lapsed,
    Not,
    Owns,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.flows.keys import key_of
from sekvens.segments.figures import REORDER_GAP_DEFAULT, Lapse
from sekvens.send_time.dates import next_return

ORDER = "Order Completed"
UNDOING = ("Order Refunded", "Order Cancelled")  #: what an order does not survive
EMAIL_DELIVERED = "Email Delivered"


class PastEvent(NamedTuple):
    """Something that a contact did."""

    name: str
    properties: dict[str, Any]
    occurred_at: datetime  #: shop time


@dataclass(frozen=True, kw_only=True)
class ContactFacts:
    """What is known about one contact, and what of the shop's own a condition may ask for."""

    consent: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED  #: to marketing
    events: tuple[PastEvent, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    received: tuple[datetime, ...] = ()  #: shop times at which SES took our marketing messages
    sold_out: frozenset[str] = frozenset()  #: products that cannot be bought now
    cart: tuple[str, ...] = ()  #: products in the cart of the entry
    flows: frozenset[str] = frozenset()  #: flows that the contact is under way in
    reorder_gap: timedelta = REORDER_GAP_DEFAULT
    lapse: Lapse | None = None  #: where a model is trusted with it
    zone: str = "UTC"

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name."""
        return [event for event in self.events if event.name == name]


class Facts(Protocol):
    """What a condition may ask: `ContactFacts`, or facts that grow."""

    @property
    def consent(self) -> ConsentStatus: ...
    @property
    def traits(self) -> Mapping[str, Any]: ...
    @property
    def received(self) -> Sequence[datetime]: ...
    @property
    def sold_out(self) -> frozenset[str]: ...
    @property
    def cart(self) -> tuple[str, ...]: ...
    @property
    def flows(self) -> frozenset[str]: ...
    @property
    def reorder_gap(self) -> timedelta: ...
    @property
    def lapse(self) -> Lapse | None: ...
    @property
    def zone(self) -> str: ...

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name."""
        ...


def holds(
    condition: Condition, facts: Facts, *, now: datetime, entry_key: str | None = None
) -> bool:
    """Tell whether a condition holds at `now` (shop time), for an entry of this key."""
    match condition:
        case Not():
            return not holds(condition.condition, facts, now=now, entry_key=entry_key)
        case AllOf():
            return all(
                holds(inner, facts, now=now, entry_key=entry_key) for inner in condition.conditions
            )
        case AnyOf():
            return any(
                holds(inner, facts, now=now, entry_key=entry_key) for inner in condition.conditions
            )
        case _:
            return _holds(condition, facts, now, entry_key)


def counts(condition: Happened, found: Iterable[Mapping[str, Any]], entry_key: str | None) -> bool:
    """Tell whether enough of these events' properties fit; they have its name and its time."""
    pattern, fitting = condition.pattern, set[object]()
    for number, had in enumerate(found):
        if len(fitting) >= condition.times:
            break
        if pattern.matches(pattern.name, had, entry_key=entry_key):
            fitting.add(number if condition.each is None else str(had.get(condition.each)))
    return len(fitting) >= condition.times


def has_trait(traits: Mapping[str, Any], condition: TraitIs) -> bool:
    """Tell whether a trait equals the wanted value as text; one that is missing never does."""
    value = traits.get(condition.trait)
    return value is not None and str(value) == condition.value


def comes_within(told: object, within: timedelta, *, now: datetime, zone: str) -> bool:
    """Tell whether a date that the contact told us returns within a time; today's counts."""
    day = next_return(told, not_before=now.astimezone(ZoneInfo(zone)).date())
    return day is not None and day <= (now + within).astimezone(ZoneInfo(zone)).date()


def is_gone(
    last_order: datetime | None, gap: timedelta, lapse: Lapse | None = None, *, now: datetime
) -> bool:
    """Tell whether a customer has stayed away for longer than this shop's customers do.

    Or than is predicted of this one: that stands for as long as no order has come since.
    """
    if last_order is None:
        return False
    if lapse is not None and last_order <= lapse.predicted_on:
        return now > lapse.falls_on
    return now - last_order > gap


def _holds(condition: Condition, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    match condition:
        case Subscribed():
            return facts.consent is ConsentStatus.SUBSCRIBED
        case Happened():
            since = now - condition.within if condition.within is not None else None
            had = _past(facts, condition.pattern.name, now, since)
            return counts(condition, (event.properties for event in had), entry_key)
        case TraitIs():
            return has_trait(facts.traits, condition)
        case HasTrait():
            return facts.traits.get(condition.trait) is not None
        case DateWithin():
            told = facts.traits.get(condition.trait)
            return comes_within(told, condition.within, now=now, zone=facts.zone)
        case Lapsed():
            orders = [event.occurred_at for event in _past(facts, ORDER, now)]
            last = max(orders, default=None)
            return is_gone(last, facts.reorder_gap, facts.lapse, now=now)
        case Received():
            since = now - condition.within if condition.within is not None else None
            reported = [event.occurred_at for event in _past(facts, EMAIL_DELIVERED, now, since)]
            ours = [at for at in facts.received if at <= now and (since is None or at >= since)]
            return len(ours) + len(reported) >= condition.times
        case Owns() | InFlow() | InStock():
            return _has(condition, facts, now, entry_key)
        case _:
            raise AssertionError(condition)


def _has(
    condition: Owns | InFlow | InStock, facts: Facts, now: datetime, entry_key: str | None
) -> bool:
    match condition:
        case Owns():
            kept = _kept(facts, now)
            return any(entry_key in product_ids(order.get("products")) for order in kept)
        case InFlow():
            return condition.flow in facts.flows
        case InStock():
            return not facts.cart or not set(facts.cart) <= facts.sold_out


def product_ids(products: object) -> set[str]:
    """List the products of a cart or an order, as keys."""
    lines = products if isinstance(products, list | tuple) else []
    return {
        key_of(line["product_id"])
        for line in lines
        if isinstance(line, Mapping) and line.get("product_id") is not None
    }


def _kept(facts: Facts, now: datetime) -> list[Mapping[str, Any]]:
    """List the orders that have neither gone back nor been cancelled."""
    undone = [event for name in UNDOING for event in _past(facts, name, now)]
    gone = {key_of(event.properties.get("order_id")) for event in undone}
    had = [event.properties for event in _past(facts, ORDER, now)]
    return [order for order in had if key_of(order.get("order_id")) not in gone]


def _past(
    facts: Facts, name: str, now: datetime, since: datetime | None = None
) -> Sequence[PastEvent]:
    named = facts.named(name)
    return named and [
        event
        for event in named
        if event.occurred_at <= now and (since is None or event.occurred_at >= since)
    ]
