"""WooCommerce's products as listings.

A product is posted whole, after each change of it, of its stock and of its variations. A variation
is posted under the same topic, and says nothing that its product's own webhook does not.

Shapes: developer.woocommerce.com/docs/apis/rest-api/v3/products.
"""

from datetime import datetime
from typing import Final

from sekvens.events.adapters.listings import (
    at_of,
    category_of,
    count,
    link,
    name_of,
    page_text,
    price_of,
    since,
)
from sekvens.events.adapters.reading import (
    Table,
    Told,
    Unusable,
    Webhook,
    id_of,
    money,
    required_id,
    tables,
    text,
)
from sekvens.products.listing import Listing, Price, Stock

#: `onbackorder` can be ordered, and comes later.
_IN_STOCK: Final = {"instock": True, "onbackorder": True, "outofstock": False}
_VARIATION: Final = "variation"
_ON_SALE: Final = "publish"
_LISTS: Final = ("images", "categories", "brands")


def product(webhook: Webhook) -> Told:
    """Tell all that is said of a product; one that is not published is to be had nowhere."""
    posted = webhook.body
    product_id = required_id(posted)
    if text(posted, "type") == _VARIATION:
        return Told()
    at = at_of(webhook, posted, "date_modified_gmt", "date_created_gmt")
    if text(posted, "status") not in (None, _ON_SALE):
        return Told(products=(_gone(product_id, at),))
    sku = text(posted, "sku")
    pictures, categories, brands = (tables(posted, each) for each in _LISTS)
    listing = Listing(
        line=0,
        product_id=product_id,
        also=(sku,) if sku else (),
        variant_ids=_variations(posted),
        at=at,
        price=_price(posted, webhook.currency),
        stock=_stock(posted),
        texts={
            "titles": name_of(posted, "name"),
            "descriptions": page_text(posted, "short_description", "description"),
        },
        page={
            "category": category_of(categories[0], "name") if categories else None,
            "brand": text(brands[0], "name") if brands else None,
            "url": link(posted, "permalink"),
            "image_url": link(pictures[0], "src") if pictures else None,
            "available_on": since(posted, "date_created_gmt"),
        },
    )
    return Told(products=(listing,))


def product_deleted(webhook: Webhook) -> Told:
    """Tell that a product is to be had nowhere any more; nothing but its id is posted."""
    return Told(products=(_gone(required_id(webhook.body), at_of(webhook, {})),))


def _gone(product_id: str, at: datetime) -> Listing:
    return Listing(line=0, product_id=product_id, at=at, stock=Stock(in_stock=False), is_gone=True)


def _price(posted: Table, currency: str | None) -> Price | None:
    """Tell the price, and the regular one if that is higher; of variations, the lowest's.

    What is not sold for money has none, and keeps the one that it had.
    """
    costs, usual = money(posted, "price"), money(posted, "regular_price")
    if costs is None:
        return None
    until = since(posted, "date_on_sale_to_gmt")
    price = price_of(costs, usual, currency=currency, until=until)
    if price is None:
        raise Unusable("price is no amount")
    return price


def _stock(posted: Table) -> Stock | None:
    in_stock = _IN_STOCK.get(text(posted, "stock_status") or "")
    if in_stock is None:
        return None
    counted = count(posted, "stock_quantity")
    return Stock(in_stock=in_stock, count=None if counted is None else max(0, counted))


def _variations(posted: Table) -> tuple[str, ...]:
    given = posted.get("variations")
    named = [id_of({"id": each}, "id") for each in given] if isinstance(given, list) else []
    return tuple(dict.fromkeys(each for each in named if each))
