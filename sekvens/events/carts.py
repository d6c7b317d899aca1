"""Carts, folded from single products and from whole carts.

`fold` is pure and takes events in the order in which they happened; a late one is put in its place
by folding the log again. An order ends the carts that it came from; what is put in afterwards
starts a new one, even under the same id.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from sekvens.events.facts import Fact
from sekvens.events.schema import (
    CART_EMPTIED,
    CART_UPDATED,
    CHECKOUT_STARTED,
    DEFAULT_CART_ID,
    ORDER_COMPLETED,
    PRODUCT_ADDED,
    PRODUCT_REMOVED,
)
from sekvens.flows.keys import key_of

#: Nobody's cart is longer; somebody's crawler's is. The newest lines are kept.
LINES_MAX: Final = 100
QUANTITY_MAX: Final = 1_000_000
#: These end the `messageId` of an event that we derive.
EMPTIED_SUFFIX: Final = "#cart-emptied"
ADDED_SUFFIX: Final = "#product-added"
DERIVED: Final = (EMPTIED_SUFFIX, ADDED_SUFFIX)
_NOT_A_LINE: Final = frozenset({"cart_id", "currency", "products"})


@dataclass(frozen=True, kw_only=True)
class CartState:
    """A cart as known so far. `updated_at` is shop time."""

    lines: tuple[dict[str, Any], ...] = ()
    currency: str | None = None
    ordered: bool = False
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What events did to carts that is an event of its own."""

    emptied: list[Fact] = field(default_factory=list)
    #: whole carts that have more of something than before, with the first such line
    grown: list[tuple[Fact, dict[str, Any]]] = field(default_factory=list)


def cart_id(fact: Fact) -> str:
    """Tell which cart an event is about."""
    return key_of(fact.properties.get("cart_id") or DEFAULT_CART_ID)


def fold(carts: dict[str, CartState], fact: Fact) -> bool:
    """Put one event, newer than all before, into a contact's carts.

    Returns:
        Whether it took the last line out of a cart.
    """
    if fact.name == ORDER_COMPLETED:
        _order(carts, fact)
        return False
    if not _tells_lines(fact):
        return False
    key = cart_id(fact)
    before = carts.get(key) or CartState(updated_at=fact.occurred_at)
    if before.ordered:
        before = CartState(currency=before.currency, updated_at=fact.occurred_at)
    lines = _lines(before.lines, fact)
    currency = fact.properties.get("currency")
    carts[key] = replace(
        before,
        lines=lines[-LINES_MAX:],
        currency=currency if isinstance(currency, str) else before.currency,
        updated_at=fact.occurred_at,
    )
    return bool(before.lines) and not lines


def fold_each(carts: dict[str, CartState], facts: Iterable[Fact]) -> Changes:
    """Put events into a contact's carts, each newer than all before it."""
    changes = Changes()
    for fact in facts:
        before = carts.get(cart_id(fact))
        if fold(carts, fact) and fact.name != CART_EMPTIED:
            changes.emptied.append(fact)
        if fact.name == CART_UPDATED and (line := _grown(before, carts.get(cart_id(fact)))):
            changes.grown.append((fact, line))
    return changes


def fold_all(facts: Iterable[Fact]) -> tuple[dict[str, CartState], Changes]:
    """Fold a contact's whole log, oldest first; also tell what it did."""
    carts: dict[str, CartState] = {}
    posted = (fact for fact in facts if not fact.message_id.endswith(DERIVED))
    return carts, fold_each(carts, posted)


def _grown(before: CartState | None, after: CartState | None) -> dict[str, Any] | None:
    """Find the first line of which there is more than before; an order begins a new cart."""
    known = before.lines if before and not before.ordered else ()
    for line in after.lines if after else ():
        pieces = sum(quantity(old.get("quantity")) for old in known if _is_same(old, line))
        if quantity(line.get("quantity")) > pieces:
            return line
    return None


def _order(carts: dict[str, CartState], fact: Fact) -> None:
    # Segment's Order Completed has no cart_id: then everything that was in a cart has been decided.
    named = fact.properties.get("cart_id")
    for key, cart in carts.items():
        if named is None or key == key_of(named):
            carts[key] = replace(cart, ordered=True, updated_at=fact.occurred_at)


def _tells_lines(fact: Fact) -> bool:
    by_name = fact.name in (PRODUCT_ADDED, PRODUCT_REMOVED, CART_EMPTIED)
    return by_name or isinstance(fact.properties.get("products"), list)


def _lines(lines: tuple[dict[str, Any], ...], fact: Fact) -> tuple[dict[str, Any], ...]:
    if fact.name == CART_EMPTIED:
        return ()
    if fact.name == PRODUCT_ADDED:
        return _added(lines, _product(fact))
    if fact.name == PRODUCT_REMOVED:
        return _removed(lines, _product(fact))
    products = fact.properties["products"]
    if not products and fact.name == CHECKOUT_STARTED:
        return lines  # a checkout of nothing is a client that left them out
    return tuple(
        {**product, "quantity": quantity(product.get("quantity"))}
        for product in products
        if isinstance(product, dict)
    )


def _product(fact: Fact) -> dict[str, Any]:
    return {key: value for key, value in fact.properties.items() if key not in _NOT_A_LINE}


def _added(
    lines: tuple[dict[str, Any], ...], product: dict[str, Any]
) -> tuple[dict[str, Any], ...]:
    more = quantity(product.get("quantity"))
    for index, line in enumerate(lines):
        if _is_same(line, product):
            total = min(quantity(line.get("quantity")) + more, QUANTITY_MAX)
            changed = {**line, **product, "quantity": total}
            return (*lines[:index], changed, *lines[index + 1 :])
    return (*lines, {**product, "quantity": more})


def _removed(
    lines: tuple[dict[str, Any], ...], product: dict[str, Any]
) -> tuple[dict[str, Any], ...]:
    for index, line in enumerate(lines):
        if _is_same(line, product):
            # Without a quantity, the line as a whole was taken out.
            less = quantity(product["quantity"]) if product.get("quantity") else math.inf
            left = quantity(line.get("quantity")) - less
            kept = ({**line, "quantity": int(left)},) if left > 0 else ()
            return (*lines[:index], *kept, *lines[index + 1 :])
    return lines


def _is_same(line: dict[str, Any], product: dict[str, Any]) -> bool:
    shared = [key for key in ("product_id", "sku", "variant") if line.get(key) and product.get(key)]
    if not {"product_id", "sku"} & set(shared):
        return bool(line.get("name")) and line.get("name") == product.get("name")
    return all(str(line[key]) == str(product[key]) for key in shared)


def quantity(value: Any) -> int:
    """Tell a quantity; whatever is not a positive number counts as one."""
    try:
        number = int(float(value)) if isinstance(value, int | float | str) else 1
    except (ValueError, OverflowError):
        return 1
    return min(number, QUANTITY_MAX) if number > 0 else 1
