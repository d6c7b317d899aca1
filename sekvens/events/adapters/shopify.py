"""Shopify's webhooks: customers, consent, carts, checkouts, products, and what privacy law asks.

Pure, and never raises but `Unusable`. Whatever is told by several webhooks (an order and its
refund, an order and its parcel) has one `messageId` made of its own id, so that it happens once
whichever comes first; the rest goes by the event's id, which is the same for all of Shopify's
attempts (shopify.dev/docs/apps/build/webhooks/ignore-duplicates). One action of the shop may cause
several topics under one event id, so the topic and the id of what it is about belong to it.

Shapes: shopify.dev/docs/api/webhooks.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sekvens.contacts.requests import RequestKind
from sekvens.events.adapters import shopify_orders as orders
from sekvens.events.adapters import shopify_products
from sekvens.events.adapters.reading import (
    Event,
    Table,
    Told,
    UnknownTopic,
    Unusable,
    Webhook,
    address,
    fitting,
    guest_id,
    id_of,
    instant,
    message_id,
    products,
    required_id,
    table,
    tables,
    text,
    told,
    track,
    url,
)
from sekvens.events.adapters.shopify_people import (
    SOURCE,
    buyer_id,
    cart_of,
    consent,
    customer_id,
    identify,
    merged,
    user_id,
)
from sekvens.events.schema import CART_UPDATED, CHECKOUT_STARTED, UNSUBSCRIBED

Reader = Callable[[Webhook], Told]


def read(webhook: Webhook) -> Told:
    """Tell what a webhook says.

    Raises:
        Unusable: its topic tells nothing that is used here, or its body has no id.
    """
    reader = _READERS.get(webhook.topic)
    if reader is None:
        raise UnknownTopic("Shopify's webhooks of this topic tell nothing that is used here")
    return reader(webhook)


def _customer(webhook: Webhook) -> Told:
    customer = webhook.body
    if id_of(customer, "id") is None:
        raise Unusable("the customer has no id")
    return Told(events=(identify(webhook, customer), *consent(webhook, customer)))


def _customer_deleted(webhook: Webhook) -> Told:
    """Stop marketing to a customer whom the shop has deleted; to erase is asked for by itself."""
    event = track(
        UNSUBSCRIBED,
        user_id=user_id(webhook, required_id(webhook.body, "id")),
        at=webhook.triggered_at,
        message_id=_own_id(webhook, required_id(webhook.body, "id")),
        properties={"source": "shopify: customer deleted"},
    )
    return Told(events=(event,))


def _consent(webhook: Webhook) -> Told:
    said = webhook.body
    customer = {
        "id": required_id(webhook.body, "customer_id"),
        "email": said.get("email_address"),
        "email_marketing_consent": said.get("email_marketing_consent"),
    }
    return Told(events=consent(webhook, customer))


def _cart(webhook: Webhook) -> Told:
    cart_id = cart_of(webhook.body, "token") or cart_of(webhook.body, "id")
    if cart_id is None:
        raise Unusable("the cart has no token")
    lines = tables(webhook.body, "line_items")
    event = track(
        CART_UPDATED,
        # A cart says nothing of its owner: its checkout or its order will.
        visitor=cart_id,
        at=instant(webhook.body, "updated_at", "created_at") or webhook.triggered_at,
        message_id=_own_id(webhook, cart_id),
        properties=told(
            cart_id=cart_id,
            currency=text(webhook.body, "currency") or _currency_of(lines),
            products=fitting(orders.line(each, None) for each in lines),
        ),
    )
    return Told(events=(event,))


def _checkout(webhook: Webhook) -> Told:
    checkout = webhook.body
    token = cart_of(checkout, "token") or id_of(checkout, "id")
    if token is None:
        raise Unusable("the checkout has no token")
    if instant(checkout, "completed_at"):
        return Told()  # the order says so, and more
    cart_id = cart_of(checkout, "cart_token") or token
    customer = table(checkout, "customer")
    who = identify(webhook, customer, visitor=cart_id, of=checkout)
    event = track(
        CHECKOUT_STARTED,
        user_id=customer_id(webhook, customer),
        visitor=cart_id,
        at=instant(checkout, "updated_at", "created_at") or webhook.triggered_at,
        message_id=_own_id(webhook, token),
        properties=_checkout_properties(checkout, cart_id=cart_id, token=token),
    )
    is_told = who["userId"] or who["traits"]
    return Told(events=(*((who,) if is_told else ()), event, *consent(webhook, customer)))


def _checkout_properties(checkout: Table, *, cart_id: str, token: str) -> dict[str, Any]:
    currency, amounts = orders.amounts_of(checkout)
    return told(
        cart_id=cart_id,
        checkout_id=token,
        checkout_url=url(checkout, "abandoned_checkout_url"),
        currency=currency,
        **amounts,
        **orders.codes_of(checkout),
        products=products(checkout, lambda each: orders.line(each, currency)),
    )


def _order(webhook: Webhook) -> Told:
    order = webhook.body
    order_id = required_id(webhook.body, "id")
    customer = table(order, "customer")
    events: list[Event] = []
    known = buyer_id(webhook, order)
    if known is not None:
        cart = cart_of(order, "cart_token")
        events.append(identify(webhook, customer, of=order, known=known, visitor=cart))
    events += orders.order_events(webhook, order, order_id)
    return Told(events=(*events, *consent(webhook, customer)))


def _order_deleted(webhook: Webhook) -> Told:
    """Count an order that the shop has deleted as cancelled: it is owed to nobody any more."""
    order_id = required_id(webhook.body, "id")
    return Told(events=(orders.cancelled({}, order_id, webhook),))


def _fulfillment(webhook: Webhook) -> Told:
    order_id = required_id(webhook.body, "order_id")
    return Told(events=tuple(orders.fulfillment_events(webhook.body, order_id, webhook)))


def _fulfillment_event(webhook: Webhook) -> Told:
    posted = webhook.body
    parcel, order_id = required_id(posted, "fulfillment_id"), required_id(posted, "order_id")
    status = text(webhook.body, "status") or ""
    expected = instant(webhook.body, "estimated_delivery_at")
    properties = told(
        order_id=order_id, delayed_until=expected if status.casefold() == "delayed" else None
    )
    at = instant(webhook.body, "happened_at", "created_at") or webhook.triggered_at
    return Told(events=tuple(orders.parcel_events(status, parcel, properties, at=at)))


def _refund(webhook: Webhook) -> Told:
    order_id = required_id(webhook.body, "order_id")
    return Told(events=tuple(orders.refund_events(webhook.body, order_id, webhook)))


def _merge(webhook: Webhook) -> Told:
    return Told(events=merged(webhook))


def _redact(webhook: Webhook) -> Told:
    return _asked(webhook, RequestKind.ERASURE)


def _data_request(webhook: Webhook) -> Told:
    return _asked(webhook, RequestKind.EXPORT)


def _shop_redact(_webhook: Webhook) -> Told:
    return Told(asked=RequestKind.SHOP_ERASURE)


def _asked(webhook: Webhook, kind: RequestKind) -> Told:
    """Tell whom a request is about: their account, and their address as a guest's."""
    customer = table(webhook.body, "customer")
    email = address(customer, "email")
    guest = user_id(webhook, guest_id(email)) if email else None
    named = tuple(filter(None, (customer_id(webhook, customer), guest)))
    if not named:
        raise Unusable("the customer has neither an id nor an address")
    return Told(asked=kind, user_ids=named, email=email)


def _own_id(webhook: Webhook, *about: str) -> str:
    return message_id(SOURCE, webhook.topic, *about, webhook.event_id)


def _currency_of(lines: list[Table]) -> str | None:
    """Tell a cart's currency, which Shopify writes on its lines only."""
    amounts = (table(table(each, "price_set"), "shop_money") for each in lines)
    return next((found for each in amounts if (found := text(each, "currency_code"))), None)


#: By topic. Those that are missing tell nothing that is used here.
_READERS: Final[Mapping[str, Reader]] = {
    "customers/create": _customer,
    "customers/update": _customer,
    "customers/enable": _customer,
    "customers/disable": _customer,
    "customers/delete": _customer_deleted,
    "customers/merge": _merge,
    "customers_email_marketing_consent/update": _consent,
    "carts/create": _cart,
    "carts/update": _cart,
    "checkouts/create": _checkout,
    "checkouts/update": _checkout,
    "orders/create": _order,
    "orders/updated": _order,
    "orders/paid": _order,
    "orders/partially_fulfilled": _order,
    "orders/fulfilled": _order,
    "orders/cancelled": _order,
    "orders/delete": _order_deleted,
    "fulfillments/create": _fulfillment,
    "fulfillments/update": _fulfillment,
    "fulfillment_events/create": _fulfillment_event,
    "refunds/create": _refund,
    "products/create": shopify_products.product,
    "products/update": shopify_products.product,
    "products/delete": shopify_products.product_deleted,
    "inventory_levels/update": shopify_products.place_counted,
    "customers/redact": _redact,
    "customers/data_request": _data_request,
    "shop/redact": _shop_redact,
}
TOPICS: Final = frozenset(_READERS)
