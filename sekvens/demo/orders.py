"""Orders as a shop's backend posts them: Segment's fields, and the real purchase's total."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sekvens.demo.products import Product
from sekvens.demo.purchases import Purchase

#: The shop counts in kronor: the purchases' dollars are turned into them at one rate, about that of
#: 1997, so that a real sum stays in proportion to every other.
CURRENCY = "SEK"
KRONOR_A_DOLLAR = 8
#: Swedish VAT, 25 % of the net price, is a fifth of what is paid.
VAT_SHARE = Decimal("0.2")
#: What posting a parcel costs, as the shop's e-mails say, where the total leaves room for it.
SHIPPING = Decimal(59)
PAYMENT_METHODS = ("Klarna", "Swish", "Visa •••• 4242", "Mastercard •••• 5454")


def order_id(purchase: Purchase) -> str:
    """Name the order of a purchase."""
    return f"HY{purchase.customer_id}-{purchase.day:%y%m%d}"


def cart_id(purchase: Purchase) -> str:
    """Name the cart that it was in."""
    return f"cart-{purchase.customer_id}-{purchase.day:%Y%m%d}"


def order_properties(
    purchase: Purchase, chosen: Sequence[Product], *, language: str
) -> dict[str, Any]:
    """Write an order for what was really paid, in kronor.

    The products carry no prices: the total is somebody's real one, and belongs to other goods.
    """
    total = purchase.dollars * KRONOR_A_DOLLAR
    posted = {"shipping": float(SHIPPING)} if total > 2 * SHIPPING else {}
    return {
        **posted,
        "order_id": order_id(purchase),
        "cart_id": cart_id(purchase),
        "total": float(total),
        "tax": float((total * VAT_SHARE).quantize(Decimal("0.01"))),
        "currency": CURRENCY,
        "payment_method": PAYMENT_METHODS[int(purchase.customer_id) % len(PAYMENT_METHODS)],
        "products": [
            {
                "product_id": product.product_id,
                "sku": product.sku,
                "category": product.category,
                "name": product.name_in(language),
                "quantity": 1,
                "url": product.url,
                "image_url": product.image_url,
            }
            for product in chosen
        ],
    }
