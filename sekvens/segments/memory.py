"""Conditions evaluated in memory, for the simulator and for tests.

`sekvens.segments.sql` gives the same answer to the same question; a property test holds the two
together. An event counts when it occurred at `now` or before; `within` includes its far boundary:
an event exactly so long ago still counts.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol, get_args
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
    Subscribed,
    TraitIs,
)
from sekvens.flows.dealings import Dealing
from sekvens.flows.keys import key_of
from sekvens.next_best.refusals import refused_in
from sekvens.segments.dealings import Goods, PastEvent, deals, how_many_received
from sekvens.segments.figures import REORDER_GAP_DEFAULT, Foretold
from sekvens.send_time.dates import next_return

__all__ = [
    "EMAIL_DELIVERED",
    "ORDER",
    "QUESTION_ANSWERED",
    "UNDOING",
    "ContactFacts",
    "Facts",
    "Need",
    "PastEvent",
    "comes_within",
    "counts",
    "has_trait",
    "holds",
    "is_gone",
    "product_ids",
]

ORDER = "Order Completed"
UNDOING = ("Order Refunded", "Order Cancelled")  #: what an order does not survive
EMAIL_DELIVERED = "Email Delivered"
QUESTION_ANSWERED = "Question Answered"


class Need(NamedTuple):
    """A product that a contact needs again, as a run has said. Times are shop time."""

    product_id: str
    due_on: datetime
    as_of: datetime


@dataclass(frozen=True, kw_only=True)
class ContactFacts:
    """What is known about one contact, and what of the shop's own a condition may ask for."""

    consent: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED  #: to marketing
    events: tuple[PastEvent, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)
    received: tuple[datetime, ...] = ()  #: shop times at which SES took our marketing messages
    sold_out: frozenset[str] = frozenset()  #: products that cannot be bought now
    raised: frozenset[str] = frozenset()  #: products whose price dropped, and has gone up again
    needs: tuple[Need, ...] = ()  #: what a run has said that the contact needs again
    cart: tuple[str, ...] = ()  #: products in the cart of the entry
    flows: frozenset[str] = frozenset()  #: flows that the contact is under way in
    reorder_gap: timedelta = REORDER_GAP_DEFAULT
    lapse: Foretold | None = None  #: from then on they have lapsed
    next_order: Foretold | None = None
    zone: str = "UTC"
    bounced: tuple[datetime, ...] = ()  #: shop times at which messages left that came back softly
    figures: Mapping[str, float] = field(default_factory=dict)  #: of the shop's own, by name
    goods: Mapping[str, Goods] = field(default_factory=dict)  #: by the id that events carry

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name."""
        return [event for event in self.events if event.name == name]

    def in_cart(self, _entry_key: str | None) -> Collection[str]:
        """List the products in the cart of the entry."""
        return self.cart


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
    def raised(self) -> frozenset[str]: ...
    @property
    def needs(self) -> Sequence[Need]: ...
    @property
    def flows(self) -> frozenset[str]: ...
    @property
    def reorder_gap(self) -> timedelta: ...
    @property
    def lapse(self) -> Foretold | None: ...
    @property
    def next_order(self) -> Foretold | None: ...
    @property
    def zone(self) -> str: ...
    @property
    def bounced(self) -> Sequence[datetime]: ...
    @property
    def figures(self) -> Mapping[str, float]: ...
    @property
    def goods(self) -> Mapping[str, Goods]: ...

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name."""
        ...

    def in_cart(self, entry_key: str | None) -> Collection[str]:
        """List the products in the cart of an entry."""
        ...


def holds(
    condition: Condition, facts: Facts, *, now: datetime, entry_key: str | None = None
) -> bool:
    """Tell whether a condition holds at `now` (shop time), for an entry of this key."""
    return _ANSWERS[type(condition)](condition, facts, now, entry_key)


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
    last_order: datetime | None, gap: timedelta, lapse: Foretold | None = None, *, now: datetime
) -> bool:
    """Tell whether a customer has stayed away for longer than this shop's customers do.

    Or than is predicted of this one: that stands for as long as no order has come since.
    """
    if last_order is None:
        return False
    if lapse is not None and lapse.stands(last_order):
        return now > lapse.falls_on
    return now - last_order > gap


def is_expected(
    next_order: Foretold | None, last_order: datetime | None, within: timedelta, *, now: datetime
) -> bool:
    """Tell whether an order is foretold to come within a time, and none has come since."""
    return (
        next_order is not None
        and next_order.stands(last_order)
        and next_order.falls_on < now + within
    )


# One answer for each kind of condition; a table, because stories ask some hundred for each contact.


def _not(condition: Not, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    inner = condition.condition
    return not _ANSWERS[type(inner)](inner, facts, now, entry_key)


def _in_segment(condition: InSegment, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    return holds(condition.condition, facts, now=now, entry_key=entry_key)


def _all_of(condition: AllOf, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    for each in condition.conditions:  # noqa: SIM110  a loop is quicker
        if not _ANSWERS[type(each)](each, facts, now, entry_key):
            return False
    return True


def _any_of(condition: AnyOf, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    for each in condition.conditions:  # noqa: SIM110  a loop is quicker
        if _ANSWERS[type(each)](each, facts, now, entry_key):
            return True
    return False


def _happened(condition: Happened, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    pattern = condition.pattern
    named = facts.named(pattern.name)
    if not named:
        return condition.times < 1
    since = _since(condition.within, now)
    if condition.times != 1:
        had = _past(facts, pattern.name, now, since)
        return counts(condition, (event.properties for event in had), entry_key)
    # The newest fits most often, and whatever is counted, one is enough.
    for name, properties, at in reversed(named):
        if (
            at <= now
            and (since is None or at >= since)
            and pattern.matches(name, properties, entry_key=entry_key)
        ):
            return True
    return False


def _trait_is(condition: TraitIs, facts: Facts, _now: datetime, _key: str | None) -> bool:
    return has_trait(facts.traits, condition)


def _has_trait(condition: HasTrait, facts: Facts, _now: datetime, _key: str | None) -> bool:
    return facts.traits.get(condition.trait) is not None


def _date_within(condition: DateWithin, facts: Facts, now: datetime, _key: str | None) -> bool:
    told = facts.traits.get(condition.trait)
    return comes_within(told, condition.within, now=now, zone=facts.zone)


def _lapsed(_condition: Lapsed, facts: Facts, now: datetime, _key: str | None) -> bool:
    return is_gone(_last_order(facts, now), facts.reorder_gap, facts.lapse, now=now)


def _order_expected(
    condition: OrderExpected, facts: Facts, now: datetime, _key: str | None
) -> bool:
    return is_expected(facts.next_order, _last_order(facts, now), condition.within, now=now)


def _received(condition: Received, facts: Facts, now: datetime, _key: str | None) -> bool:
    return how_many_received(facts, now, _since(condition.within, now)) >= condition.times


def _deals(condition: Dealing, facts: Facts, now: datetime, _key: str | None) -> bool:
    return deals(condition, facts, now=now)


def _subscribed(_condition: Subscribed, facts: Facts, _now: datetime, _key: str | None) -> bool:
    return facts.consent is ConsentStatus.SUBSCRIBED


def _owns(_condition: Owns, facts: Facts, now: datetime, entry_key: str | None) -> bool:
    kept = kept_orders(facts, now)
    return any(entry_key in product_ids(order.properties.get("products")) for order in kept)


def _in_flow(condition: InFlow, facts: Facts, _now: datetime, _key: str | None) -> bool:
    return condition.flow in facts.flows


def _product_in_stock(
    _condition: ProductInStock, facts: Facts, _now: datetime, entry_key: str | None
) -> bool:
    return entry_key is None or entry_key not in facts.sold_out


def _price_stands(
    _condition: PriceStands, facts: Facts, _now: datetime, entry_key: str | None
) -> bool:
    return entry_key is None or entry_key not in facts.raised


def _needs_again(condition: NeedsAgain, facts: Facts, now: datetime, _key: str | None) -> bool:
    first, last = now - condition.overdue, now + condition.ahead
    due = [need for need in facts.needs if first <= need.due_on <= last]
    if not due:
        return False
    kept, had = kept_orders(facts, now), _past(facts, ORDER, now)
    answers = sorted(_past(facts, QUESTION_ANSWERED, now), key=attrgetter("occurred_at"))
    out = facts.sold_out | refused_in(event.properties for event in answers)
    out |= _products_of(event for event in had if event not in kept)
    return any(
        need.product_id not in out | _products_of(e for e in had if e.occurred_at > need.as_of)
        for need in due
    )


def _products_of(orders: Iterable[PastEvent]) -> set[str]:
    return set().union(*(product_ids(order.properties.get("products")) for order in orders))


def _in_stock(_condition: InStock, facts: Facts, _now: datetime, entry_key: str | None) -> bool:
    wanted = facts.in_cart(entry_key) if facts.sold_out else ()
    return not wanted or not facts.sold_out.issuperset(wanted)


_ANSWERS: Final[Mapping[type[Any], Callable[[Any, Facts, datetime, str | None], bool]]] = {
    Not: _not,
    InSegment: _in_segment,
    AllOf: _all_of,
    AnyOf: _any_of,
    Happened: _happened,
    TraitIs: _trait_is,
    HasTrait: _has_trait,
    DateWithin: _date_within,
    Lapsed: _lapsed,
    OrderExpected: _order_expected,
    Received: _received,
    Subscribed: _subscribed,
    Owns: _owns,
    InFlow: _in_flow,
    InStock: _in_stock,
    ProductInStock: _product_in_stock,
    PriceStands: _price_stands,
    NeedsAgain: _needs_again,
    **dict.fromkeys(get_args(Dealing), _deals),
}


def _last_order(facts: Facts, now: datetime) -> datetime | None:
    return max((event.occurred_at for event in _past(facts, ORDER, now)), default=None)


def _since(within: timedelta | None, now: datetime) -> datetime | None:
    return None if within is None else now - within


def product_ids(products: object) -> set[str]:
    """List the products of a cart or an order, as keys."""
    lines = products if isinstance(products, list | tuple) else []
    return {
        key_of(line["product_id"])
        for line in lines
        if isinstance(line, Mapping) and line.get("product_id") is not None
    }


def kept_orders(facts: Facts, now: datetime, since: datetime | None = None) -> list[PastEvent]:
    """List the orders, of all or since an instant, that neither went back nor were cancelled."""
    undone = [event for name in UNDOING for event in _past(facts, name, now)]
    gone = {key_of(event.properties.get("order_id")) for event in undone}
    had = _past(facts, ORDER, now, since)
    return [each for each in had if key_of(each.properties.get("order_id")) not in gone]


def _past(
    facts: Facts, name: str, now: datetime, since: datetime | None = None
) -> Sequence[PastEvent]:
    named = facts.named(name)
    return named and [
        event
        for event in named
        if event.occurred_at <= now and (since is None or event.occurred_at >= since)
    ]
