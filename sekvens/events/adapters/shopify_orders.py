"""Shopify's orders, parcels and refunds as events.

Any webhook about an order tells all that has become of it: that it was placed, cancelled, which
parcels left and arrived, what was paid back. Each of these happens once, by its own id, so that a
webhook that is lost, late or a topic that nobody subscribed to takes nothing away.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from sekvens.events.adapters.reading import (
    Event,
    Table,
    Webhook,
    fitting,
    id_of,
    instant,
    message_id,
    money,
    products,
    table,
    tables,
    text,
    told,
    track,
    url,
    whole,
)
from sekvens.events.adapters.shopify_people import SOURCE, buyer_id, cart_of, order_name
from sekvens.events.schema import (
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_DELAYED,
    ORDER_DELIVERED,
    ORDER_READY_FOR_PICKUP,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    ORDER_UPDATED,
)

#: What a parcel's carrier reports (FulfillmentEventStatus) that somebody waits to hear.
_PARCELS: Final = {
    "ready_for_pickup": ORDER_READY_FOR_PICKUP,
    "delayed": ORDER_DELAYED,
    "delivered": ORDER_DELIVERED,
    "picked_up": ORDER_DELIVERED,
}
_AMOUNTS: Final = {
    "total": "total_price",
    "subtotal": "subtotal_price",
    "tax": "total_tax",
    "discount": "total_discounts",
    "shipping": "total_shipping_price",
}
#: Shopify's own names of gateways are codes (`shopify_payments`); others are as buyers know them.
_CODE_SIGN: Final = "_"
_NOT_A_PAYMENT: Final = frozenset({"manual", "bogus", ""})


def order_events(webhook: Webhook, order: Table, order_id: str) -> Iterator[Event]:
    """Tell everything that an order says has become of it."""
    buyer, visitor = buyer_id(webhook, order), order_name(order_id)
    properties = order_properties(order, order_id)
    yield track(
        ORDER_COMPLETED,
        user_id=buyer,
        visitor=visitor,
        # When it was bought: an order that was imported into the shop was created long after.
        at=instant(order, "processed_at", "created_at") or webhook.triggered_at,
        message_id=message_id(SOURCE, "order", order_id, "completed"),
        properties=properties,
    )
    if webhook.topic != "orders/create":
        yield track(
            ORDER_UPDATED,
            user_id=buyer,
            visitor=visitor,
            at=instant(order, "updated_at") or webhook.triggered_at,
            message_id=message_id(SOURCE, webhook.topic, order_id, webhook.event_id),
            properties=properties,
        )
    if webhook.topic == "orders/cancelled" or instant(order, "cancelled_at"):
        yield cancelled(order, order_id, webhook)
    for fulfillment in tables(order, "fulfillments"):
        yield from fulfillment_events(fulfillment, order_id, webhook)
    for refund in tables(order, "refunds"):
        yield from refund_events(refund, order_id, webhook)


def cancelled(order: Table, order_id: str, webhook: Webhook) -> Event:
    """Tell that an order is not to be, whoever called it off."""
    return track(
        ORDER_CANCELLED,
        visitor=order_name(order_id),
        at=instant(order, "cancelled_at", "updated_at") or webhook.triggered_at,
        message_id=message_id(SOURCE, "order", order_id, "cancelled"),
        properties=told(order_id=order_id, reason=text(order, "cancel_reason")),
    )


def fulfillment_events(fulfillment: Table, order_id: str, webhook: Webhook) -> Iterator[Event]:
    """Tell that a parcel has left, and what its carrier says of it."""
    parcel = id_of(fulfillment, "id")
    if parcel is None or text(fulfillment, "status") != "success":
        return  # pending, open, cancelled, error, failure: nothing has left
    items = tables(fulfillment, "line_items")
    if items and not any(item.get("requires_shipping", True) for item in items):
        return  # a gift card, a file
    yield track(
        ORDER_SHIPPED,
        visitor=order_name(order_id),
        at=instant(fulfillment, "created_at") or webhook.triggered_at,
        message_id=message_id(SOURCE, "fulfillment", parcel, "shipped"),
        properties=told(
            order_id=order_id,
            carrier=text(fulfillment, "tracking_company"),
            tracking_url=url(fulfillment, "tracking_url") or _first_url(fulfillment),
        ),
    )
    status = text(fulfillment, "shipment_status") or ""
    at = instant(fulfillment, "updated_at") or webhook.triggered_at
    yield from parcel_events(status, parcel, told(order_id=order_id), at=at)


def parcel_events(
    status: str, parcel: str, properties: dict[str, Any], *, at: str | None
) -> Iterator[Event]:
    """Tell what a carrier says of a parcel, if somebody waits to hear that."""
    name = _PARCELS.get(status.casefold())
    if name is not None:
        yield track(
            name,
            visitor=order_name(properties["order_id"]),
            at=at,
            message_id=message_id(SOURCE, "fulfillment", parcel, status.casefold()),
            properties=properties,
        )


def refund_events(refund: Table, order_id: str, webhook: Webhook) -> Iterator[Event]:
    """Tell that money went back.

    A refund without a payment is a line that was taken off an order which nobody has paid yet.
    """
    refund_id = id_of(refund, "id")
    paid_back = [
        each
        for each in tables(refund, "transactions")
        if text(each, "kind") == "refund" and text(each, "status") in ("success", "pending")
    ]
    if refund_id is None or (not paid_back and "transactions" in refund):
        return
    amounts = [Decimal(found) for each in paid_back if (found := money(each, "amount"))]
    yield track(
        ORDER_REFUNDED,
        visitor=order_name(order_id),
        at=instant(refund, "processed_at", "created_at") or webhook.triggered_at,
        message_id=message_id(SOURCE, "refund", refund_id),
        properties=told(
            order_id=order_id,
            total=format(sum(amounts, Decimal(0)), "f") if amounts else None,
            currency=next((text(each, "currency") for each in paid_back), None),
            products=_refunded_lines(refund) or None,
        ),
    )


def order_properties(order: Table, order_id: str) -> dict[str, Any]:
    """Tell an order's contents under Segment's names."""
    currency, amounts = amounts_of(order)
    return told(
        order_id=order_id,
        order_number=(text(order, "name") or "").lstrip("#") or None,
        checkout_id=cart_of(order, "checkout_token") or id_of(order, "checkout_id"),
        cart_id=cart_of(order, "cart_token"),
        currency=currency,
        **amounts,
        **codes_of(order),
        payment_method=_payment_method(order),
        financial_status=text(order, "financial_status"),
        affiliation=text(order, "source_name"),
        products=products(order, lambda each: line(each, currency)),
    )


def amounts_of(of: Table) -> tuple[str | None, dict[str, str]]:
    """Tell the currency that the buyer sees, and an order's or checkout's amounts in it."""
    seen = text(table(table(of, "total_price_set"), "presentment_money"), "currency_code")
    currency = seen or text(of, "currency")
    amounts = {name: _seen(of, posted, currency) for name, posted in _AMOUNTS.items()}
    if amounts["shipping"] is None:
        amounts["shipping"] = _shipping(of, currency)
    return currency, told(**amounts)


def codes_of(of: Table) -> dict[str, Any]:
    """Tell the codes that were used."""
    codes = [code for each in tables(of, "discount_codes") if (code := text(each, "code"))]
    return {"coupon": codes[0], "discount_codes": codes} if codes else {}


def line(posted: Table, currency: str | None) -> dict[str, Any]:
    """Tell a line of a cart, a checkout or an order under Segment's names."""
    return told(
        product_id=id_of(posted, "product_id") or id_of(posted, "variant_id"),
        sku=text(posted, "sku") or id_of(posted, "variant_id"),
        name=text(posted, "title", "name"),
        variant=text(posted, "variant_title"),
        brand=text(posted, "vendor"),
        price=_seen(posted, "price", currency),
        quantity=whole(posted, "quantity"),
        image_url=url(table(posted, "featured_image"), "url"),
    )


def _seen(of: Table, name: str, currency: str | None) -> str | None:
    """Read an amount in this currency: the one that the buyer sees, else the shop's own."""
    both = table(of, f"{name}_set")
    for which in ("presentment_money", "shop_money"):
        amount = table(both, which)
        if currency and text(amount, "currency_code") == currency:
            return money(amount, "amount")
    # What comes without its currency is in the shop's.
    is_shops = currency is None or text(of, "currency") in (None, currency)
    return money(of, name) if is_shops and not both else None


def _shipping(of: Table, currency: str | None) -> str | None:
    both = table(of, "total_shipping_price_set")
    if both:
        return _seen({"s_set": both}, "s", currency)
    prices = [_seen(each, "price", currency) for each in tables(of, "shipping_lines")]
    known = [Decimal(price) for price in prices if price is not None]
    return format(sum(known, Decimal(0)), "f") if known and len(known) == len(prices) else None


def _payment_method(order: Table) -> str | None:
    names = order.get("payment_gateway_names")
    given = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    for name in given:
        if _CODE_SIGN not in name and name.casefold() not in _NOT_A_PAYMENT:
            return text({"name": name}, "name")
    return None


def _first_url(fulfillment: Table) -> str | None:
    found = fulfillment.get("tracking_urls")
    return url({"url": found[0]}, "url") if isinstance(found, list) and found else None


def _refunded_lines(refund: Table) -> Sequence[dict[str, Any]]:
    return fitting(
        {**line(table(each, "line_item"), None), "quantity": whole(each, "quantity")}
        for each in tables(refund, "refund_line_items")
    )
