"""Carts from their first line to their end: ordered, emptied, or left for too long. Pure.

A cart is left when nobody touches it for some hours while something is in it. What is put in after
an order is another cart, even under the same id.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sekvens.events import carts
from sekvens.events.facts import Fact, in_order
from sekvens.events.orders import amount
from sekvens.events.schema import ORDER_COMPLETED


@dataclass(kw_only=True)
class Cart:
    """One cart. Times are shop time; `value` is in the currency that it was filled in."""

    cart_id: str
    began_at: datetime
    touched_at: datetime
    value: Decimal = Decimal(0)
    currency: str | None = None
    products: tuple[tuple[str | None, str | None], ...] = ()  #: (id, category), dearest first
    left_at: datetime | None = None
    ordered_at: datetime | None = None
    ended_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Tell whether it was this cart at an instant."""
        return self.began_at <= at and (self.ended_at is None or at < self.ended_at)


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """An e-mail about a cart; `sent_on` is shop time."""

    message_id: str
    cart_id: str
    sent_on: datetime


@dataclass(kw_only=True)
class _Walk:
    left_after: timedelta
    states: dict[str, carts.CartState] = field(default_factory=dict)
    open: dict[str, Cart] = field(default_factory=dict)
    found: list[Cart] = field(default_factory=list)


def carts_of(facts: Iterable[Fact], *, left_after: timedelta, now: datetime) -> list[Cart]:
    """Tell a contact's carts, from the events about them; `now` is shop time."""
    walk = _Walk(left_after=left_after)
    posted = (fact for fact in facts if not fact.message_id.endswith(carts.DERIVED))
    for fact in sorted(posted, key=in_order):
        carts.fold(walk.states, fact)
        if fact.name == ORDER_COMPLETED:
            _order(walk, fact.occurred_at)
        else:
            _touch(walk, carts.cart_id(fact), fact.occurred_at)
    for cart in walk.open.values():
        _note_left(cart, now, left_after)
    return list(_told_apart(walk.found).values())


def _told_apart(found: Sequence[Cart]) -> dict[tuple[str, datetime], Cart]:
    """Keep one cart of those that began under one id in one instant: an ordered one, or the last.

    A batch may tell of a cart, its end and another one with one timestamp.
    """
    kept: dict[tuple[str, datetime], Cart] = {}
    for cart in found:
        before = kept.get((cart.cart_id, cart.began_at))
        if before is None or before.ordered_at is None or cart.ordered_at is not None:
            kept[cart.cart_id, cart.began_at] = cart
    return kept


def is_recovered(cart: Cart, *, within: timedelta) -> bool:
    """Tell whether a cart that was left was ordered in time all the same."""
    if cart.left_at is None or cart.ordered_at is None:
        return False
    return cart.ordered_at - cart.left_at <= within


def redeeming(cart: Cart, reminders: Collection[Reminder], *, within: timedelta) -> Reminder | None:
    """Tell the reminder that a cart's order is owed to: the last before it, in time."""
    if cart.ordered_at is None:
        return None
    at = cart.ordered_at
    before = [each for each in reminders if at - within <= each.sent_on <= at]
    return max(before, key=lambda each: (each.sent_on, each.message_id), default=None)


def _order(walk: _Walk, at: datetime) -> None:
    for key, cart in list(walk.open.items()):
        if walk.states[key].ordered:
            _note_left(cart, at, walk.left_after)
            cart.ordered_at = cart.ended_at = at
            del walk.open[key]


def _touch(walk: _Walk, key: str, at: datetime) -> None:
    state, cart = walk.states.get(key), walk.open.get(key)
    if state is None or state.ordered:
        return
    if cart is None and not state.lines:
        return
    if cart is None:
        cart = walk.open[key] = Cart(cart_id=key, began_at=at, touched_at=at)
        walk.found.append(cart)
    _note_left(cart, at, walk.left_after)
    cart.touched_at = at
    if not state.lines:
        cart.ended_at = at
        del walk.open[key]
        return
    cart.currency = state.currency
    cart.value, cart.products = _worth(state.lines)


def _note_left(cart: Cart, at: datetime, left_after: timedelta) -> None:
    if cart.left_at is None and at - cart.touched_at >= left_after:
        cart.left_at = cart.touched_at


def _worth(
    lines: Sequence[Mapping[str, Any]],
) -> tuple[Decimal, tuple[tuple[str | None, str | None], ...]]:
    each = [(_sum(line), line) for line in lines]
    dearest = sorted(each, key=lambda pair: (-pair[0], str(pair[1].get("product_id"))))
    products = tuple((_text(line, "product_id"), _text(line, "category")) for _, line in dearest)
    return sum((worth for worth, _ in each), Decimal(0)), products


def _sum(line: Mapping[str, Any]) -> Decimal:
    return Decimal(amount(line.get("price")) or 0) * carts.quantity(line.get("quantity"))


def _text(line: Mapping[str, Any], name: str) -> str | None:
    value = line.get(name)
    return str(value)[:200] if isinstance(value, str | int) and value != "" else None
