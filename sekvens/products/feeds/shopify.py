"""Shopify's product CSV: one product in several rows, its variants and pictures, under one handle.

https://help.shopify.com/en/manual/products/import-export/using-csv tells the columns, of which
there are two generations. The file has no product id: the handle is the id, so events must carry
the handle, or a variant's SKU, as `product_id`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import quote, urljoin

from sekvens.flows.keys import key_of
from sekvens.imports.outcome import Rejected
from sekvens.imports.plain import line_of_text, paragraphs
from sekvens.imports.rows import Row
from sekvens.imports.values import amount_of, is_web_address
from sekvens.products.feeds.item import (
    BENEFITS_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    FeedItem,
)

HANDLE: Final = ("handle", "url_handle")
#: Shopify allows 100 variants and 250 pictures, and lately 2,048 variants.
ROWS_MAX: Final = 5_000
_PRICE: Final = ("variant_price", "price")
_BEFORE: Final = ("variant_compare_at_price", "compare_at_price")
_SKU: Final = ("variant_sku", "sku")
_QUANTITY: Final = ("variant_inventory_qty", "inventory_quantity")
_TRACKER: Final = ("variant_inventory_tracker", "inventory_tracker")
_POLICY: Final = ("variant_inventory_policy", "continue_selling_when_out_of_stock")
_IMAGE: Final = ("image_src", "product_image_url", "variant_image", "variant_image_url")
_PUBLISHED: Final = ("published", "published_on_online_store")
#: Metafields are columns such as `Care instructions (product.metafields.custom.care)`.
_BENEFIT_COLUMN: Final = re.compile(r"product_metafields.*(benefit|highlight|fördel)")
_CARE_COLUMN: Final = re.compile(r"product_metafields.*(care|washing|skötsel|tvätt)")


class _Unusable(Exception):
    """A product's rows cannot be used; the message is the reason."""


def items_of(
    rows: Iterable[Row | Rejected], *, home: str, currency: str
) -> Iterator[FeedItem | Rejected]:
    """Read the products; `home` is where the shop is, and `currency` what it sells in."""
    for product in _products(rows):
        if isinstance(product, Rejected):
            yield product
            continue
        try:
            yield _item(product, home=home, currency=currency)
        except _Unusable as error:
            yield Rejected(line=product[0].line, reason=str(error), rows=len(product))


def _products(rows: Iterable[Row | Rejected]) -> Iterator[list[Row] | Rejected]:
    """Put the rows of each handle together; they stand one below the other."""
    product: list[Row] = []
    for row in rows:
        if isinstance(row, Rejected):
            yield row
            continue
        handle = row.get(*HANDLE)
        same = product and handle in ("", product[0].get(*HANDLE)) and not _begins(row, product)
        if not same or len(product) >= ROWS_MAX:
            if product:
                yield product
            product = []
        product.append(row)
    if product:
        yield product


def _begins(row: Row, product: Sequence[Row]) -> bool:
    """Tell whether a row without a handle is a product of its own: it has a title."""
    return not row.get(*HANDLE) and bool(row.get("title")) and bool(product)


def _item(rows: Sequence[Row], *, home: str, currency: str) -> FeedItem:
    first = rows[0]
    handle, title = first.get(*HANDLE), first.get("title")
    if not handle:
        raise _Unusable("handle is missing")
    if not line_of_text(title, length_max=TITLE_LENGTH_MAX):
        raise _Unusable("title is missing")
    if first.get("status").casefold() in ("draft", "archived", "unlisted"):
        raise _Unusable("it is not for sale: its status is draft, archived or unlisted")
    if first.get(*_PUBLISHED).casefold() in ("false", "no"):
        raise _Unusable("it is not published in the online store")
    variants = [row for row in rows if row.get(*_PRICE)] or [first]
    price, before = _price(variants[0])
    stocks = [stock for row in variants if (stock := _stock(row)) is not None]
    skus = (key_of(row.get(*_SKU)) for row in variants if row.get(*_SKU))
    return FeedItem(
        line=first.line,
        rows=len(rows),
        product_id=key_of(handle),
        variant_ids=tuple(sku for sku in dict.fromkeys(skus) if sku != key_of(handle)),
        title=line_of_text(title, length_max=TITLE_LENGTH_MAX),
        description=paragraphs(first.get("body_html", "description"))[:TEXT_LENGTH_MAX],
        benefits=tuple(_metafield(first, _BENEFIT_COLUMN).splitlines())[:BENEFITS_MAX],
        care=line_of_text(_metafield(first, _CARE_COLUMN), length_max=TEXT_LENGTH_MAX),
        category=_category(first),
        brand=line_of_text(first.get("vendor"), length_max=TITLE_LENGTH_MAX) or None,
        price=before or price,
        sale_price=price if before else None,
        currency=currency,
        url=urljoin(home, f"/products/{quote(handle)}"),
        image_url=_image(rows),
        in_stock=any(_can_be_ordered(row) for row in variants),
        stock=sum(stocks) if len(stocks) == len(variants) else None,
    )


def _price(row: Row) -> tuple[Decimal, Decimal | None]:
    """Tell a variant's price, and the one it is compared with if that is higher."""
    if not row.get(*_PRICE):
        raise _Unusable("price is missing")
    price = amount_of(row.get(*_PRICE))
    before = amount_of(row.get(*_BEFORE)) if row.get(*_BEFORE) else None
    if price is None or (row.get(*_BEFORE) and before is None):
        raise _Unusable("price is no amount such as 149.00")
    return price[0], before[0] if before and before[0] > price[0] else None


def _can_be_ordered(row: Row) -> bool:
    """Tell whether a variant is to be had: what Shopify does not count, it always sells."""
    stock = _stock(row)
    sells_on = row.get(*_POLICY).casefold() in ("continue", "true", "yes")
    return stock is None or stock > 0 or sells_on


def _stock(row: Row) -> int | None:
    counted = row.get(*_TRACKER) or not any(name in row.values for name in _TRACKER)
    found = re.fullmatch(r"(-?\d{1,9})(?:\.0+)?", row.get(*_QUANTITY))
    return max(0, int(found[1])) if found and counted else None


def _image(rows: Sequence[Row]) -> str | None:
    """Tell the product's first picture: the one at position 1, or the one that stands first."""
    pictures = [row for row in rows if row.get(*_IMAGE)]
    ahead = [row for row in pictures if row.get("image_position") == "1"]
    address = (ahead or pictures)[0].get(*_IMAGE) if pictures else ""
    if address and not is_web_address(address):
        raise _Unusable("image_src is no address that begins with https://")
    return address or None


def _category(row: Row) -> str | None:
    named = row.get("type", "product_type") or row.get("product_category").rsplit(">", 1)[-1]
    return line_of_text(named, length_max=TITLE_LENGTH_MAX) or None


def _metafield(row: Row, column: re.Pattern[str]) -> str:
    name = next((name for name in row.values if column.search(name) and row.get(name)), None)
    return paragraphs(row.get(name)) if name else ""
