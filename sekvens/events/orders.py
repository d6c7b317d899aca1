"""Orders, folded from what the shop says about them.

An order only goes forward (completed, refunded, cancelled), and its details are those of the newest
event that gave them. `fold` is pure and takes events in the order in which they happened; a late
one is put in its place by folding the log again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from sekvens.events.facts import Fact
from sekvens.events.schema import (
    ORDER_CANCELLED,
    ORDER_COMPLETED,
    ORDER_REFUNDED,
    ORDER_UPDATED,
)
from sekvens.flows.keys import key_of
from sekvens.flows.state import changed

#: From an order's first state to its last; it never goes back.
STATES: Final = ("completed", "refunded", "cancelled")
#: What is kept of an order beside its products and total, under Segment's names.
DETAILED_AMOUNTS: Final = ("tax", "shipping", "discount")
DETAILED_TEXTS: Final = (
    "coupon",
    "payment_method",
    "payment_status",
    "financial_status",
    "order_number",
)
DETAIL_CHARACTERS_MAX: Final = 100
#: A billion in hundredths: a sum of any contact's orders fits into eight bytes.
AMOUNT_MAX: Final = 1_000_000_000 * 100

_STATE_OF: Final = {
    ORDER_COMPLETED: "completed",
    ORDER_UPDATED: "completed",
    ORDER_REFUNDED: "refunded",
    ORDER_CANCELLED: "cancelled",
}


@dataclass(frozen=True, kw_only=True)
class OrderState:
    """An order as known so far. Times are shop time."""

    total: str | None = None
    currency: str | None = None
    products: tuple[Any, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    state: str
    ordered_at: datetime
    is_completed: bool = False  #: its completion itself has been seen
    updated_at: datetime


def order_id(fact: Fact) -> str:
    """Tell which order an event is about; one without `order_id` is an order of its own."""
    return key_of(fact.properties.get("order_id") or fact.message_id)


def fold(order: OrderState | None, fact: Fact) -> OrderState:
    """Put one event, newer than all before, into an order."""
    state = _STATE_OF[fact.name]
    if order is None:
        order = OrderState(state=state, ordered_at=fact.occurred_at, updated_at=fact.occurred_at)
    order = changed(
        order,
        state=max(order.state, state, key=STATES.index),
        updated_at=fact.occurred_at,
    )
    if fact.name == ORDER_COMPLETED and not order.is_completed:
        order = changed(order, ordered_at=fact.occurred_at, is_completed=True)
    return _with_details(order, fact) if state == "completed" else order


def fold_all(facts: Iterable[Fact]) -> dict[str, OrderState]:
    """Fold a contact's whole log, oldest first."""
    orders: dict[str, OrderState] = {}
    for fact in facts:
        orders[order_id(fact)] = fold(orders.get(order_id(fact)), fact)
    return orders


def amount(value: Any) -> str | None:
    """Write an amount of money as decimal text; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return format(number, "f") if number.is_finite() and abs(number.adjusted()) < 20 else None


def hundredths(total: str | None) -> int:
    """Turn an order's total into hundredths of the currency; what is unknown, or less, is nothing.

    An amount beyond a billion is a mistake of whoever posted it, and adds nothing up.
    """
    if total is None:
        return 0
    whole = int((Decimal(total) * 100).to_integral_value(ROUND_HALF_UP))
    return whole if 0 < whole <= AMOUNT_MAX else 0


def _with_details(order: OrderState, fact: Fact) -> OrderState:
    posted = fact.properties
    amounts = (amount(posted.get(name)) for name in ("total", "revenue", "value"))
    total = next((found for found in amounts if found is not None), None)
    currency, products = posted.get("currency"), posted.get("products")
    return changed(
        order,
        total=total if total is not None else order.total,
        currency=currency if isinstance(currency, str) else order.currency,
        products=tuple(products) if isinstance(products, list) else order.products,
        details={**order.details, **_details(posted)},
    )


def _details(posted: Mapping[str, Any]) -> dict[str, str]:
    """Tell what an order's confirmation says beside products and total, as far as it was posted."""
    amounts = {name: amount(posted.get(name)) for name in DETAILED_AMOUNTS}
    texts = {name: posted.get(name) for name in DETAILED_TEXTS}
    short = {
        name: text.strip()[:DETAIL_CHARACTERS_MAX]
        for name, text in texts.items()
        if isinstance(text, str) and text.strip()
    }
    return {name: number for name, number in amounts.items() if number is not None} | short
