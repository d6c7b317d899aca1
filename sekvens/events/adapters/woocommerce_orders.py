"""WooCommerce's orders as events.

An order is posted whole, with the status that it has now; what that says has happened happens once,
by the order's own id.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from sekvens.events.adapters.reading import (
    Event,
    Table,
    Webhook,
    address,
    guest_id,
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
from sekvens.events.schema import (
    CHECKOUT_STARTED,
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    ORDER_UPDATED,
)

SOURCE: Final = "woocommerce"

#: The buyer has been sent to pay, and nobody knows yet whether they will.
_BEFORE_PAYMENT: Final = frozenset({"pending", "checkout-draft"})
#: The order stands: `on-hold` waits for a transfer or an invoice, and holds its goods.
_PLACED: Final = frozenset({"on-hold", "processing", "completed", "refunded"})
_UNPAID: Final = "on-hold"
_DONE: Final = "completed"
#: The shipment tracking extension's own list, on the order.
_PARCELS_KEY: Final = "_wc_shipment_tracking_items"


def order_events(webhook: Webhook, order_id: str) -> Iterator[Event]:
    """Tell everything that an order says has become of it."""
    order = webhook.body
    status = (text(order, "status") or "").removeprefix("wc-")
    if status in _BEFORE_PAYMENT:
        yield _checkout(webhook, order_id)
    elif status in _PLACED or instant(order, "date_paid_gmt"):
        yield from _placed(webhook, order_id, status)
    if status == "cancelled":
        yield cancelled(webhook, order_id)
    yield from _refunds(webhook, order_id, status)


def cancelled(webhook: Webhook, order_id: str) -> Event:
    """Tell that an order is not to be, whoever called it off."""
    return _event(
        webhook,
        ORDER_CANCELLED,
        once=(order_id, "cancelled"),
        at=instant(webhook.body, "date_modified_gmt") or webhook.triggered_at,
        properties={"order_id": order_id},
    )


def buyer_id(webhook: Webhook) -> str | None:
    """Name who has ordered; without an account, by their address."""
    account = id_of(webhook.body, "customer_id")
    email = address(table(webhook.body, "billing"), "email")
    named = account or (guest_id(email) if email else None)
    return None if named is None else f"{webhook.user_id_prefix}{named}"


def _event(
    webhook: Webhook,
    name: str,
    *,
    once: tuple[str, ...],
    at: str | None,
    properties: dict[str, Any],
) -> Event:
    """Make an event of an order, which happens once by the order's id and what else it goes by."""
    return track(
        name,
        user_id=buyer_id(webhook),
        # A webhook about a deleted order says nothing but its id.
        visitor=f"{SOURCE}-order-{once[0]}",
        at=at,
        message_id=message_id(SOURCE, "order", *once),
        properties=properties,
    )


def _placed(webhook: Webhook, order_id: str, status: str) -> Iterator[Event]:
    order = webhook.body
    properties = _properties(order, order_id)
    yield _event(
        webhook,
        ORDER_COMPLETED,
        once=(order_id, "completed"),
        at=instant(order, "date_created_gmt"),
        properties=properties,
    )
    if webhook.topic != "order.created":
        yield _event(
            webhook,
            ORDER_UPDATED,
            once=(order_id, webhook.event_id),
            at=instant(order, "date_modified_gmt"),
            properties=properties,
        )
    if status == _DONE and tables(order, "shipping_lines"):
        # An order of files alone is done as soon as it is paid, and nothing leaves.
        yield _event(
            webhook,
            ORDER_SHIPPED,
            once=(order_id, "shipped"),
            at=instant(order, "date_completed_gmt", "date_modified_gmt"),
            properties=told(order_id=order_id, **_parcel(order)),
        )


def _checkout(webhook: Webhook, order_id: str) -> Event:
    """Tell that somebody is about to pay; the order's own id stands for their cart."""
    properties = _properties(webhook.body, order_id)
    for name in ("order_number", "payment_status"):
        properties.pop(name, None)
    return _event(
        webhook,
        CHECKOUT_STARTED,
        once=(order_id, webhook.event_id, "checkout"),
        at=instant(webhook.body, "date_modified_gmt", "date_created_gmt"),
        properties=properties
        | told(cart_id=order_id, checkout_url=url(webhook.body, "payment_url")),
    )


def _refunds(webhook: Webhook, order_id: str, status: str) -> Iterator[Event]:
    """Tell each refund once; an order has all of them so far, without their times."""
    order = webhook.body
    refunds = [(found, each) for each in tables(order, "refunds") if (found := id_of(each, "id"))]
    if not refunds and status == "refunded":
        refunds = [("all", {})]
    for refund_id, refund in refunds:
        total = money(refund, "total")
        yield _event(
            webhook,
            ORDER_REFUNDED,
            once=(order_id, "refund", refund_id),
            at=instant(order, "date_modified_gmt"),
            properties=told(
                order_id=order_id,
                total=format(abs(Decimal(total)), "f") if total else None,
                currency=text(order, "currency"),
            ),
        )


def _properties(order: Table, order_id: str) -> dict[str, Any]:
    codes = [code for each in tables(order, "coupon_lines") if (code := text(each, "code"))]
    is_unpaid = text(order, "status") == _UNPAID and not instant(order, "date_paid_gmt")
    return told(
        order_id=order_id,
        order_number=text(order, "number"),
        currency=text(order, "currency"),
        total=money(order, "total"),
        tax=money(order, "total_tax"),
        shipping=_with_tax(order, "shipping"),
        discount=_with_tax(order, "discount"),
        coupon=codes[0] if codes else None,
        discount_codes=codes or None,
        payment_method=text(order, "payment_method_title"),
        payment_status="pending" if is_unpaid else "paid",
        affiliation=text(order, "created_via"),
        products=products(order, lambda each: _line(each, order)),
    )


def _with_tax(order: Table, what: str) -> str | None:
    """Add the tax to an amount where the shop's prices include it, as the buyer saw it."""
    total, tax = money(order, f"{what}_total"), money(order, f"{what}_tax")
    if total is None or tax is None or order.get("prices_include_tax") is not True:
        return total
    return format(Decimal(total) + Decimal(tax), "f")


def _line(posted: Table, order: Table) -> dict[str, Any]:
    variant = id_of(posted, "variation_id")
    return told(
        product_id=id_of(posted, "product_id"),
        sku=text(posted, "sku") or variant,
        name=text(posted, "parent_name", "name"),
        variant=_variant(posted),
        price=_piece_price(posted, order),
        quantity=whole(posted, "quantity"),
        image_url=url(table(posted, "image"), "src"),
    )


def _variant(posted: Table) -> str | None:
    """Tell which size or colour it is: what the name says behind the product's."""
    name, product = text(posted, "name"), text(posted, "parent_name")
    if not (name and product and name.startswith(f"{product} - ")):
        return None
    return name.removeprefix(f"{product} - ") or None


def _piece_price(posted: Table, order: Table) -> str | None:
    """Tell what a piece costs before discounts, with tax where the shop's prices include it."""
    subtotal, tax = money(posted, "subtotal"), money(posted, "subtotal_tax")
    if subtotal is None:
        return money(posted, "price")
    with_tax = order.get("prices_include_tax") is True and tax is not None
    whole_line = Decimal(subtotal) + (Decimal(tax or 0) if with_tax else 0)
    return format((whole_line / whole(posted, "quantity")).quantize(Decimal("0.01")), "f")


def _parcel(order: Table) -> dict[str, Any]:
    found = [meta for meta in tables(order, "meta_data") if meta.get("key") == _PARCELS_KEY]
    parcels = tables(found[0], "value") if found else []
    if not parcels:
        return {}
    return told(
        carrier=text(parcels[-1], "tracking_provider", "custom_tracking_provider"),
        tracking_url=url(parcels[-1], "custom_tracking_link", "tracking_link"),
    )
