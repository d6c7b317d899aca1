"""What a product costs, and whether it may be called reduced.

A former price is told only where the price is lower than every price of the 30 days before it was
reduced, and only where we know those: the lowest of them then stands beside it (directive 98/6/EC,
article 6a; in Sweden prisinformationslagen, section 7 a).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

#: How far back the lowest price is looked for.
REFERENCE_PERIOD: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Charged:
    """What was asked for a product from `at` (shop time) on."""

    price: Decimal
    regular_price: Decimal | None
    currency: str | None
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """A price that is genuinely reduced."""

    was_price: Decimal
    lowest_price_30_days: Decimal  #: the lowest of the 30 days before the reduction


def lowest_before(history: Sequence[Charged]) -> Decimal | None:
    """Tell the lowest price of the 30 days before the newest one, if that is lower than all of it.

    None if it is not, or if no price is known from that far back.

    Args:
        history: Every price of one product, the oldest first.
    """
    window = _window(history)
    return min(window) if window and min(window) > history[-1].price else None


def reduction(history: Sequence[Charged]) -> Reduction | None:
    """Tell whether the newest price is a reduction; None if it is not, or if nobody can know.

    Each further cut is a reduction of its own, the strictest reading of the rule: what was charged
    before the last cut counts.

    Args:
        history: Every price of one product, the oldest first.
    """
    if not history:
        return None
    now = history[-1]
    if now.regular_price is None or now.regular_price <= now.price:
        return None
    lowest = lowest_before(history)
    if lowest is None:
        return None
    was_price = min(now.regular_price, max(_window(history)))
    return Reduction(was_price=was_price, lowest_price_30_days=lowest)


def _window(history: Sequence[Charged]) -> list[Decimal]:
    """List the prices of the 30 days before the newest; none, where not all of them are known."""
    if not history:
        return []
    run = _run(history)
    before = [charged for charged in history[:run] if charged.currency == history[-1].currency]
    return _applied_since(before, history[run].at - REFERENCE_PERIOD) if len(before) == run else []


def _run(history: Sequence[Charged]) -> int:
    """Tell from which entry on the newest price has been asked without a break."""
    index = len(history) - 1
    while index > 0 and history[index - 1].price == history[-1].price:
        index -= 1
    return index


def _applied_since(history: Sequence[Charged], since: datetime) -> list[Decimal]:
    """List the prices that applied since an instant; none unless the first is known."""
    older = [charged.price for charged in history if charged.at <= since]
    return [*older[-1:], *(c.price for c in history if c.at > since)] if older else []
