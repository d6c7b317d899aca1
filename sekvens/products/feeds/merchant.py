"""Google Merchant Center's product data: one mapping for its XML and its TSV.

https://support.google.com/merchants/answer/7052112 names the attributes. What Merchant Center calls
required and an e-mail needs, is required here.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final

from sekvens.flows.keys import key_of
from sekvens.imports.outcome import Rejected
from sekvens.imports.plain import line_of_text, paragraphs
from sekvens.imports.rows import Row
from sekvens.imports.values import amount_of, instant_of, is_web_address
from sekvens.products.feeds.item import (
    BENEFITS_MAX,
    TEXT_LENGTH_MAX,
    TITLE_LENGTH_MAX,
    FeedItem,
    as_one_product,
)

#: What is read; nothing else of a feed is kept in memory.
ATTRIBUTES: Final = frozenset(
    {
        *("id", "title", "description", "link", "image_link", "price", "sale_price"),
        *("sale_price_effective_date", "availability", "availability_date", "quantity"),
        *("sell_on_google_quantity", "brand", "product_type", "google_product_category"),
        *("item_group_id", "product_highlight", "product_detail"),
    }
)
_REPEATED: Final = frozenset({"product_highlight", "product_detail"})
#: Whatever can be ordered counts as in stock, though it may come later.
_IN_STOCK: Final = {
    "in_stock": True,
    "instock": True,
    "available_for_order": True,
    "limited_availability": True,
    "limitedavailability": True,
    "preorder": True,
    "pre_order": True,
    "backorder": True,
    "out_of_stock": False,
    "outofstock": False,
    "sold_out": False,
    "discontinued": False,
}
#: What a `product_detail` is called that says how to look after the product.
_CARE: Final = re.compile(
    r"care(?: instructions| guide)?|washing(?: instructions)?|skötsel\w*|tvätt\w*|pflege\w*",
    re.IGNORECASE,
)


class _Unusable(Exception):
    """An attribute is missing or cannot be used; the message is the reason."""


def item_of(row: Row) -> FeedItem | Rejected:
    """Read one item of a feed."""
    try:
        return _item(row)
    except _Unusable as error:
        return Rejected(line=row.line, reason=str(error))


def items_of(rows: Iterable[Row | Rejected]) -> Iterator[FeedItem | Rejected]:
    """Read a feed's items; those of a group come together, after all the others."""
    groups: dict[str, dict[str, FeedItem]] = {}
    for row in rows:
        item = item_of(row) if isinstance(row, Row) else row
        if isinstance(item, Rejected) or not item.variant_ids:
            yield item
            continue
        group = groups.setdefault(item.product_id, {})
        if item.variant_ids[0] in group:
            yield Rejected(line=item.line, reason="its id stands in the file already")
        else:
            group[item.variant_ids[0]] = item
    for group in groups.values():
        yield as_one_product(list(group.values()))


def with_lists(rows: Iterable[Row | Rejected]) -> Iterator[Row | Rejected]:
    """Take apart what TSV has as one value with commas, and XML as several."""
    for row in rows:
        if isinstance(row, Row):
            lists = {
                name: [part for value in row.values[name] for part in _separated(value)]
                for name in _REPEATED & row.values.keys()
            }
            yield Row(line=row.line, values={**row.values, **lists})
        else:
            yield row


def _item(row: Row) -> FeedItem:
    own_id = key_of(_required(row, "id"))
    group = row.get("item_group_id")
    price, currency = _amount(row, "price")
    sale_from, sale_until = _period(row.get("sale_price_effective_date"))
    in_stock = _IN_STOCK.get(_availability(_required(row, "availability")))
    if in_stock is None:
        raise _Unusable("availability is none that we know (in_stock, out_of_stock, preorder, …)")
    details = _listed(row, "product_detail")
    return FeedItem(
        line=row.line,
        product_id=key_of(group) if group else own_id,
        variant_ids=(own_id,) if group and key_of(group) != own_id else (),
        title=line_of_text(_required(row, "title"), length_max=TITLE_LENGTH_MAX),
        description=paragraphs(row.get("description"))[:TEXT_LENGTH_MAX],
        benefits=tuple(_listed(row, "product_highlight"))[:BENEFITS_MAX],
        care=next(filter(None, map(_care, details)), ""),
        category=_category(row.get("product_type") or row.get("google_product_category")),
        brand=line_of_text(row.get("brand"), length_max=TITLE_LENGTH_MAX) or None,
        price=price,
        sale_price=_amount(row, "sale_price")[0] if row.get("sale_price") else None,
        sale_from=sale_from,
        sale_until=sale_until,
        currency=currency,
        url=_address("link", _required(row, "link")),
        image_url=_address("image_link", row.get("image_link")),
        in_stock=in_stock,
        stock=_count(row.get("quantity", "sell_on_google_quantity")),
        available_on=instant_of(row.get("availability_date")),
    )


def _required(row: Row, name: str) -> str:
    value = row.get(name)
    if not line_of_text(value, length_max=TITLE_LENGTH_MAX):
        raise _Unusable(f"{name} is missing")
    return value


def _amount(row: Row, name: str) -> tuple[Decimal, str | None]:
    amount = amount_of(_required(row, name))
    if amount is None:
        raise _Unusable(f"{name} is no amount such as 149.00 SEK")
    return amount


def _address(name: str, value: str) -> str | None:
    if value and not is_web_address(value):
        raise _Unusable(f"{name} is no address that begins with https://")
    return value or None


def _availability(value: str) -> str:
    # Some shops write schema.org's address instead: https://schema.org/InStock
    return re.sub(r"[\s_-]+", "_", value.rsplit("/", 1)[-1].strip().casefold())


def _period(value: str) -> tuple[datetime | None, datetime | None]:
    if not value:
        return None, None
    begins, _, ends = value.partition("/")
    period = instant_of(begins), instant_of(ends)
    if None in period:
        raise _Unusable("sale_price_effective_date is no two instants with a slash between them")
    return period


def _category(value: str) -> str | None:
    """Tell the last part of `Clothes > Jumpers`."""
    return line_of_text(value.rsplit(">", 1)[-1], length_max=TITLE_LENGTH_MAX) or None


def _listed(row: Row, name: str) -> list[str]:
    """List the values of an attribute that may be repeated."""
    lines = (line_of_text(value, length_max=TEXT_LENGTH_MAX) for value in row.values.get(name, ()))
    return [line for line in lines if line]


def _separated(value: str) -> list[str]:
    try:
        return next(csv.reader([value], skipinitialspace=True), [])
    except csv.Error:  # a value of 130,000 characters
        return []


def _care(detail: str) -> str:
    """Tell the text of `section:name:text`, where the name says that it is about care."""
    _, _, rest = detail.partition(":")
    name, _, text = rest.partition(":")
    return text.strip() if _CARE.fullmatch(name.strip()) else ""


def _count(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
