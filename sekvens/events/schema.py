"""The names of events: Segment's e-commerce names, and the few that Segment lacks.

A name has one spelling here. Whatever else a shop's backend calls the same thing (Segment's first
vocabulary, Klaviyo's and Shopify's names, another casing) is turned into it on arrival, so that a
flow, a condition and a dashboard ask for one name. A name unknown to us is kept as it came: a shop
may have events of its own, and flows may listen for them.
"""

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class EventKind:
    """One event that Sekvens knows by name, and what it folds into."""

    name: str
    folds_into: str = ""
    ours: bool = False  #: Segment has no such event


EMAIL_SUBSCRIBED: Final = "Email Subscribed"
"""The contact agreed to marketing by e-mail.

Segment has no event for it. Properties: `source` (which form, checkout or till), `wording` (the
sentence agreed to): together the evidence of consent. `email` sets the contact's address.
"""

UNSUBSCRIBED: Final = "Unsubscribed"
"""The contact took consent to marketing back: Segment's own name in its e-mail vocabulary."""

CONTACT_SUPPRESSED: Final = "Contact Suppressed"
"""The contact's address must not be mailed at all, order e-mails included.

Segment has no event for it. Properties: `reason` (`bounce`, `complaint`, `manual`, `invalid`;
default `manual`) and `email` (default: the contact's address).
"""

CART_UPDATED: Final = "Cart Updated"
"""The cart as it now stands, in full: `cart_id`, `products[]`, `currency`.

Segment has only single products added and removed; a backend that keeps carts posts the whole one.
"""

CART_EMPTIED: Final = "Cart Emptied"
"""The last line went out of a cart. Derived by us, with the `messageId` `<id>#cart-emptied`.

A backend that has such an event may post it itself: `cart_id`.
"""

ORDER_SHIPPED: Final = "Order Shipped"
"""An order left the warehouse: `order_id`, `tracking_url` if any. Segment has no such event."""

ORDER_DELIVERED: Final = "Order Delivered"
"""An order reached its buyer: `order_id`. Segment has no such event."""

PRODUCT_ADDED: Final = "Product Added"
PRODUCT_REMOVED: Final = "Product Removed"
CART_VIEWED: Final = "Cart Viewed"
CHECKOUT_STARTED: Final = "Checkout Started"
ORDER_COMPLETED: Final = "Order Completed"
ORDER_UPDATED: Final = "Order Updated"
ORDER_REFUNDED: Final = "Order Refunded"
ORDER_CANCELLED: Final = "Order Cancelled"

_CART = "cart"
_ORDER = "order"

EVENTS: Final = (
    EventKind(name="Products Searched"),
    EventKind(name="Product List Viewed"),
    EventKind(name="Product List Filtered"),
    EventKind(name="Promotion Viewed"),
    EventKind(name="Promotion Clicked"),
    EventKind(name="Product Clicked"),
    EventKind(name="Product Viewed"),
    EventKind(name=PRODUCT_ADDED, folds_into=_CART),
    EventKind(name=PRODUCT_REMOVED, folds_into=_CART),
    EventKind(name=CART_VIEWED, folds_into="cart, if it carries `products`"),
    EventKind(name=CART_UPDATED, folds_into=_CART, ours=True),
    EventKind(name=CART_EMPTIED, folds_into=_CART, ours=True),
    EventKind(name=CHECKOUT_STARTED, folds_into="cart, if it carries `products`"),
    EventKind(name="Checkout Step Viewed"),
    EventKind(name="Checkout Step Completed"),
    EventKind(name="Payment Info Entered"),
    EventKind(name=ORDER_COMPLETED, folds_into="order; the cart is ordered"),
    EventKind(name=ORDER_UPDATED, folds_into=_ORDER),
    EventKind(name=ORDER_REFUNDED, folds_into=_ORDER),
    EventKind(name=ORDER_CANCELLED, folds_into=_ORDER),
    EventKind(name=ORDER_SHIPPED, ours=True),
    EventKind(name=ORDER_DELIVERED, ours=True),
    EventKind(name="Coupon Entered"),
    EventKind(name="Coupon Applied"),
    EventKind(name="Coupon Denied"),
    EventKind(name="Coupon Removed"),
    EventKind(name="Product Added to Wishlist"),
    EventKind(name="Product Removed from Wishlist"),
    EventKind(name="Wishlist Product Added to Cart"),
    EventKind(name="Product Shared"),
    EventKind(name="Cart Shared"),
    EventKind(name="Product Reviewed"),
    EventKind(name=EMAIL_SUBSCRIBED, folds_into="consent: subscribed", ours=True),
    EventKind(name=UNSUBSCRIBED, folds_into="consent: unsubscribed"),
    EventKind(name=CONTACT_SUPPRESSED, folds_into="suppression", ours=True),
)

#: What `flows validate` checks a flow's events against.
KNOWN_EVENTS: Final = frozenset(kind.name for kind in EVENTS)

CONSENT_EVENTS: Final = frozenset({EMAIL_SUBSCRIBED, UNSUBSCRIBED})
ORDER_EVENTS: Final = frozenset({ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED, ORDER_CANCELLED})
CART_EVENTS: Final = frozenset(
    {
        PRODUCT_ADDED,
        PRODUCT_REMOVED,
        CART_VIEWED,
        CART_UPDATED,
        CART_EMPTIED,
        CHECKOUT_STARTED,
        ORDER_COMPLETED,
    }
)

#: These are about one cart, and say which; a shop that names none has only the one.
ONE_CART_EVENTS: Final = CART_EVENTS - {CHECKOUT_STARTED, ORDER_COMPLETED}
DEFAULT_CART_ID: Final = "default"

#: Other people's names for the same things, beside casing, which `_key` levels.
ALIASES: Final = {
    # Segment's first vocabulary (spec/ecommerce/v1)
    "Viewed Product": "Product Viewed",
    "Viewed Product Category": "Product List Viewed",
    "Clicked Product": "Product Clicked",
    "Added Product": PRODUCT_ADDED,
    "Removed Product": PRODUCT_REMOVED,
    "Viewed Cart": CART_VIEWED,
    "Started Order": CHECKOUT_STARTED,
    "Updated Order": ORDER_UPDATED,
    "Completed Order": ORDER_COMPLETED,
    "Refunded Order": ORDER_REFUNDED,
    "Cancelled Order": ORDER_CANCELLED,
    "Order Canceled": ORDER_CANCELLED,
    "Viewed Promotion": "Promotion Viewed",
    "Clicked Promotion": "Promotion Clicked",
    "Viewed Checkout Step": "Checkout Step Viewed",
    "Completed Checkout Step": "Checkout Step Completed",
    "Searched Products": "Products Searched",
    # Klaviyo
    "Added to Cart": PRODUCT_ADDED,
    "Started Checkout": CHECKOUT_STARTED,
    "Placed Order": ORDER_COMPLETED,
    "Canceled Order": ORDER_CANCELLED,
    "Fulfilled Order": ORDER_SHIPPED,
    "Confirmed Shipment": ORDER_SHIPPED,
    "Delivered Shipment": ORDER_DELIVERED,
    "Subscribed to Email Marketing": EMAIL_SUBSCRIBED,
    "Subscribed to List": EMAIL_SUBSCRIBED,
    "Unsubscribed from Email Marketing": UNSUBSCRIBED,
    "Email Unsubscribed": UNSUBSCRIBED,
    # Shopify's web pixels and webhook topics
    "product_added_to_cart": PRODUCT_ADDED,
    "product_removed_from_cart": PRODUCT_REMOVED,
    "carts/update": CART_UPDATED,
    "checkouts/create": CHECKOUT_STARTED,
    "checkout_completed": ORDER_COMPLETED,
    "orders/create": ORDER_COMPLETED,
    "orders/updated": ORDER_UPDATED,
    "orders/fulfilled": ORDER_SHIPPED,
    "orders/cancelled": ORDER_CANCELLED,
    "refunds/create": ORDER_REFUNDED,
}


def canonical(name: str) -> str:
    """Turn an event's name into our spelling; a name we do not know stays as it is."""
    if name in KNOWN_EVENTS:
        return name
    return _BY_KEY.get(_key(name), name)


def _key(name: str) -> str:
    """Level casing and separators: `Product Added`, `product_added` and `productAdded` are one."""
    return re.sub(r"[\W_]+", "", name).casefold()


_BY_KEY: Final = {_key(alias): name for alias, name in ALIASES.items()} | {
    _key(name): name for name in KNOWN_EVENTS
}
