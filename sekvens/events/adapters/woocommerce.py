"""WooCommerce's webhooks: customers, orders and products.

Pure, and never raises but `Unusable`. WooCommerce names no event that could be told apart: its
delivery id is made of the webhook's number and the second, so that several orders of one second
share it, and a repeat has another. So what has become of an order goes by the order's own id, and
an update by its contents; a repeat of either changes nothing.

Shapes: developer.woocommerce.com/docs/apis/rest-api/v3 (orders, customers). Times named `_gmt` are
UTC without saying so.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from sekvens.events.adapters import woocommerce_orders as orders
from sekvens.events.adapters import woocommerce_products
from sekvens.events.adapters.reading import (
    Event,
    Table,
    Told,
    UnknownTopic,
    Webhook,
    address,
    instant,
    message_id,
    required_id,
    table,
    tables,
    text,
    told,
    track,
)
from sekvens.events.adapters.woocommerce_orders import SOURCE, buyer_id
from sekvens.events.schema import EMAIL_SUBSCRIBED, UNSUBSCRIBED

Reader = Callable[[Webhook], Told]

_YES: Final = frozenset({"1", "yes", "true", "on"})


def read(webhook: Webhook) -> Told:
    """Tell what a webhook says.

    Raises:
        Unusable: its topic tells nothing that is used here, or its body has no id.
    """
    reader = _READERS.get(webhook.topic)
    if reader is None:
        raise UnknownTopic("WooCommerce's webhooks of this topic tell nothing that is used here")
    return reader(webhook)


def contents_id(raw: bytes) -> str:
    """Name a webhook by what it says."""
    return hashlib.sha256(raw).hexdigest()[:32]


def _customer(webhook: Webhook) -> Told:
    customer, found = webhook.body, required_id(webhook.body)
    event = _identify(
        webhook,
        f"{webhook.user_id_prefix}{found}",
        message_id=message_id(SOURCE, "customer", found, webhook.event_id),
        traits=_traits(customer, table(customer, "billing"), table(customer, "shipping")),
    )
    return Told(events=(event,))


def _customer_deleted(webhook: Webhook) -> Told:
    """Stop marketing to a customer whom the shop has deleted; to erase is the shop's decision."""
    found = required_id(webhook.body)
    event = track(
        UNSUBSCRIBED,
        user_id=f"{webhook.user_id_prefix}{found}",
        at=webhook.triggered_at,
        message_id=message_id(SOURCE, "customer", found, "deleted"),
        properties={"source": "woocommerce: customer deleted"},
    )
    return Told(events=(event,))


def _order(webhook: Webhook) -> Told:
    order, order_id, buyer = webhook.body, required_id(webhook.body), buyer_id(webhook)
    events: list[Event] = []
    if buyer is not None:
        billing = table(order, "billing")
        who = _identify(
            webhook,
            buyer,
            message_id=message_id(SOURCE, "order", order_id, webhook.event_id, "who"),
            traits=_traits(billing, billing, table(order, "shipping")),
        )
        events = [who, *_consent(webhook, order_id, buyer)]
    return Told(events=(*events, *orders.order_events(webhook, order_id)))


def _order_deleted(webhook: Webhook) -> Told:
    """Count an order that the shop has deleted as cancelled: it is owed to nobody any more."""
    return Told(events=(orders.cancelled(webhook, required_id(webhook.body)),))


def _identify(webhook: Webhook, user_id: str, *, message_id: str, traits: dict[str, str]) -> Event:
    return {
        "type": "identify",
        "userId": user_id,
        "timestamp": instant(webhook.body, "date_modified_gmt", "date_created_gmt"),
        "messageId": message_id,
        "traits": traits,
    }


def _traits(person: Table, billing: Table, shipping: Table) -> dict[str, str]:
    return told(
        email=address(person, "email") or address(billing, "email"),
        firstName=text(person, "first_name") or text(billing, "first_name"),
        lastName=text(person, "last_name") or text(billing, "last_name"),
        country=text(shipping, "country") or text(billing, "country"),
    )


def _consent(webhook: Webhook, order_id: str, buyer: str) -> tuple[Event, ...]:
    """Tell the opt-in of the checkout, where the settings say under which key it is kept.

    A box that was not ticked takes nothing back.
    """
    kept = tables(webhook.body, "meta_data") if webhook.consent_key else []
    if not any(_is_yes(each.get("value")) for each in kept if _is_consent(each, webhook)):
        return ()
    return (
        track(
            EMAIL_SUBSCRIBED,
            user_id=buyer,
            at=instant(webhook.body, "date_created_gmt"),
            message_id=message_id(SOURCE, "order", order_id, "consent"),
            properties={"source": "checkout", "collected_from": SOURCE, "order_id": order_id},
        ),
    )


def _is_consent(meta: Table, webhook: Webhook) -> bool:
    return bool(meta.get("key") == webhook.consent_key)


def _is_yes(value: object) -> bool:
    is_word = isinstance(value, str) and value.strip().casefold() in _YES
    return value is True or is_word or (type(value) is int and value == 1)


_READERS: Final[Mapping[str, Reader]] = {
    "customer.created": _customer,
    "customer.updated": _customer,
    "customer.deleted": _customer_deleted,
    "order.created": _order,
    "order.updated": _order,
    "order.restored": _order,
    "order.deleted": _order_deleted,
    "product.created": woocommerce_products.product,
    "product.updated": woocommerce_products.product,
    "product.restored": woocommerce_products.product,
    "product.deleted": woocommerce_products.product_deleted,
}
TOPICS: Final = frozenset(_READERS)
