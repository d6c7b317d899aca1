"""Events that follow from others: a cart that was emptied or filled, a payment on its way.

Each has the `messageId` of the event that it follows from, with a suffix, so that it happens once.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sekvens.events.carts import ADDED_SUFFIX, EMPTIED_SUFFIX, Changes
from sekvens.events.facts import Fact, derived
from sekvens.events.schema import (
    CART_EMPTIED,
    CHECKOUT_EVENTS,
    PAYMENT_IS_PENDING,
    PAYMENT_PENDING,
    PRODUCT_ADDED,
)

PENDING_SUFFIX: Final = "#payment-pending"


def following(facts: Iterable[Fact], changes: Changes) -> Iterator[Fact]:
    """Derive what follows from facts, and from what they did to carts."""
    # Ids are taken over as they were posted, so that an event reaches the enrollments that the one
    # it follows from reaches.
    for fact in changes.emptied:
        kept = _kept(fact, "cart_id")
        yield derived(fact, name=CART_EMPTIED, suffix=EMPTIED_SUFFIX, properties=kept)
    for fact, line in changes.grown:
        # Who posts whole carts posts no single products, and flows begin with one of these.
        kept = line | _kept(fact, "cart_id", "currency")
        yield derived(fact, name=PRODUCT_ADDED, suffix=ADDED_SUFFIX, properties=kept)
    for fact in facts:
        if _is_payment_pending(fact):
            kept = _kept(fact, "order_id", "checkout_id", "cart_id", "method")
            if "payment_method" in fact.properties:
                kept.setdefault("method", fact.properties["payment_method"])
            yield derived(fact, name=PAYMENT_PENDING, suffix=PENDING_SUFFIX, properties=kept)


def _is_payment_pending(fact: Fact) -> bool:
    if fact.name not in CHECKOUT_EVENTS:
        return False
    said = fact.properties.get("payment_status") or fact.properties.get("financial_status")
    return isinstance(said, str) and said.casefold() in PAYMENT_IS_PENDING


def _kept(fact: Fact, *keys: str) -> dict[str, Any]:
    return {key: fact.properties[key] for key in keys if key in fact.properties}
