"""What stays of an old event's properties: ids and sums, which orders and flows are counted by.

Whatever else somebody posted (names of goods, texts, addresses of pages) goes. Pure.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sekvens.flows.keys import KEY_LENGTH_MAX

#: Segment's names of ids, sums and states; orders, carts and cases are added up from them.
IDS_AND_SUMS: Final = frozenset(
    {
        "cart_id", "checkout_id", "coupon", "currency", "discount", "financial_status", "order_id",
        "payment_method", "payment_status", "price", "product_id", "quantity", "revenue",
        "shipping", "sku", "tax", "total", "value", "variant",
    }
)  # fmt: skip


def reduced(properties: Mapping[str, Any], *, keys: Collection[str] = ()) -> dict[str, Any]:
    """Keep ids and sums, and what flows tell events apart by (`keys`); of products, theirs."""
    kept = _plain(properties, IDS_AND_SUMS | set(keys))
    products = properties.get("products")
    if isinstance(products, list):
        kept["products"] = [
            _plain(product, IDS_AND_SUMS) for product in products if isinstance(product, dict)
        ]
    return kept


def _plain(given: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """Keep what is a number or a short text: an id of a kind that nobody expects may be a page."""
    return {
        key: value
        for key, value in given.items()
        if key in keys
        and (value is None or isinstance(value, bool | int | float) or _is_short(value))
    }


def _is_short(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= KEY_LENGTH_MAX
