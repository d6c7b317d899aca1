"""Which message an order is owed to: the one with the last click by a person before it, in time.

Each order is given to one message or to none, so that what flows are credited with never adds up to
more than was sold. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sekvens.metrics.rules import whole_days


@dataclass(frozen=True, kw_only=True, order=True)
class Click:
    """A person's click. `at` is shop time."""

    at: datetime
    id: int
    message_id: str


@dataclass(frozen=True, kw_only=True)
class Sale:
    """A completed order. `ordered_at` is shop time; `amount` in hundredths, None: unknown."""

    order_id: str
    ordered_at: datetime
    amount: int | None


def credited(at: datetime, clicks: Sequence[Click], *, within: timedelta) -> str | None:
    """Tell the message that an order at this instant is owed to."""
    before = [click for click in clicks if at - within <= click.at <= at]
    return max(before).message_id if before else None


def judged(
    sales: Sequence[Sale], clicks: Sequence[Click], *, within: timedelta
) -> list[dict[str, Any]]:
    """Tell of each of a contact's orders which one it is, what led to it and when the next came."""
    ordered = sorted(sales, key=lambda sale: (sale.ordered_at, sale.order_id))
    following = [*ordered[1:], None]
    return [
        {
            "order_id": sale.order_id,
            "ordered_at": sale.ordered_at,
            "nth": nth,
            "next_days": whole_days(sale.ordered_at, later.ordered_at) if later else None,
            "amount": sale.amount,
            "message_id": credited(sale.ordered_at, clicks, within=within),
        }
        for nth, (sale, later) in enumerate(zip(ordered, following, strict=True), start=1)
    ]
