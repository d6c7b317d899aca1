"""Shopify's products, and what lies in its places, as listings.

Shopify posts a product after each change of it and of its stock, whole; how many there are at one
place, it posts beside. Times are in whole seconds there, so of one second the webhook's own instant
tells which came first.

Shapes: shopify.dev/docs/api/webhooks (products/update, inventory_levels/update).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urljoin

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
    table,
    tables,
    text,
)
from sekvens.events.adapters.shopify_people import SOURCE
from sekvens.products.listing import Counted, CountedVariant, Listing, PlaceCount, Price

_SECOND: Final = timedelta(seconds=1)
_ON_SALE: Final = "active"
_SELLS_ON: Final = "continue"


def product(webhook: Webhook) -> Told:
    """Tell all that is said of a product; one that is no longer for sale is to be had nowhere."""
    posted = webhook.body
    product_id = required_id(posted, "id")
    at = _at(webhook)
    if not _is_for_sale(posted):
        return Told(products=(_gone(product_id, at),))
    variants = tables(posted, "variants")
    if not variants:
        raise Unusable("the product has no variants")
    handle = text(posted, "handle")
    listing = Listing(
        line=0,
        product_id=product_id,
        also=tuple(filter(None, [handle, *(_names(variants[0]) if len(variants) == 1 else ())])),
        variant_ids=tuple(name for each in variants for name in _names(each)),
        at=at,
        price=_price(variants[0], webhook.currency),
        stock=Counted(variants=tuple(_counted(variants)), is_all=_are_all(posted), at=at),
        texts={
            "titles": name_of(posted, "title"),
            "descriptions": page_text(posted, "body_html"),
        },
        page={
            "category": category_of(posted, "product_type"),
            "brand": text(posted, "vendor"),
            "url": urljoin(webhook.home, f"/products/{quote(handle)}") if handle else None,
            "image_url": link(table(posted, "image"), "src") or _first_image(posted),
            "available_on": since(posted, "published_at", "created_at"),
        },
    )
    return Told(products=(listing,))


def product_deleted(webhook: Webhook) -> Told:
    """Tell that a product is to be had nowhere any more."""
    return Told(products=(_gone(required_id(webhook.body, "id"), _at(webhook)),))


def place_counted(webhook: Webhook) -> Told:
    """Tell how many there are of a size at one place; where nobody counts, nothing is said."""
    posted = webhook.body
    counted = count(posted, "available")
    if counted is None and posted.get("available") is not None:
        raise Unusable("available is no number of pieces")
    item_id, place_id = required_id(posted, "inventory_item_id"), required_id(posted, "location_id")
    if counted is None:
        return Told()
    said = PlaceCount(item_id=_item(item_id), place_id=place_id, count=counted, at=_at(webhook))
    return Told(products=(said,))


def _gone(product_id: str, at: datetime) -> Listing:
    return Listing(line=0, product_id=product_id, at=at, stock=Counted(at=at), is_gone=True)


def _at(webhook: Webhook) -> datetime:
    """Tell when it was so: in the second that the body names, as late as the webhook was made."""
    times = {"updated_at": webhook.body.get("updated_at"), "made_at": webhook.triggered_at}
    said, made = at_of(webhook, times, "updated_at", "made_at"), at_of(webhook, times, "made_at")
    return min(max(said, made), said + _SECOND - timedelta.resolution)


def _is_for_sale(posted: Table) -> bool:
    """Tell whether the online store shows it; an older version of the API says no status."""
    is_active = (text(posted, "status") or _ON_SALE).casefold() == _ON_SALE
    return is_active and ("published_at" not in posted or posted["published_at"] is not None)


def _price(variant: Table, currency: str | None) -> Price:
    """Tell the first variant's price, and the one it is compared with if that is higher."""
    costs, before = money(variant, "price"), money(variant, "compare_at_price")
    price = None if costs is None else price_of(costs, before, currency=currency)
    if price is None:
        raise Unusable("the first variant has no price")
    return price


def _counted(variants: Sequence[Table]) -> list[CountedVariant]:
    """List what is counted by itself; what Shopify does not count, it always sells."""
    found: dict[str, CountedVariant] = {}
    for each in variants:
        own = id_of(each, "inventory_item_id") or id_of(each, "id")
        # Newer versions of the API do not say who counts: then Shopify does.
        is_counted = each.get("inventory_management", SOURCE) is not None
        if own is not None:
            found[own] = CountedVariant(
                item_id=_item(own),
                count=count(each, "inventory_quantity") if is_counted else None,
                sells_on=text(each, "inventory_policy") == _SELLS_ON,
            )
    if not found:
        raise Unusable("no variant has an id")
    return list(found.values())


def _are_all(posted: Table) -> bool:
    """Tell whether all variants stand there: of many, Shopify posts the first hundred whole."""
    return len(tables(posted, "variant_gids")) <= len(tables(posted, "variants"))


def _names(variant: Table) -> list[str]:
    return [name for name in (id_of(variant, "id"), text(variant, "sku")) if name]


def _first_image(posted: Table) -> str | None:
    return next((found for each in tables(posted, "images") if (found := link(each, "src"))), None)


def _item(inventory_item_id: str) -> str:
    return f"{SOURCE}/{inventory_item_id}"
