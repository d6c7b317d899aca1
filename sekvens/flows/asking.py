"""The words in which a flow file asks about a contact: they build conditions."""

from datetime import timedelta

from sekvens.flows.conditions import (
    SIGNS_OF_LIFE,
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    EventPattern,
    Happened,
    HasTrait,
    InFlow,
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
from sekvens.flows.dealings import (
    Bounced,
    Breadth,
    ClickRate,
    EngagementIs,
    Level,
    Measure,
    Ordered,
    Spent,
    TopShare,
    Viewed,
)


def subscribed() -> Condition:
    """The contact wants our marketing."""
    return Subscribed()


def happened(
    name: str | EventPattern,
    *,
    within: timedelta | None = None,
    times: int = 1,
    each: str | None = None,
) -> Condition:
    """The contact did this, ever or within a time before now, at least so many times.

    With `each`, that many different values of a property are wanted: two orders, not two events of
    one order.
    """
    pattern = EventPattern(name=name) if isinstance(name, str) else name
    return Happened(pattern=pattern, within=within, times=times, each=each)


def active(*, within: timedelta) -> Condition:
    """The contact has given a sign of life: a visit, a click of their own, an order."""
    return any_of(*(happened(name, within=within) for name in SIGNS_OF_LIFE))


def lapsed() -> Condition:
    """The contact has ordered, and not for as long as this shop's customers take to come back."""
    return Lapsed()


def order_expected(*, within: timedelta) -> Condition:
    """The contact's next order is expected within this time, where a model is trusted to tell."""
    return OrderExpected(within=within)


def received(times: int, *, within: timedelta | None = None) -> Condition:
    """At least so many marketing messages have reached the contact."""
    return Received(times=times, within=within)


def owns_product() -> Condition:
    """The contact has ordered the product that the entry key names."""
    return Owns()


def in_stock() -> Condition:
    """Something in the cart that the entry key names can still be bought."""
    return InStock()


def product_in_stock() -> Condition:
    """The product that the entry key names can be bought."""
    return ProductInStock()


def price_stands() -> Condition:
    """The product that the entry key names costs no more than when its price last dropped."""
    return PriceStands()


def needs_again(*, ahead: timedelta, overdue: timedelta) -> Condition:
    """The contact needs something again by their own rhythm, or by that of others who buy it.

    The day on which it is due lies at most `ahead` from now, and at most `overdue` back.
    """
    return NeedsAgain(ahead=ahead, overdue=overdue)


def in_flow(name: str) -> Condition:
    """The contact is under way in this flow."""
    return InFlow(flow=name)


def has_trait(trait: str) -> Condition:
    """The contact has this trait."""
    return HasTrait(trait=trait)


def date_within(trait: str, within: timedelta) -> Condition:
    """A date of the contact's (`birthday`) comes round again within this time."""
    return DateWithin(trait=trait, within=within)


def trait_is(trait: str, value: str) -> Condition:
    """A trait of the contact has this value."""
    return TraitIs(trait=trait, value=value)


def spent(
    at_least: float, *, measure: Measure = "total", within: timedelta | None = None
) -> Condition:
    """The contact's orders came to this much of the shop's currency: in all, last, on average."""
    return Spent(measure=measure, at_least=round(at_least * 100), within=within)


def ordered(
    times: int = 1,
    *,
    within: timedelta | None = None,
    product: str | None = None,
    category: str | None = None,
    brand: str | None = None,
) -> Condition:
    """The contact has ordered; with `product`, `category` or `brand`, that. Kept orders count."""
    return Ordered(times=times, within=within, product=product, category=category, brand=brand)


def viewed(
    times: int = 1,
    *,
    within: timedelta | None = None,
    product: str | None = None,
    category: str | None = None,
    brand: str | None = None,
) -> Condition:
    """The contact has looked at products; with `product`, `category` or `brand`, at that."""
    return Viewed(times=times, within=within, product=product, category=category, brand=brand)


def breadth(categories: int) -> Condition:
    """The contact has ordered from at least so many categories."""
    return Breadth(categories=categories)


def top_share(share: float) -> Condition:
    """The contact is among this share of customers (0.05: one in twenty) by what they spent."""
    return TopShare(share=share)


def engagement_is(level: Level) -> Condition:
    """How lately the contact gave a sign of life: `new`, `active`, `cooling` or `dormant`."""
    return EngagementIs(level=level)


def click_rate(at_least: int, *, within: timedelta, received: int = 1) -> Condition:
    """The contact clicked so often for a hundred marketing messages, of at least `received`."""
    return ClickRate(at_least=at_least, within=within, received=received)


def bounced(times: int = 1, *, within: timedelta | None = None) -> Condition:
    """At least so many messages to the contact came back softly."""
    return Bounced(times=times, within=within)


def not_(condition: Condition) -> Condition:
    """The condition does not hold."""
    return Not(condition=condition)


def all_of(*conditions: Condition) -> Condition:
    """Every one of the conditions holds."""
    return AllOf(conditions=conditions)


def any_of(*conditions: Condition) -> Condition:
    """At least one of the conditions holds."""
    return AnyOf(conditions=conditions)
