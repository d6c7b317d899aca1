"""Conditions and event patterns: what a flow may ask about a contact, as data.

One syntax tree, evaluated in two places: `sekvens.segments.sql` for real contacts and
`sekvens.segments.memory` for the simulator. A condition never holds an evaluator.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Literal, TypeAlias

from sekvens.flows.dealings import Dealing
from sekvens.flows.keys import key_of

#: Any of these is a sign of life. Opens are none, because machines open mail.
SIGNS_OF_LIFE = (
    "Email Subscribed",
    "Order Completed",
    "Checkout Started",
    "Product Added",
    "Cart Viewed",
    "Product Viewed",
    "Product List Viewed",
    "Products Searched",
    "Product Reviewed",
    "Email Link Clicked",
    "Question Answered",
    "page",
)


@dataclass(frozen=True, kw_only=True)
class EventPattern:
    """Events of one name whose properties equal those in `where`, as (property, value) pairs.

    With `same`, that property must also equal the enrollment's entry key: the same order, the same
    product, and not another one of the same contact. With `other`, it must differ from it.
    """

    name: str
    where: tuple[tuple[str, str], ...] = ()
    same: str | None = None
    other: str | None = None
    kind: Literal["event"] = "event"

    @cached_property
    def key(self) -> str:
        """The pattern's stable identity, by which the relay says which patterns matched."""
        wanted = [f"{name}={value}" for name, value in sorted(self.where)]
        wanted += [
            f"{name}{sign}<entry>" for name, sign in ((self.same, "="), (self.other, "!=")) if name
        ]
        return "&".join([self.name, *wanted])

    def matches(
        self, name: str, properties: Mapping[str, object], *, entry_key: str | None = None
    ) -> bool:
        """Tell whether an event of this name with these properties fits an entry of this key."""
        return (
            name == self.name
            and (
                not self.where
                or all(str(properties.get(wanted)) == value for wanted, value in self.where)
            )
            and (self.same is None or is_key(entry_key, properties.get(self.same)))
            and (self.other is None or not is_key(entry_key, properties.get(self.other)))
        )

    @property
    def is_bound(self) -> bool:
        """Tell whether it depends on the entry, or on more than the event's name."""
        return bool(self.where or self.same or self.other)


def is_key(entry_key: str | None, value: object) -> bool:
    """Tell whether an event's property is the key of an entry."""
    return value is not None and entry_key is not None and key_of(value) == entry_key


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """The contact's consent to marketing is `subscribed`."""

    kind: Literal["subscribed"] = "subscribed"


@dataclass(frozen=True, kw_only=True)
class Happened:
    """The contact has done this; `within` looks back from now, None looks back for ever.

    At least `times`: events, or different values of the property `each` (orders, not their events).
    """

    pattern: EventPattern
    within: timedelta | None = None
    times: int = 1
    each: str | None = None
    kind: Literal["happened"] = "happened"


@dataclass(frozen=True, kw_only=True)
class TraitIs:
    """A trait of the contact equals a value, compared as text."""

    trait: str
    value: str
    kind: Literal["trait_is"] = "trait_is"


@dataclass(frozen=True, kw_only=True)
class HasTrait:
    """The contact has this trait, whatever its value."""

    trait: str
    kind: Literal["has_trait"] = "has_trait"


@dataclass(frozen=True, kw_only=True)
class DateWithin:
    """A date that the contact told us (a birthday) comes round again within this time."""

    trait: str
    within: timedelta
    kind: Literal["date_within"] = "date_within"


@dataclass(frozen=True, kw_only=True)
class Lapsed:
    """The contact has ordered once, and not for as long as the shop's own customers take.

    How long that is, is worked out from the shop's orders: `sekvens.segments.figures`.
    """

    kind: Literal["lapsed"] = "lapsed"


@dataclass(frozen=True, kw_only=True)
class OrderExpected:
    """The contact's next order is expected within this time, by a model that is trusted with it.

    Without one, or once an order has come since it was foretold, nothing is expected of them.
    """

    within: timedelta
    kind: Literal["order_expected"] = "order_expected"


@dataclass(frozen=True, kw_only=True)
class Received:
    """At least `times` marketing messages have reached the contact, ours and reported ones."""

    times: int
    within: timedelta | None = None
    kind: Literal["received"] = "received"


@dataclass(frozen=True, kw_only=True)
class Owns:
    """The contact has ordered the product that the entry key names, and kept it."""

    kind: Literal["owns"] = "owns"


@dataclass(frozen=True, kw_only=True)
class InStock:
    """Something in the cart that the entry key names can still be bought."""

    kind: Literal["in_stock"] = "in_stock"


@dataclass(frozen=True, kw_only=True)
class ProductInStock:
    """The product that the entry key names can be bought; one that we do not know can."""

    kind: Literal["product_in_stock"] = "product_in_stock"


@dataclass(frozen=True, kw_only=True)
class PriceStands:
    """The product that the entry key names costs no more than when its price last dropped."""

    kind: Literal["price_stands"] = "price_stands"


@dataclass(frozen=True, kw_only=True)
class NeedsAgain:
    """The contact needs a product again that they have bought, and it can be bought.

    The day on which it is due lies at most `ahead` from now, and at most `overdue` back. What they
    have bought since, sent back or refused, they do not need.
    """

    ahead: timedelta
    overdue: timedelta
    kind: Literal["needs_again"] = "needs_again"


@dataclass(frozen=True, kw_only=True)
class InFlow:
    """The contact is under way in this flow."""

    flow: str
    kind: Literal["in_flow"] = "in_flow"


@dataclass(frozen=True, kw_only=True)
class InSegment:
    """The contact is in a segment, which is pinned by value: its name is for people to read."""

    name: str
    condition: "Condition"
    kind: Literal["in_segment"] = "in_segment"


@dataclass(frozen=True, kw_only=True)
class Not:
    """The inner condition does not hold."""

    condition: "Condition"
    kind: Literal["not"] = "not"


@dataclass(frozen=True, kw_only=True)
class AllOf:
    """Every inner condition holds; an empty list holds."""

    conditions: tuple["Condition", ...]
    kind: Literal["all_of"] = "all_of"


@dataclass(frozen=True, kw_only=True)
class AnyOf:
    """At least one inner condition holds; an empty list does not."""

    conditions: tuple["Condition", ...]
    kind: Literal["any_of"] = "any_of"


Condition: TypeAlias = (
    Subscribed
    | Happened
    | TraitIs
    | HasTrait
    | DateWithin
    | Lapsed
    | OrderExpected
    | Received
    | Owns
    | InStock
    | ProductInStock
    | PriceStands
    | NeedsAgain
    | InFlow
    | Dealing
    | InSegment
    | Not
    | AllOf
    | AnyOf
)
