"""A contact's dealings with the shop, worked out in memory from their events.

Orders are folded from events as `sekvens.events.orders` folds them, so that the database, which
keeps them folded, comes to the same: a property test holds the two together.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from sekvens.events.facts import Fact
from sekvens.events.orders import fold_all, hundredths
from sekvens.events.schema import EMAIL_DELIVERED, EMAIL_LINK_CLICKED, ORDER_EVENTS, PRODUCT_VIEWED
from sekvens.flows.conditions import SIGNS_OF_LIFE
from sekvens.flows.dealings import (
    ACTIVE_FOR,
    COOLING_FOR,
    NEW_FOR,
    Bounced,
    Breadth,
    ClickRate,
    Dealing,
    EngagementIs,
    Level,
    Ordered,
    Spent,
    TopShare,
    Viewed,
)
from sekvens.flows.keys import key_of
from sekvens.products.order_lines import pieces_of
from sekvens.segments.figures import top_share

#: In an order that is always the same.
_ORDER_EVENTS: Final = tuple(sorted(ORDER_EVENTS))


class PastEvent(NamedTuple):
    """Something that a contact did."""

    name: str
    properties: dict[str, Any]
    occurred_at: datetime  #: shop time


class Goods(NamedTuple):
    """What an id that events carry is: a product, or one of its variants."""

    product: str
    category: str | None = None
    brand: str | None = None


class Purchase(NamedTuple):
    """An order that was neither refunded nor cancelled."""

    ordered_at: datetime
    amount: int  #: hundredths of the shop's currency
    products: tuple[str, ...]  #: ids as the order named them


class Dealt(Protocol):
    """What is asked of facts here."""

    @property
    def received(self) -> Sequence[datetime]: ...
    @property
    def bounced(self) -> Sequence[datetime]: ...
    @property
    def figures(self) -> Mapping[str, float]: ...
    @property
    def goods(self) -> Mapping[str, Goods]: ...

    def named(self, name: str) -> Sequence[PastEvent]:
        """List the events of a name."""
        ...


def deals(condition: Dealing, facts: Dealt, *, now: datetime) -> bool:
    """Tell whether a condition on dealings holds at `now` (shop time)."""
    match condition:
        case Spent():
            return _has_spent(condition, purchases(facts, now), now)
        case Ordered():
            return _count_orders(condition, facts, now) >= condition.times
        case Viewed():
            return _count_views(condition, facts, now) >= condition.times
        case Breadth():
            return _breadth(purchases(facts, now), facts.goods) >= condition.categories
        case TopShare():
            least = facts.figures.get(top_share(condition.share))
            bought = purchases(facts, now)
            return bool(bought) and least is not None and _total(bought) >= least
        case EngagementIs():
            return level(facts, now) == condition.level
        case ClickRate():
            return _clicks_enough(condition, facts, now)
        case Bounced():
            since = _since(now, condition.within)
            return sum(since <= at <= now for at in facts.bounced) >= condition.times


def purchases(facts: Dealt, now: datetime) -> list[Purchase]:
    """List the orders that still stand, as they were known at `now`, the oldest first."""
    happened = [event for name in _ORDER_EVENTS for event in facts.named(name)]
    if not happened:
        return []
    known = sorted((event for event in happened if event.occurred_at <= now), key=_when)
    states = fold_all(_as_fact(event, number) for number, event in enumerate(known)).values()
    return sorted(
        Purchase(state.ordered_at, hundredths(state.total), tuple(pieces_of(state.products)))
        for state in states
        if state.state == "completed"
    )


def level(facts: Dealt, now: datetime) -> Level:
    """Tell how lately the contact has given a sign of life."""
    signs = [
        event.occurred_at
        for name in SIGNS_OF_LIFE
        for event in facts.named(name)
        if event.occurred_at <= now
    ]
    if not signs or max(signs) < now - COOLING_FOR:
        return "dormant"
    if min(signs) >= now - NEW_FOR:
        return "new"
    return "active" if max(signs) >= now - ACTIVE_FOR else "cooling"


def how_many_received(facts: Dealt, now: datetime, since: datetime | None) -> int:
    """Count the marketing messages that reached the contact, ours and reported ones."""
    first = _since(now, None) if since is None else since
    reported = [event.occurred_at for event in facts.named(EMAIL_DELIVERED)]
    return len([at for at in (*facts.received, *reported) if first <= at <= now])


def spans_of(condition: Dealing) -> tuple[tuple[str, ...], tuple[timedelta, ...]]:
    """Tell by which events an answer changes, and at which of their ages."""
    orders = _ORDER_EVENTS
    match condition:
        case Spent() | Ordered():
            return orders, _some(condition.within)
        case Breadth() | TopShare():
            return orders, ()
        case Viewed():
            return (PRODUCT_VIEWED,), _some(condition.within)
        case EngagementIs():
            return SIGNS_OF_LIFE, (NEW_FOR, ACTIVE_FOR, COOLING_FOR)
        case ClickRate():
            return (EMAIL_LINK_CLICKED, EMAIL_DELIVERED), _some(condition.within)
        case Bounced():
            return (), _some(condition.within)


def is_wanted(condition: Ordered | Viewed, key: str, goods: Mapping[str, Goods]) -> bool:
    """Tell whether what an event calls so is what a condition names."""
    found = goods.get(key, Goods(key))
    return (
        condition.product in (None, found.product, key)
        and condition.category in (None, found.category)
        and condition.brand in (None, found.brand)
    )


def has_name(condition: Ordered | Viewed) -> bool:
    """Tell whether a condition names a product, a category or a brand."""
    return (condition.product, condition.category, condition.brand) != (None, None, None)


def _has_spent(condition: Spent, bought: Sequence[Purchase], now: datetime) -> bool:
    since = _since(now, condition.within)
    some = [each for each in bought if each.ordered_at >= since]
    if not some:
        return False
    match condition.measure:
        case "total":
            return _total(some) >= condition.at_least
        case "average":
            return _total(some) >= condition.at_least * len(some)
        case "last":
            last = max(each.ordered_at for each in some)
            return max(each.amount for each in some if each.ordered_at == last) >= (
                condition.at_least
            )


def _count_orders(condition: Ordered, facts: Dealt, now: datetime) -> int:
    if not facts.goods and (condition.category, condition.brand) != (None, None):
        return 0  # of no product is it known what it is
    since = _since(now, condition.within)
    some = [each for each in purchases(facts, now) if each.ordered_at >= since]
    if not has_name(condition):
        return len(some)
    return sum(
        any(is_wanted(condition, key, facts.goods) for key in each.products) for each in some
    )


def _count_views(condition: Viewed, facts: Dealt, now: datetime) -> int:
    since = _since(now, condition.within)
    some = [event for event in facts.named(PRODUCT_VIEWED) if since <= event.occurred_at <= now]
    if not has_name(condition):
        return len(some)
    return how_many_views(condition, (event.properties for event in some), facts.goods)


def how_many_views(
    condition: Viewed, looks: Iterable[Mapping[str, Any]], goods: Mapping[str, Goods]
) -> int:
    """Count the looks, given by their properties, at what a condition names."""
    ids = (look.get("product_id") for look in looks)
    keys = (key_of(product_id) for product_id in ids if product_id is not None)
    return sum(is_wanted(condition, key, goods) for key in keys)


def _breadth(bought: Sequence[Purchase], goods: Mapping[str, Goods]) -> int:
    found = (goods[key].category for each in bought for key in each.products if key in goods)
    return len({category for category in found if category is not None})


def _clicks_enough(condition: ClickRate, facts: Dealt, now: datetime) -> bool:
    since = _since(now, condition.within)
    received = how_many_received(facts, now, since)
    clicks = sum(since <= event.occurred_at <= now for event in facts.named(EMAIL_LINK_CLICKED))
    return received >= condition.received and clicks * 100 >= condition.at_least * received


def _total(bought: Iterable[Purchase]) -> int:
    return sum(each.amount for each in bought)


def _since(now: datetime, within: timedelta | None) -> datetime:
    return datetime.min.replace(tzinfo=now.tzinfo) if within is None else now - within


def _some(within: timedelta | None) -> tuple[timedelta, ...]:
    return () if within is None else (within,)


def _when(event: PastEvent) -> datetime:
    return event.occurred_at


def _as_fact(event: PastEvent, number: int) -> Fact:
    return Fact(
        event_id=number,
        message_id=f"#{number}",
        type="track",
        name=event.name,
        contact_id="",
        properties=event.properties,
        traits={},
        occurred_at=event.occurred_at,
    )
