"""What is known about a product or a drop, as an e-mail may tell it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from sekvens.products.prices import Reduction
from sekvens.products.tables import Drop, Product
from sekvens.shop import Localized


@dataclass(frozen=True, kw_only=True)
class ProductFacts:
    """One product. Texts are by locale; a locale without a text is not there."""

    product_id: str
    title: Localized
    benefit: Localized  #: the first of its benefits
    care: Localized
    description: Localized
    category: str | None
    price: Decimal | None
    was_price: Decimal | None  #: only when genuinely reduced
    lowest_price_30_days: Decimal | None  #: only when reduced: the lowest before the reduction
    currency: str | None
    url: str | None
    image_url: str | None
    in_stock: bool
    brand: str | None


@dataclass(frozen=True, kw_only=True)
class DropFacts:
    """One drop. Times are shop time."""

    drop_id: str
    product_id: str | None
    title: Localized
    text: Localized
    url: str | None
    image_url: str | None
    opens_on: datetime
    early_access_on: datetime | None  #: from when subscribers may buy


def product_facts(
    row: Product, *, reduction: Reduction | None, now: datetime | None
) -> ProductFacts:
    """Tell the facts of a stored product; `now` is shop time, and ends reductions that are over."""
    price = row.price
    if now is not None and row.reduced_until is not None and row.reduced_until <= now:
        price, reduction = row.regular_price or row.price, None
    return ProductFacts(
        product_id=row.id,
        title=_texts(row.titles),
        benefit={locale: said[0] for locale, said in row.benefits.items() if said},
        care=_texts(row.cares),
        description=_texts(row.descriptions),
        category=row.category,
        price=decimal(price),
        was_price=reduction.was_price if reduction else None,
        lowest_price_30_days=reduction.lowest_price_30_days if reduction else None,
        currency=row.currency,
        url=row.url,
        image_url=row.image_url,
        in_stock=row.in_stock,
        brand=row.brand,
    )


def drop_facts(row: Drop, product: Product | None) -> DropFacts:
    """Tell the facts of a stored drop; what it does not say, its product says."""
    return DropFacts(
        drop_id=row.id,
        product_id=row.product_id,
        title=(_texts(product.titles) if product else {}) | _texts(row.titles),
        text=_texts(row.texts),
        url=row.url or (product.url if product else None),
        image_url=product.image_url if product else None,
        opens_on=row.opens_on,
        early_access_on=row.early_access_on,
    )


def decimal(text: str | None) -> Decimal | None:
    """Read money as it is stored."""
    try:
        return None if text is None else Decimal(text)
    except InvalidOperation:
        return None


def _texts(stored: Mapping[str, Any]) -> Localized:
    return {locale: text for locale, text in stored.items() if text}
