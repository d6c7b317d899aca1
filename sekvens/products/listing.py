"""A product as somebody tells it: a file, the shop's backend, a platform. What is left out stays.

Whoever tells only how many there are takes no text and no price away, and the other way round.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sekvens.products.tables import Product


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a product costs. Times are shop time."""

    usual: Decimal  #: when it is not reduced
    reduced: Decimal | None = None
    reduced_from: datetime | None = None
    reduced_until: datetime | None = None
    currency: str | None = None

    def at(self, now: datetime) -> Decimal:
        """Tell what it costs at an instant of shop time."""
        begins, ends = self.reduced_from, self.reduced_until
        is_on = (begins is None or begins <= now) and (ends is None or now < ends)
        is_less = self.reduced is not None and self.reduced < self.usual
        return self.reduced if self.reduced is not None and is_less and is_on else self.usual


@dataclass(frozen=True, kw_only=True)
class Stock:
    """Whether a product can be ordered, and how many are left, if anybody knows."""

    in_stock: bool
    count: int | None = None


@dataclass(frozen=True, kw_only=True)
class CountedVariant:
    """One size or colour, as a platform that counts each by itself tells it."""

    item_id: str  #: what its counts go by
    count: int | None  #: at all places together, and below 0 if more were sold; None: uncounted
    sells_on: bool = False  #: it is sold though there are none


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A product's sizes and colours, each counted; none of them: it is not for sale."""

    variants: tuple[CountedVariant, ...] = ()
    is_all: bool = True  #: these are all that it comes in
    at: datetime  #: wall time at which it was so


@dataclass(frozen=True, kw_only=True)
class PlaceCount:
    """How many of one size or colour there are at one place. `at` is wall time."""

    item_id: str
    place_id: str
    count: int
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is told of one product. Texts are plain, and in one locale."""

    line: int  #: where it stands: in a file, or which of a request it is
    rows: int = 1  #: how many rows of the file tell it
    product_id: str
    also: tuple[str, ...] = ()  #: other names of this very product
    variant_ids: tuple[str, ...] = ()  #: names of its sizes and colours
    #: wall time at which it was so, by the clock of whoever tells; None: nobody knows
    at: datetime | None = None
    price: Price | None = None
    stock: Stock | Counted | None = None
    is_gone: bool = False  #: it is not for sale any more, and who never knew it has lost nothing
    texts: Mapping[str, Any] = field(default_factory=dict)  #: column of `Product` -> text
    page: Mapping[str, Any] = field(default_factory=dict)  #: column of `Product` -> value

    @property
    def is_whole(self) -> bool:
        """Tell whether a product that nobody knew can be made of it."""
        return self.price is not None and bool(self.texts.get("titles"))


def is_newest(row: Product, what: str, at: datetime | None) -> bool:
    """Tell whether nothing newer is known of a product than what is told of it now.

    Of what has no time of its own, nobody can know, and it counts.
    """
    known = row.told_at.get(what) if row.told_at else None
    return at is None or known is None or at >= datetime.fromisoformat(known)


def keep_newest(row: Product, what: str, at: datetime | None) -> None:
    """Remember since when something of a product is known to be so."""
    if at is not None:
        row.told_at = {**(row.told_at or {}), what: at.isoformat()}
