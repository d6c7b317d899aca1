"""Listings taken over, whoever told them. Here alone it is worked out what has changed.

What is told of a product counts if nothing newer is known, each thing by itself, and what was told
before stays where nothing is said. A price that changes is kept with the instant from which it
applied. What is news to contacts is written down in the transaction that finds it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.imports.outcome import Rejected
from sekvens.imports.values import amount_text
from sekvens.products.changes import price_drops, turn_stock
from sekvens.products.listing import (
    Counted,
    Listing,
    PlaceCount,
    Price,
    Stock,
    is_newest,
    keep_newest,
)
from sekvens.products.section import ProductSettings
from sekvens.products.stocks import of_place, of_variants, product_of
from sekvens.products.tables import Product, ProductChange, ProductPrice, ProductVariant

#: What is told within this time of the very first product was in the shop before.
FIRST_LOOK: Final = timedelta(days=1)
PRICE, STOCK = "price", "stock"
_STRANGE: Final = (
    "no product has this id: tell its title and its price first (the id of a size is no product's)"
)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What is the same for every listing that is told together. `now` is shop time."""

    locale: str  #: of the texts
    own_locale: str  #: the shop's
    now: datetime
    news: ProductSettings  #: what is worth telling those who wait for a product


@dataclass(kw_only=True)
class Taken:
    """What became of listings."""

    ids: set[str] = field(default_factory=set)  #: the products that were told of
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def take_over(session: Session, listings: Sequence[Listing], this: Circumstances) -> Taken:
    """Write what listings tell, and what of it is news; whoever else tells at once waits.

    A listing that tells too little of a product that nobody knows is rejected, and it alone.
    """
    taking, taken = _Taking(session, this, listings), Taken()
    for listing in listings:
        row = taking.row_of(listing)
        if row is None and listing.is_gone:
            taken.unchanged += 1
            continue
        if row is None:
            rejected = Rejected(line=listing.line, reason=_STRANGE, rows=listing.rows)
            taken.rejected.append(rejected)
            continue
        is_new = row.id in taking.new
        has_changed = taking.write(row, listing)
        taken.ids.add(row.id)
        taken.added += is_new
        taken.changed += has_changed and not is_new
        taken.unchanged += not has_changed and not is_new
        taking.new.discard(row.id)
    taking.finish()
    return taken


def take_place(session: Session, said: PlaceCount, this: Circumstances) -> None:
    """Write how many there are of a size at one place, and what of it is news."""
    product_id = product_of(session, said)
    row = None if product_id is None else session.get(Product, product_id, with_for_update=True)
    stock = of_place(session, said)
    if row is None or stock is None:
        return
    back = turn_stock(row, in_stock=stock.in_stock, now=this.now, news=this.news)
    row.stock = stock.count
    session.add_all([back] if back else [])


class _Taking:
    """Listings on their way into the tables, in one transaction."""

    def __init__(self, session: Session, this: Circumstances, listings: Sequence[Listing]) -> None:
        self._session = session
        self._this = this
        self._prices: list[ProductPrice] = []
        self._changes: list[ProductChange] = []
        self.new: set[str] = set()
        self._links = self._links_of(listings)
        self._rows = self._locked(
            {*(name for each in listings for name in (each.product_id, *each.also))}
            | {link.product_id for link in self._links.values()}
        )

    def row_of(self, listing: Listing) -> Product | None:
        """Find a listing's product, by any of its names, or make it; None: too little is known."""
        link = self._links.get(listing.product_id)
        led_to = [link.product_id] if link is not None and link.is_same else []
        for name in (listing.product_id, *led_to, *listing.also):
            if name in self._rows:
                return self._rows[name]
        if not listing.is_whole:
            return None
        this = self._this
        row = Product(
            id=listing.product_id, titles={}, descriptions={}, benefits={}, cares={}, told_at={},
            locale=this.locale, first_seen_on=this.now, available_on=self._new_on,
        )  # fmt: skip
        self._session.add(row)
        self._rows[row.id] = row
        self.new.add(row.id)
        return row

    def write(self, row: Product, listing: Listing) -> bool:
        """Write what a listing tells of its product; tell whether anything is other than before.

        One in another language than the product's, or the shop's, tells its own texts only.
        """
        has_changed = self._write_texts(row, listing)
        if self._this.locale in (row.locale, self._this.own_locale):
            row.locale = self._this.locale
            has_changed |= self._write_stock(row, listing)
            has_changed |= self._write_price(row, listing)
            has_changed |= self._write_page(row, listing)
        return self._write_links(row, listing) or has_changed

    def finish(self) -> None:
        """Keep the prices that changed, and write down what is news."""
        # All else refers to products, which are to be there first.
        self._session.flush()
        self._session.add_all(self._links.values())
        self._session.add_all(self._prices)
        self._session.flush()
        self._session.add_all(self._changes)
        drops = price_drops(self._session, self._prices, now=self._this.now, news=self._this.news)
        self._session.add_all(drops)

    def _write_texts(self, row: Product, listing: Listing) -> bool:
        locale, has_changed = self._this.locale, False
        for name, said in listing.texts.items():
            if is_newest(row, f"{name}.{locale}", listing.at):
                keep_newest(row, f"{name}.{locale}", listing.at)
                texts = _in_locale(getattr(row, name), locale, said)
                has_changed |= _write(row, {name: texts})
        return has_changed

    def _write_stock(self, row: Product, listing: Listing) -> bool:
        if listing.stock is None or not is_newest(row, STOCK, listing.at):
            return False
        keep_newest(row, STOCK, listing.at)
        stock = self._added_up(row, listing.stock)
        if stock is None:
            return False
        before = row.in_stock
        back = turn_stock(row, in_stock=stock.in_stock, now=self._this.now, news=self._this.news)
        self._changes += [back] if back else []
        return _write(row, {"stock": stock.count}) or before != row.in_stock

    def _added_up(self, row: Product, stock: Stock | Counted) -> Stock | None:
        if isinstance(stock, Stock):
            return stock
        self._session.flush()  # stock by sizes refers to its product
        return of_variants(self._session, row, stock)

    def _write_price(self, row: Product, listing: Listing) -> bool:
        """Write what it costs, and keep the price if it is another one."""
        if listing.price is None or not is_newest(row, PRICE, listing.at):
            return False
        keep_newest(row, PRICE, listing.at)
        before = (row.price, row.regular_price, row.currency)
        has_changed = _write(row, _columns_of(listing.price, now=self._this.now))
        if before != (row.price, row.regular_price, row.currency):
            kept = ProductPrice(
                product_id=row.id, price=row.price, regular_price=row.regular_price,
                currency=row.currency, at=self._this.now,
            )  # fmt: skip
            self._prices.append(kept)
        return has_changed

    def _write_page(self, row: Product, listing: Listing) -> bool:
        told = {
            name: said for name, said in listing.page.items() if is_newest(row, name, listing.at)
        }
        for name in told:
            keep_newest(row, name, listing.at)
        if "available_on" in told:
            told["available_on"] = told["available_on"] or row.available_on
        return _write(row, told)

    def _write_links(self, row: Product, listing: Listing) -> bool:
        """Lead all its other names to a product; tell whether any is new to it."""
        names = dict.fromkeys(listing.variant_ids, False)
        names |= dict.fromkeys((listing.product_id, *listing.also), True)
        has_changed = False
        for name, is_same in names.items():
            if name == row.id:
                continue
            link = self._links.get(name)
            if link is None:
                link = self._links[name] = ProductVariant(id=name)
            has_changed |= _write(link, {"product_id": row.id, "is_same": is_same})
        return has_changed

    def _links_of(self, listings: Sequence[Listing]) -> dict[str, ProductVariant]:
        names = {
            name for each in listings for name in (each.product_id, *each.also, *each.variant_ids)
        }
        found: dict[str, ProductVariant] = {}
        for some in chunks(names):
            query = select(ProductVariant).where(ProductVariant.id.in_(some))
            found |= {row.id: row for row in self._session.scalars(query)}
        return found

    def _locked(self, ids: Collection[str]) -> dict[str, Product]:
        """Read products, which nobody else writes until this transaction is over."""
        found: dict[str, Product] = {}
        for some in chunks(sorted(ids)):  # in one order, or two might wait for each other
            query = select(Product).where(Product.id.in_(some)).order_by(Product.id)
            found |= {row.id: row for row in self._session.scalars(query.with_for_update())}
        return found

    @cached_property
    def _new_on(self) -> datetime | None:
        """Tell since when what nobody knew is in the shop; None: we have just begun to look."""
        with self._session.no_autoflush:
            oldest = self._session.scalar(select(func.min(Product.first_seen_on)))
        now = self._this.now
        return now if oldest is not None and now - oldest > FIRST_LOOK else None


def _columns_of(price: Price, *, now: datetime) -> dict[str, Any]:
    costs, usual = amount_text(price.at(now)), amount_text(price.usual)
    is_reduced = usual != costs
    return {
        "price": costs,
        "regular_price": usual if is_reduced else None,
        "reduced_until": price.reduced_until if is_reduced else None,
        "currency": price.currency,
    }


def _in_locale(texts: Mapping[str, Any] | None, locale: str, text: Any) -> dict[str, Any]:
    others = {known: kept for known, kept in (texts or {}).items() if known != locale}
    return {**others, locale: text} if text else others


def _write(row: Product | ProductVariant, values: Mapping[str, Any]) -> bool:
    """Write values; tell whether any is another than before."""
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)
