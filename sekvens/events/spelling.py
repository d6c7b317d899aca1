"""Other spellings of events' names, turned into ours on arrival.

Segment's first vocabulary, Klaviyo's and Shopify's names, another casing: whatever a shop's backend
calls a thing that we know, flows ask for it by one name.
"""

import re
from typing import Final

from sekvens.events.schema import (
    BACK_IN_STOCK_REQUESTED,
    CART_UPDATED,
    CART_VIEWED,
    CHECKOUT_STARTED,
    EMAIL_DELIVERED,
    EMAIL_LINK_CLICKED,
    EMAIL_SUBSCRIBED,
    KNOWN_EVENTS,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_DELAYED,
    ORDER_DELIVERED,
    ORDER_READY_FOR_PICKUP,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    ORDER_UPDATED,
    PAGE,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
    PRODUCT_REVIEWED,
    RETURN_COMPLETED,
    RETURN_STARTED,
    UNSUBSCRIBED,
)

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
    "Reviewed Product": PRODUCT_REVIEWED,
    # Klaviyo
    "Added to Cart": PRODUCT_ADDED,
    "Started Checkout": CHECKOUT_STARTED,
    "Placed Order": ORDER_COMPLETED,
    "Canceled Order": ORDER_CANCELLED,
    "Fulfilled Order": ORDER_SHIPPED,
    "Confirmed Shipment": ORDER_SHIPPED,
    "Delivered Shipment": ORDER_DELIVERED,
    "Delayed Shipment": ORDER_DELAYED,
    "Received Email": EMAIL_DELIVERED,
    "Clicked Email": EMAIL_LINK_CLICKED,
    "Submitted Review": PRODUCT_REVIEWED,
    "Subscribed to Email Marketing": EMAIL_SUBSCRIBED,
    "Subscribed to List": EMAIL_SUBSCRIBED,
    "Unsubscribed from Email Marketing": UNSUBSCRIBED,
    "Subscribed to Back in Stock": BACK_IN_STOCK_REQUESTED,
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
    "fulfillment_orders/line_items_prepared_for_pickup": ORDER_READY_FOR_PICKUP,
    "returns/request": RETURN_STARTED,
    "returns/approve": RETURN_STARTED,
    "returns/cancel": RETURN_COMPLETED,
    "returns/decline": RETURN_COMPLETED,
    "returns/close": RETURN_COMPLETED,
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
    # A track event of the name "Page" is not a page call.
    _key(name): name
    for name in KNOWN_EVENTS - {PAGE}
}
