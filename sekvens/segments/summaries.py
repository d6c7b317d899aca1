"""Summaries: kept up to date with what has just been stored, or worked out anew from all of it.

The order in which events arrive does not matter. Dates only move outwards; what orders come to is
added up from the orders as they stand. Both ways come to the same: a property test says so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, distinct, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.events.facts import Fact, chunks
from sekvens.events.schema import EMAIL_LINK_CLICKED, ORDER_EVENTS, PRODUCT_VIEWED
from sekvens.events.tables import ContactEvent, Order
from sekvens.flows.conditions import SIGNS_OF_LIFE
from sekvens.products.tables import OrderLine, Product, ProductVariant
from sekvens.segments.tables import ContactSummary

_SIGNS: Final = frozenset(SIGNS_OF_LIFE)
#: A column that keeps the last time of one event.
_LAST: Final = {PRODUCT_VIEWED: "last_viewed_at", EMAIL_LINK_CLICKED: "last_click_at"}
_DATES: Final = ("first_active_at", "last_active_at", *_LAST.values())
#: When the newest orders were, the last one first.
_ORDERED: Final = ("last_order_at", "last_but_one_order_at", "last_but_two_order_at")
_NO_ORDERS: Final[Mapping[str, Any]] = {
    "orders": 0,
    "spent": 0,
    **dict.fromkeys(_ORDERED),
    "last_amount": None,
    "categories": 0,
}


def keep(session: Session, facts: Iterable[Fact], *, merged: Collection[str] = ()) -> None:
    """Take in facts that have been stored and folded; to be done last in their transaction.

    It locks one row for each contact, in the order of their ids, and whoever takes other locks
    behind these could wait for another in a circle.

    Args:
        session: A writing session.
        facts: New events, and old ones of visitors who have just become known.
        merged: Contacts who have just taken over another's events and orders.
    """
    again = set(merged)
    rows: dict[str, dict[str, Any]] = {whose: dict.fromkeys(_DATES) for whose in again}
    buyers = set(again)
    for fact in facts:
        if fact.name in _SIGNS:
            _widen(rows.setdefault(fact.contact_id, dict.fromkeys(_DATES)), fact)
        if fact.name in ORDER_EVENTS:
            buyers.add(fact.contact_id)
            rows.setdefault(fact.contact_id, dict.fromkeys(_DATES))
    _write_dates(session, rows)
    _write_anew(session, _dates_of(session, again))
    _write_anew(session, _orders_of(session, buyers))


def refold(session: Session, contact_ids: Collection[str]) -> None:
    """Work the summaries of some contacts out anew, from all that is known of them."""
    _write_dates(session, {whose: dict.fromkeys(_DATES) for whose in contact_ids})
    _write_anew(session, _dates_of(session, contact_ids))
    _write_anew(session, _orders_of(session, contact_ids))


def _widen(row: dict[str, Any], fact: Fact) -> None:
    at = fact.occurred_at
    row["first_active_at"] = min(row["first_active_at"] or at, at)
    for column in ("last_active_at", _LAST.get(fact.name)):
        if column is not None:
            row[column] = max(row[column] or at, at)


def _dates_of(session: Session, contact_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {whose: dict.fromkeys(_DATES) for whose in contact_ids}
    at = ContactEvent.occurred_at
    lasts = [func.max(case((ContactEvent.name == name, at))) for name in _LAST]
    for some in chunks(contact_ids):
        query = (
            select(ContactEvent.contact_id, func.min(at), func.max(at), *lasts)
            .where(ContactEvent.contact_id.in_(some), ContactEvent.name.in_(sorted(_SIGNS)))
            .group_by(ContactEvent.contact_id)
        )
        for whose, *dates in session.execute(query):
            found[whose] = dict(zip(_DATES, dates, strict=True))
    return found


def _orders_of(session: Session, contact_ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Add up the orders that stand, of contacts some of whom may have none."""
    found = {whose: dict(_NO_ORDERS) for whose in contact_ids}
    for some in chunks(contact_ids):
        query = select(Order.contact_id, Order.ordered_at, Order.amount).where(
            Order.contact_id.in_(some), Order.state == "completed"
        )
        bought: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
        for whose, at, amount in session.execute(query):
            bought[whose].append((at, amount))
        for whose, orders in bought.items():
            found[whose] |= _added_up(orders)
        for whose, categories in session.execute(_categories(some)):
            found[whose]["categories"] = categories
    return found


def _added_up(orders: Iterable[tuple[datetime, int]]) -> dict[str, Any]:
    """Add up what was ordered when and for how much; of two at one instant the dearer is last."""
    newest = sorted(orders, reverse=True)
    dates = dict(zip(_ORDERED, (at for at, _ in newest), strict=False))
    spent = sum(amount for _, amount in newest)
    return {"orders": len(newest), "spent": spent, "last_amount": newest[0][1], **dates}


def _categories(contact_ids: Collection[str]) -> Any:
    product_id = func.coalesce(ProductVariant.product_id, OrderLine.product_id)
    return (
        select(OrderLine.contact_id, func.count(distinct(Product.category)))
        .outerjoin(ProductVariant, ProductVariant.id == OrderLine.product_id)
        .join(Product, Product.id == product_id)
        .where(OrderLine.contact_id.in_(contact_ids), OrderLine.state == "completed")
        .group_by(OrderLine.contact_id)
    )


def _write_dates(session: Session, rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Move dates outwards, and lock the rows: what is read of these contacts after it stands.

    Two transactions that store an order each of one contact would otherwise both miss the other's.
    """
    if not rows:
        return
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = (sqlite.insert if is_sqlite else postgresql.insert)(ContactSummary)
    given = [{"contact_id": whose, **_NO_ORDERS, **rows[whose]} for whose in sorted(rows)]
    session.connection().execute(
        insert.on_conflict_do_update(
            index_elements=["contact_id"],
            set_={name: _outwards(name, insert.excluded) for name in _DATES},
        ),
        given,
    )


def _outwards(name: str, excluded: Any) -> ColumnElement[Any]:
    there, given = getattr(ContactSummary, name), excluded[name]
    is_further = given < there if name.startswith("first") else given > there
    return case((there.is_(None) | is_further, given), else_=there)


def _write_anew(session: Session, rows: Mapping[str, Mapping[str, Any]]) -> None:
    if rows:
        session.execute(
            update(ContactSummary), [{"contact_id": whose, **rows[whose]} for whose in sorted(rows)]
        )
