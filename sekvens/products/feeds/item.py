"""A product as a feed tells it, in one locale.

`product_id` is what events carry as `product_id`: of things that come in sizes or colours, the id
of them all (`item_group_id`, a handle); the ids of the variants are kept beside it.
"""

import os.path
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from sekvens.imports.outcome import Rejected
from sekvens.products.listing import Listing, Price, Stock

TITLE_LENGTH_MAX: Final = 300
TEXT_LENGTH_MAX: Final = 5_000
BENEFITS_MAX: Final = 20


@dataclass(frozen=True, kw_only=True)
class FeedItem:
    """One product, or one variant on its way into its product. Texts are plain."""

    line: int  #: where it begins in the file
    rows: int = 1  #: how many rows of the file tell it
    product_id: str
    variant_ids: tuple[str, ...] = ()
    title: str
    description: str = ""
    benefits: tuple[str, ...] = ()
    care: str = ""
    category: str | None = None
    brand: str | None = None
    price: Decimal
    sale_price: Decimal | None = None
    sale_from: datetime | None = None  #: shop time
    sale_until: datetime | None = None  #: shop time
    currency: str | None = None
    url: str | None = None
    image_url: str | None = None
    in_stock: bool = True
    stock: int | None = None
    available_on: datetime | None = None  #: shop time

    def listing(self) -> Listing:
        """Tell it as everybody tells products: a feed says all there is about one."""
        return Listing(
            line=self.line,
            rows=self.rows,
            product_id=self.product_id,
            variant_ids=self.variant_ids,
            price=Price(
                usual=self.price,
                reduced=self.sale_price,
                reduced_from=self.sale_from,
                reduced_until=self.sale_until,
                currency=self.currency,
            ),
            stock=Stock(in_stock=self.in_stock, count=self.stock),
            texts={
                "titles": self.title,
                "descriptions": self.description,
                "benefits": list(self.benefits),
                "cares": self.care,
            },
            page={
                "category": self.category,
                "brand": self.brand,
                "url": self.url,
                "image_url": self.image_url,
                "available_on": self.available_on,
            },
        )


def without_repeats(items: Iterable[FeedItem | Rejected]) -> Iterator[FeedItem | Rejected]:
    """Pass on what has an id of its own; what repeats one is rejected, and the first one counts."""
    seen: set[str] = set()
    for item in items:
        own = {item.product_id, *item.variant_ids} if isinstance(item, FeedItem) else set()
        if isinstance(item, FeedItem) and own & seen:
            yield Rejected(
                line=item.line, reason="its id stands in the file already", rows=item.rows
            )
        else:
            seen |= own
            yield item


def as_one_product(variants: Sequence[FeedItem]) -> FeedItem:
    """Put a product's variants together: the first one's texts and price, the stock of all."""
    first = variants[0]
    stocks = [variant.stock for variant in variants if variant.stock is not None]
    return replace(
        first,
        rows=sum(variant.rows for variant in variants),
        variant_ids=tuple(
            dict.fromkeys(known for variant in variants for known in variant.variant_ids)
        ),
        title=_common_title([variant.title for variant in variants]),
        in_stock=any(variant.in_stock for variant in variants),
        stock=sum(stocks) if stocks else None,
    )


def _common_title(titles: Sequence[str]) -> str:
    """Tell what the variants' titles have in common: `Dellen jumper` of `Dellen jumper, M`."""
    common = os.path.commonprefix(list(titles))  # noqa: RUF071  these are no paths
    if any(title[len(common) : len(common) + 1].isalnum() for title in titles):
        common = re.sub(r"\w+$", "", common)  # never half a word
    common = common.rstrip(" -–—,/|:([")  # noqa: RUF001  what stands before a size
    return common if len(common) >= 3 else titles[0]
