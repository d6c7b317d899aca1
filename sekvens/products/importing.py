"""Products taken over from a feed, in one locale.

The same feed twice changes nothing. The feed in the locale that brought a product, or in the shop's
own locale, says all there is about it; one in another locale fills in its own texts only. A price
that changes is kept with the instant from which it applied. What is news to contacts is written
down in the transaction that finds it; `telling` tells them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.events.facts import chunks
from sekvens.imports.outcome import Imported, Rejected
from sekvens.imports.values import amount_text
from sekvens.products.changes import price_drops, turn_stock
from sekvens.products.feeds.item import FeedItem
from sekvens.products.section import ProductSettings
from sekvens.products.tables import Product, ProductChange, ProductPrice, ProductVariant

#: Products of one transaction: a writer on SQLite keeps all others waiting.
BATCH: Final = 500
#: What is imported within this time of the very first product was in the shop before.
FIRST_LOOK: Final = timedelta(days=1)
_USUAL: Final = ProductSettings()


@dataclass(kw_only=True)
class _Count:
    rows: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class _Import:
    """What is the same for every product of one import. `now` is shop time."""

    locale: str
    own_locale: str
    now: datetime
    new_on: datetime | None  #: what came to the shop since we first looked, came now
    news: ProductSettings  #: what of it is worth telling


def import_products(
    database: Database,
    items: Iterable[FeedItem | Rejected],
    *,
    locale: str,
    own_locale: str,
    now: datetime,
    whole: bool = False,
    news: ProductSettings = _USUAL,
) -> Imported:
    """Take over a feed's products, some hundred in each transaction.

    Args:
        database: Where products are kept.
        items: What was read from the feed, the rejected too.
        locale: The feed's language.
        own_locale: The shop's.
        now: Shop time.
        whole: The feed holds all that is for sale: what it lacks is sold out from now on.
        news: What is worth telling those who wait for a product.

    Raises:
        UnreadableFile: the feed is broken; the products before that place have been taken over.
    """
    count, seen = _Count(), set[str]()
    with database.read() as session:
        oldest = session.scalar(select(func.min(Product.first_seen_on)))
    known_for_long = oldest is not None and now - oldest > FIRST_LOOK
    this = _Import(
        locale=locale,
        own_locale=own_locale,
        now=now,
        new_on=now if known_for_long else None,
        news=news,
    )
    accepted = _accepted(items, count)
    while some := list(islice(accepted, BATCH)):
        seen.update(item.product_id for item in some)
        with database.write() as session:
            _take_over(session, some, this, count)
    if whole:
        count.changed += _sell_out(database, seen, this)
    return Imported(
        rows=count.rows,
        added=count.added,
        changed=count.changed,
        unchanged=count.unchanged,
        rejected=tuple(count.rejected),
    )


def _accepted(items: Iterable[FeedItem | Rejected], count: _Count) -> Iterator[FeedItem]:
    for item in items:
        count.rows += item.rows
        if isinstance(item, Rejected):
            count.rejected.append(item)
        else:
            yield item


def _take_over(session: Session, items: Sequence[FeedItem], this: _Import, count: _Count) -> None:
    ids = [item.product_id for item in items]
    rows = {row.id: row for row in session.scalars(select(Product).where(Product.id.in_(ids)))}
    prices: list[ProductPrice] = []
    changes: list[ProductChange] = []
    touched: set[str] = set()
    for item in items:
        row = rows.get(item.product_id)
        if row is None:
            row = Product(id=item.product_id, locale=this.locale, first_seen_on=this.now)
            row.available_on = this.new_on
            turn_stock(row, in_stock=item.in_stock, now=this.now, news=this.news)
            rows[item.product_id] = row
            session.add(row)
            count.added += 1
            touched.add(item.product_id)
            prices += _write_facts(row, item, this)
            _write(row, _texts(row, item, this.locale))
        else:
            before = len(prices)
            if this.locale in (row.locale, this.own_locale):
                row.locale = this.locale
                back = turn_stock(row, in_stock=item.in_stock, now=this.now, news=this.news)
                changes += [back] if back else []
                prices += _write_facts(row, item, this)
            _write(row, _texts(row, item, this.locale))
            if session.is_modified(row) or len(prices) > before:
                touched.add(item.product_id)
                count.changed += 1
    session.flush()
    session.add_all(prices)
    session.flush()
    session.add_all(changes)
    session.add_all(price_drops(session, prices, now=this.now, news=this.news))
    relinked = _write_variants(session, items) - touched
    count.changed += len(relinked)
    count.unchanged += len(items) - len(touched) - len(relinked)


def _write_facts(row: Product, item: FeedItem, this: _Import) -> list[ProductPrice]:
    """Write all but the texts; tell the price to keep, if it is another one."""
    price = amount_text(item.price_at(this.now))
    regular = amount_text(item.price)
    before = (row.price, row.regular_price, row.currency)
    _write(
        row,
        {
            "category": item.category,
            "brand": item.brand,
            "price": price,
            "regular_price": regular if regular != price else None,
            "reduced_until": item.sale_until if regular != price else None,
            "currency": item.currency,
            "url": item.url,
            "image_url": item.image_url,
            "stock": item.stock,
            "available_on": item.available_on or row.available_on,
        },
    )
    if before == (row.price, row.regular_price, row.currency):
        return []
    return [
        ProductPrice(
            product_id=item.product_id,
            price=price,
            regular_price=row.regular_price,
            currency=item.currency,
            at=this.now,
        )
    ]


def _texts(row: Product, item: FeedItem, locale: str) -> dict[str, Any]:
    said = {
        "titles": item.title,
        "descriptions": item.description,
        "benefits": list(item.benefits),
        "cares": item.care,
    }
    return {name: _in_locale(getattr(row, name), locale, text) for name, text in said.items()}


def _in_locale(texts: Mapping[str, Any] | None, locale: str, text: Any) -> dict[str, Any]:
    others = {known: kept for known, kept in (texts or {}).items() if known != locale}
    return {**others, locale: text} if text else others


def _write(row: Product, values: Mapping[str, Any]) -> None:
    """Write values; the session sees for itself which of them differ."""
    for name, value in values.items():
        setattr(row, name, value)


def _write_variants(session: Session, items: Sequence[FeedItem]) -> set[str]:
    """Lead the variants' ids to their products; tell the products that got another one."""
    wanted = {known: item.product_id for item in items for known in item.variant_ids}
    rows: dict[str, ProductVariant] = {}
    for some in chunks(wanted):
        asked = select(ProductVariant).where(ProductVariant.id.in_(some))
        rows |= {row.id: row for row in session.scalars(asked)}
    relinked: set[str] = set()
    for known, product_id in wanted.items():
        row = rows.get(known)
        if row is None:
            session.add(ProductVariant(id=known, product_id=product_id))
        elif row.product_id == product_id:
            continue
        else:
            row.product_id = product_id
        relinked.add(product_id)
    return relinked


def _sell_out(database: Database, seen: set[str], this: _Import) -> int:
    """Write off what is not for sale any more; tell how many products that were."""
    with database.write() as session:
        asked = select(Product.id).where(Product.in_stock, Product.locale == this.locale)
        gone = [product_id for product_id in session.scalars(asked) if product_id not in seen]
        for some in chunks(gone):
            session.execute(
                update(Product)
                .where(Product.id.in_(some))
                .values(in_stock=False, stock=None, sold_out_on=this.now)
            )
    return len(gone)
