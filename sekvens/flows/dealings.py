"""Conditions on a contact's dealings with the shop: bought, looked at, clicked, come back.

As all conditions they are data; `sekvens.segments.dealings` answers them in memory and
`sekvens.segments.dealings_sql` in the database. An order counts unless it was refunded or
cancelled. Money is in hundredths of the shop's currency.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias

Measure: TypeAlias = Literal["total", "last", "average"]
Level: TypeAlias = Literal["new", "active", "cooling", "dormant"]

#: Whoever gave their first sign of life within this time is new.
NEW_FOR: Final = timedelta(days=30)
#: Whoever gave their last sign of life within this time is active,
ACTIVE_FOR: Final = timedelta(days=30)
#: and within this time cooling; later they are dormant.
COOLING_FOR: Final = timedelta(days=90)


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the contact's orders came to, in all, at the last one or on the average of them."""

    measure: Measure
    at_least: int  #: hundredths of the shop's currency
    within: timedelta | None = None
    kind: Literal["spent"] = "spent"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """At least `times` orders; with a product, category or brand, orders with it."""

    times: int = 1
    within: timedelta | None = None
    product: str | None = None
    category: str | None = None
    brand: str | None = None
    kind: Literal["ordered"] = "ordered"


@dataclass(frozen=True, kw_only=True)
class Viewed:
    """At least `times` looks at pages of products; or of a product, a category, a brand."""

    times: int = 1
    within: timedelta | None = None
    product: str | None = None
    category: str | None = None
    brand: str | None = None
    kind: Literal["viewed"] = "viewed"


@dataclass(frozen=True, kw_only=True)
class Breadth:
    """The contact has ordered from at least so many categories."""

    categories: int
    kind: Literal["breadth"] = "breadth"


@dataclass(frozen=True, kw_only=True)
class TopShare:
    """The contact is among this share of the shop's customers (0.05: one in twenty) by spending.

    What that takes is a figure of the shop's own, worked out once a day, and until it is known
    nobody is: `sekvens.segments.figures`.
    """

    share: float
    kind: Literal["top_share"] = "top_share"


@dataclass(frozen=True, kw_only=True)
class EngagementIs:
    """How lately the contact has given a sign of life: new, active, cooling or dormant."""

    level: Level
    kind: Literal["engagement_is"] = "engagement_is"


@dataclass(frozen=True, kw_only=True)
class ClickRate:
    """Clicks of the contact's own for a hundred marketing messages, of at least `received`."""

    at_least: int  #: clicks for a hundred messages
    within: timedelta
    received: int = 1
    kind: Literal["click_rate"] = "click_rate"


@dataclass(frozen=True, kw_only=True)
class Bounced:
    """At least `times` messages came back softly, of those sent `within` that time."""

    times: int = 1
    within: timedelta | None = None
    kind: Literal["bounced"] = "bounced"


Dealing: TypeAlias = (
    Spent | Ordered | Viewed | Breadth | TopShare | EngagementIs | ClickRate | Bounced
)
