"""What is folded from events: traits, consent, suppression, visits, orders, reviews and carts.

The order in which events arrive does not matter: each fold either takes the newest word, or reads
the log again when an event comes late. Everything is looked up once for all the facts of a
transaction, not once for each.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from sekvens.answers.traits import traits_of
from sekvens.contacts.tables import Contact
from sekvens.contacts.traits import apply_traits
from sekvens.events import carts, orders
from sekvens.events.cases import CASE_EVENTS, fold_cases
from sekvens.events.facts import Fact, chunks, in_order, logs
from sekvens.events.permissions import fold_permissions
from sekvens.events.schema import (
    CART_EVENTS,
    ORDER_COMPLETED,
    ORDER_EVENTS,
    PRODUCT_REVIEWED,
)
from sekvens.events.tables import Cart, Order, Visit
from sekvens.products import order_lines
from sekvens.reviews import fold as reviews

#: A cart that nobody touched for this long is no longer added up.
CART_MEMORY: Final = timedelta(days=90)
_ALWAYS: Final = datetime(1, 1, 2, tzinfo=UTC)


def fold(
    session: Session,
    facts: Iterable[Fact],
    *,
    contacts: Mapping[str, Contact],
    merged: Collection[str],
    now: datetime,
) -> carts.Changes:
    """Fold stored events into what they say. `now` is wall time.

    Args:
        session: A writing session in which the events are stored already.
        facts: New events, and old ones of visitors who have just become known.
        contacts: Every contact of those facts.
        merged: Contacts who have just taken over another's events.
        now: Wall time.

    Returns:
        What the facts did to carts that is an event of its own.
    """
    ordered = sorted(facts, key=in_order)
    for fact in ordered:
        traits = fact.traits or traits_of(fact.name, fact.properties)
        if traits:
            apply_traits(contacts[fact.contact_id], traits, at=fact.occurred_at, now=now)
    fold_permissions(session, ordered, contacts=contacts)
    _fold_visits(session, [fact for fact in ordered if fact.type == "page"])
    fold_cases(session, [fact for fact in ordered if fact.name in CASE_EVENTS], merged)
    _fold_orders(session, [fact for fact in ordered if fact.name in ORDER_EVENTS], merged)
    reviewed = [fact for fact in ordered if fact.name == PRODUCT_REVIEWED]
    reviews.fold(session, reviewed, contacts=contacts, now=now)
    return _fold_carts(session, [fact for fact in ordered if fact.name in CART_EVENTS], merged)


def _fold_visits(session: Session, facts: Sequence[Fact]) -> None:
    if not facts:
        return
    visits = [
        {
            "event_id": fact.event_id,
            "contact_id": fact.contact_id,
            "url": _text(fact.properties.get("url")),
            "title": _text(fact.properties.get("title")),
            "at": fact.occurred_at,
        }
        for fact in facts
    ]
    session.execute(insert(Visit), visits)


def _text(value: object) -> str | None:
    return value[:2000] if isinstance(value, str) else None


def _fold_orders(session: Session, facts: Sequence[Fact], merged: Collection[str]) -> None:
    contact_ids = {fact.contact_id for fact in facts} | set(merged)
    rows: dict[str, dict[str, Order]] = defaultdict(dict)
    for some in chunks(contact_ids):
        for row in session.scalars(select(Order).where(Order.contact_id.in_(some))):
            rows[row.contact_id][row.order_id] = row
    late = set(merged)
    states: dict[str, dict[str, orders.OrderState]] = defaultdict(dict)
    for fact in facts:
        order_id, contact_id = orders.order_id(fact), fact.contact_id
        known = rows[contact_id].get(order_id)
        if known is not None and (
            fact.name == ORDER_COMPLETED or fact.occurred_at <= known.updated_at
        ):
            late.add(contact_id)
        elif contact_id not in late:
            before = states[contact_id].get(order_id) or (known and _order_state(known))
            states[contact_id][order_id] = orders.fold(before or None, fact)
    for contact_id, log in logs(session, late, ORDER_EVENTS, since=_ALWAYS).items():
        states[contact_id] = orders.fold_all(log)
    for contact_id, changed in states.items():
        for order_id, state in changed.items():
            _write_order(session, rows[contact_id].get(order_id), contact_id, order_id, state)
    order_lines.write(
        session,
        {
            (contact_id, order_id): state
            for contact_id, changed in states.items()
            for order_id, state in changed.items()
        },
    )


def _order_state(row: Order) -> orders.OrderState:
    return orders.OrderState(
        total=row.total,
        currency=row.currency,
        products=tuple(row.products),
        details=dict(row.details),
        state=row.state,
        ordered_at=row.ordered_at,
        is_completed=True,  # a second completion makes the contact's log be folded again
        updated_at=row.updated_at,
    )


def _write_order(
    session: Session, row: Order | None, contact_id: str, order_id: str, state: orders.OrderState
) -> None:
    if row is None:
        row = Order(contact_id=contact_id, order_id=order_id)
        session.add(row)
    row.total, row.currency, row.products = state.total, state.currency, list(state.products)
    row.amount = orders.hundredths(state.total)
    row.details = dict(state.details)
    row.state, row.ordered_at, row.updated_at = state.state, state.ordered_at, state.updated_at


def _fold_carts(session: Session, facts: Sequence[Fact], merged: Collection[str]) -> carts.Changes:
    by_contact: dict[str, list[Fact]] = {contact_id: [] for contact_id in merged}
    for fact in facts:
        by_contact.setdefault(fact.contact_id, []).append(fact)
    changes = carts.Changes()
    if not by_contact:
        return changes
    rows: dict[str, dict[str, Cart]] = defaultdict(dict)
    for some in chunks(by_contact):
        for row in session.scalars(select(Cart).where(Cart.contact_id.in_(some))):
            rows[row.contact_id][row.cart_id] = row
    late = {
        contact_id
        for contact_id, own in by_contact.items()
        if contact_id in merged or _is_late(own, rows[contact_id])
    }
    since = min((fact.occurred_at for fact in facts), default=_ALWAYS + CART_MEMORY) - CART_MEMORY
    cart_logs = logs(session, late, CART_EVENTS, since=_ALWAYS if merged else since)
    for contact_id, own in by_contact.items():
        states = {key: _cart_state(row) for key, row in rows[contact_id].items()}
        if contact_id in late:
            folded, did = carts.fold_all(cart_logs[contact_id])
            states |= folded
        else:
            did = carts.fold_each(states, own)
        changes.emptied.extend(did.emptied)
        changes.grown.extend(did.grown)
        _write_carts(session, rows[contact_id], contact_id, states)
    return changes


def _is_late(facts: Sequence[Fact], rows: Mapping[str, Cart]) -> bool:
    """Tell whether the log must be read: for a cart's first event too, its order may be in it."""
    newest = max((row.updated_at for row in rows.values()), default=_ALWAYS)
    return any(
        fact.occurred_at < newest
        or (fact.name != ORDER_COMPLETED and carts.cart_id(fact) not in rows)
        for fact in facts
    )


def _cart_state(row: Cart) -> carts.CartState:
    return carts.CartState(
        lines=tuple(row.lines),
        currency=row.currency,
        ordered=row.ordered,
        updated_at=row.updated_at,
    )


def _write_carts(
    session: Session, rows: Mapping[str, Cart], contact_id: str, states: dict[str, carts.CartState]
) -> None:
    for key, state in states.items():
        row = rows.get(key)
        if row is None:
            row = Cart(contact_id=contact_id, cart_id=key)
            session.add(row)
        elif _cart_state(row) == state:
            continue
        row.lines, row.currency = list(state.lines), state.currency
        row.ordered, row.updated_at = state.ordered, state.updated_at
