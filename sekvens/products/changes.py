"""News of products: back in stock, or cheaper than in 30 days. What is news is decided here.

Each is one row, written in the transaction that found it. Who is told of it, `telling` finds out.
"""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.products.facts import decimal, product_facts
from sekvens.products.prices import lowest_before
from sekvens.products.queries import price_histories
from sekvens.products.section import ProductSettings
from sekvens.products.tables import ChangeKind, Product, ProductChange, ProductPrice

#: What has waited for so long to be told is none any more.
STALE_AFTER: Final = timedelta(days=1)
#: Prices that drop within this time belong to one sale.
_ONE_SALE: Final = timedelta(days=1)


def turn_stock(
    row: Product, *, in_stock: bool, now: datetime, news: ProductSettings
) -> ProductChange | None:
    """Write whether a product can be ordered; tell the change, if it is back after long enough.

    Of one that was sold out before anybody noted since when, it was for long. `now` is shop time.
    """
    could_be, since = row.in_stock, row.sold_out_on
    row.in_stock = in_stock
    if not in_stock:
        row.sold_out_on = now if could_be is not False else since
        return None
    row.sold_out_on = None
    was_short = since is not None and now - since < news.sold_out_min
    if could_be is not False or was_short:  # a product that is new has no stock to come back from
        return None
    return ProductChange(product_id=row.id, kind=ChangeKind.BACK_IN_STOCK, at=now, contacts=0)


def price_drops(
    session: Session, prices: Collection[ProductPrice], *, now: datetime, news: ProductSettings
) -> Iterator[ProductChange]:
    """Tell which of the prices that have just changed, and are stored, dropped far enough."""
    histories = price_histories(session, {each.product_id for each in prices})
    for product_id, history in histories.items():
        lowest = lowest_before(history)
        price = history[-1].price
        if lowest is not None and price <= lowest * (1 - Decimal(str(news.price_drop))):
            yield ProductChange(
                product_id=product_id,
                kind=ChangeKind.PRICE_DROPPED,
                at=now,
                price=format(price, "f"),
                lowest_price=format(lowest, "f"),
                contacts=0,
            )


def still_stands(
    session: Session, change: ProductChange, *, now: datetime, news: ProductSettings
) -> bool:
    """Tell whether a change is worth telling at `now` (shop time)."""
    product = session.get(Product, change.product_id)
    if product is None or not product.in_stock or now - change.at > STALE_AFTER:
        return False
    if change.kind == ChangeKind.BACK_IN_STOCK:
        return True
    return price_stands(session, product.id, now=now) and not _is_sale(session, change, news)


def price_stands(session: Session, product_id: str, *, now: datetime) -> bool:
    """Tell whether a product costs no more than when its price last dropped; if it never did, yes.

    `now` is shop time: a reduction may be over by it.
    """
    dropped = session.scalar(
        select(ProductChange.price)
        .where(
            ProductChange.product_id == product_id,
            ProductChange.kind == ChangeKind.PRICE_DROPPED,
            ProductChange.at <= now,
        )
        .order_by(ProductChange.at.desc(), ProductChange.id.desc())
        .limit(1)
    )
    product = session.get(Product, product_id)
    if dropped is None or product is None:
        return True
    price = product_facts(product, reduction=None, now=now).price
    return price is not None and price <= (decimal(dropped) or price)


def _is_sale(session: Session, change: ProductChange, news: ProductSettings) -> bool:
    near = (change.at - _ONE_SALE, change.at + _ONE_SALE)
    together = session.scalar(
        select(func.count(ProductChange.product_id.distinct())).where(
            ProductChange.kind == ChangeKind.PRICE_DROPPED, ProductChange.at.between(*near)
        )
    )
    return (together or 0) > news.price_drops_max
