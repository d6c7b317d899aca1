"""The lines of orders, written whenever an order changes.

An order's lines are replaced as a whole by what the order says now, so that events may come twice,
late and out of order.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final, Protocol

from sqlalchemy import delete, insert, select, tuple_
from sqlalchemy.orm import Session

from sekvens.events.carts import QUANTITY_MAX, quantity
from sekvens.events.tables import Order
from sekvens.flows.keys import key_of
from sekvens.products.tables import OrderLine

#: Orders of one statement: below every database's limit of parameters, two each.
_ORDERS_MAX: Final = 400


class HasLines(Protocol):
    """An order as known so far: a stored one, or one in the fold."""

    @property
    def products(self) -> Any: ...
    @property
    def state(self) -> str: ...
    @property
    def ordered_at(self) -> datetime: ...


def write(session: Session, orders: Mapping[tuple[str, str], HasLines]) -> None:
    """Replace the lines of orders, each named by contact id and order id."""
    remaining = iter(sorted(orders))
    while some := list(islice(remaining, _ORDERS_MAX)):
        named = tuple_(OrderLine.contact_id, OrderLine.order_id).in_(some)
        session.execute(
            delete(OrderLine).where(named), execution_options={"synchronize_session": False}
        )
        rows = [row for contact_id, order_id in some for row in _rows(contact_id, order_id, orders)]
        if rows:
            session.execute(insert(OrderLine), rows)


def write_all(session: Session) -> int:
    """Write the lines of every stored order again, as after an upgrade; tell how many orders."""
    rows = session.execute(select(Order)).scalars().all()
    write(session, {(row.contact_id, row.order_id): row for row in rows})
    return len(rows)


def _rows(
    contact_id: str, order_id: str, orders: Mapping[tuple[str, str], HasLines]
) -> Iterator[dict[str, Any]]:
    order = orders[contact_id, order_id]
    for product_id, pieces in pieces_of(order.products).items():
        yield {
            "contact_id": contact_id,
            "order_id": order_id,
            "product_id": product_id,
            "quantity": pieces,
            "ordered_at": order.ordered_at,
            "state": order.state,
        }


def pieces_of(products: Any) -> Mapping[str, int]:
    """Add up the pieces of each product; a line that names none is nobody's."""
    pieces: dict[str, int] = defaultdict(int)
    for line in products:
        named = (line.get("product_id") or line.get("sku")) if isinstance(line, dict) else None
        if isinstance(named, str | int) and not isinstance(named, bool):
            product_id = key_of(named)
            pieces[product_id] = min(
                pieces[product_id] + quantity(line.get("quantity")), QUANTITY_MAX
            )
    return pieces
