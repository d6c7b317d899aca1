"""What is known of carts, orders and parcels, read from the database as plain values.

An order's parcel is told by events, in the order in which they happened: what a newer one makes
untrue is forgotten, so that no e-mail promises a day that has passed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.events.schema import (
    ORDER_DELAYED,
    ORDER_DELIVERED,
    ORDER_READY_FOR_PICKUP,
    ORDER_REFUNDED,
    ORDER_SHIPPED,
    PAYMENT_IS_PENDING,
)
from sekvens.events.tables import Cart, ContactEvent, Order
from sekvens.flows.keys import key_of
from sekvens.imports.plain import seen_line
from sekvens.messages.facts import CartFacts, DeliveryFacts, Line, OrderFacts
from sekvens.messages.formats import currency_code, price
from sekvens.messages.markdown import is_web_url

PRODUCT_TEXT_CHARACTERS_MAX: Final = 200
#: An order of more lines is a shop's own stock-taking.
LINES_MAX: Final = 100

_OF_PARCELS: Final = (ORDER_SHIPPED, ORDER_READY_FOR_PICKUP, ORDER_DELAYED, ORDER_DELIVERED)


def cart_facts(session: Session, *, contact_id: str, cart_id: str) -> CartFacts | None:
    """Tell a contact's cart; None if there is nothing in it."""
    cart = session.get(Cart, (contact_id, cart_id))
    lines = read_lines(cart.lines) if cart else ()
    if cart is None or not lines:
        return None
    return CartFacts(cart_id=cart.cart_id, currency=currency_code(cart.currency), lines=lines)


def orders_count(session: Session, contact_id: str) -> int:
    """Count a contact's orders, but for those that were cancelled."""
    count = select(func.count()).where(Order.contact_id == contact_id, Order.state != "cancelled")
    return session.scalar(count) or 0


def newest_orders(session: Session, contact_id: str, *, limit: int) -> Sequence[Order]:
    """List a contact's newest orders, but for those that were cancelled."""
    standing = select(Order).where(Order.contact_id == contact_id, Order.state != "cancelled")
    newest = standing.order_by(Order.ordered_at.desc(), Order.order_id).limit(limit)
    return session.scalars(newest).all()


def order_facts(row: Order, *, refunded: Decimal | None = None) -> OrderFacts:
    """Tell what is known of an order."""
    return OrderFacts(
        order_id=row.order_id,
        lines=read_lines(row.products),
        currency=currency_code(row.currency),
        total=price(row.total),
        vat=price(row.details.get("tax")),
        shipping=price(row.details.get("shipping")),
        discount=price(row.details.get("discount")),
        payment=text_of(row.details, "payment_method"),
        is_paid=not _is_payment_pending(row),
        refunded=refunded,
        state=row.state,
        placed_at=row.ordered_at,
        number=text_of(row.details, "order_number"),
    )


def _is_payment_pending(row: Order) -> bool:
    said = row.details.get("payment_status") or row.details.get("financial_status") or ""
    return said.casefold() in PAYMENT_IS_PENDING


def refunded(session: Session, *, contact_id: str, order_id: str) -> Decimal | None:
    """Tell how much of an order was paid back so far; None if any refund did not say."""
    events = _events(session, (ORDER_REFUNDED,), contact_id=contact_id, order_id=order_id)
    amounts = [_amount(event.properties) for event in events]
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(amounts) else None


def delivery_facts(
    session: Session, *, contact_id: str, order_id: str, timezone: str
) -> DeliveryFacts | None:
    """Tell where an order's parcel is; None if nothing has been said of it."""
    delivery = DeliveryFacts()
    for event in _events(session, _OF_PARCELS, contact_id=contact_id, order_id=order_id):
        delivery = _told(delivery, event, ZoneInfo(timezone))
    return None if delivery == DeliveryFacts() else delivery


def read_lines(posted: Iterable[object]) -> tuple[Line, ...]:
    """Read the lines of a cart or an order as posted; those that name nothing are left out."""
    lines = (read_line(line) for line in posted)
    return tuple(line for line in lines if line)[:LINES_MAX]


def read_line(posted: object) -> Line | None:
    """Read one line as posted; None if it does not even have a name."""
    if not isinstance(posted, Mapping):
        return None
    name = text_of(posted, "name")
    if name is None:
        return None
    quantity = posted.get("quantity")
    product_id = posted.get("product_id")
    return Line(
        name=name,
        price=price(posted.get("price")),
        quantity=quantity if isinstance(quantity, int) and quantity > 0 else 1,
        benefit=text_of(posted, "benefit"),
        care=text_of(posted, "care"),
        url=url_of(posted, "url"),
        image_url=url_of(posted, "image_url"),
        product_id=str(product_id) if isinstance(product_id, str | int) else None,
    )


def text_of(posted: Mapping[str, Any], name: str) -> str | None:
    """Read a short text as posted, on one line."""
    value = posted.get(name)
    if not isinstance(value, str):
        return None
    text = seen_line(value)
    if len(text) > PRODUCT_TEXT_CHARACTERS_MAX:
        text = f"{text[: PRODUCT_TEXT_CHARACTERS_MAX - 1]}…"
    return text or None


def url_of(posted: Mapping[str, Any], name: str) -> str | None:
    """Read a link as posted; None unless an e-mail may lead there."""
    value = posted.get(name)
    return value if isinstance(value, str) and is_web_url(value) else None


def _told(delivery: DeliveryFacts, event: ContactEvent, zone: ZoneInfo) -> DeliveryFacts:
    """Put what one event says of a parcel upon what is known."""
    said = event.properties
    match event.name:
        case "Order Shipped":
            # The parcel that left is the one that was late.
            return replace(
                delivery,
                carrier=text_of(said, "carrier") or delivery.carrier,
                tracking_url=url_of(said, "tracking_url") or delivery.tracking_url,
                expected_on=_day(said, "expected_on", zone),
                delayed_until=None,
                delay_reason=None,
            )
        case "Order Delayed":
            return replace(
                delivery,
                expected_on=None,
                delayed_until=_day(said, "delayed_until", zone),
                delay_reason=text_of(said, "reason"),
            )
        case "Order Ready for Pickup":
            return replace(
                _arrived(delivery),
                pickup_place=text_of(said, "pickup_place"),
                pickup_until=_day(said, "pickup_until", zone),
            )
        case _:
            return replace(_arrived(delivery), pickup_until=None)


def _arrived(delivery: DeliveryFacts) -> DeliveryFacts:
    return replace(delivery, expected_on=None, delayed_until=None, delay_reason=None)


def _events(
    session: Session, names: Sequence[str], *, contact_id: str, order_id: str
) -> list[ContactEvent]:
    """List the events about one order, in the order in which they happened."""
    about = select(ContactEvent).where(
        ContactEvent.contact_id == contact_id, ContactEvent.name.in_(names)
    )
    rows = session.scalars(about.order_by(ContactEvent.occurred_at, ContactEvent.id))
    return [row for row in rows if key_of(row.properties.get("order_id")) == order_id]


def _amount(posted: Mapping[str, Any]) -> Decimal | None:
    amounts = (price(posted.get(name)) for name in ("total", "revenue", "value"))
    return next((amount for amount in amounts if amount), None)


def _day(posted: Mapping[str, Any], name: str, zone: ZoneInfo) -> date | None:
    """Read a day as posted: a date, or an instant seen from where the contact lives."""
    value = posted.get(name)
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value.strip())
        return at.astimezone(zone).date() if at.tzinfo else at.date()
    except (ValueError, OverflowError):  # no day, or none of this zone's calendar
        return None
