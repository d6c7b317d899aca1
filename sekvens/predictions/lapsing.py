"""When a contact counts as lapsed, where the model is trusted with it.

As many contacts as by the shop's reorder gap, but those of whom the fewest orders are to be
expected: who bought once lapses sooner than a regular of whom something may still come. What the
model says of being "alive" is of no use for it, since it is 1 for everybody who bought once.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sekvens.audiences.figures import GAP_MAX, GAP_MIN, bounded_gap
from sekvens.flows.shop_time import DAY
from sekvens.predictions.bg_nbd import DAYS_A_WEEK, BgNbd, seen_of
from sekvens.predictions.gaps import closed_gaps
from sekvens.predictions.histories import History
from sekvens.predictions.judging import Holdout
from sekvens.predictions.kinds import DAYS_AHEAD

if TYPE_CHECKING:
    from sekvens.predictions.bg_nbd import Floats


def shops_gap(histories: Sequence[History]) -> int:
    """Tell the shop's reorder gap in days, from histories; there must be two gaps."""
    return bounded_gap(gap * DAY.total_seconds() for gap in closed_gaps(histories)).days


def level_of(model: BgNbd, histories: Sequence[History], *, on: int, gap: int) -> float | None:
    """Find the expectation below which contacts count as lapsed; None: there is no room for one.

    `gap` is the shop's own in days. Whoever has been silent for `GAP_MAX` has lapsed in any case,
    and nobody sooner than `GAP_MIN`.
    """
    silences = [on - history.days[-1] for history in histories]
    wanted = sum(GAP_MAX.days >= silence > gap for silence in silences)
    between = [
        history
        for history, silence in zip(histories, silences, strict=True)
        if GAP_MIN.days < silence <= GAP_MAX.days
    ]
    if not wanted or wanted == len(between):
        return None
    expected = model.orders(seen_of(between, on=on), DAYS_AHEAD / DAYS_A_WEEK)
    return float(sorted(expected.tolist())[wanted])


def gaps_of(model: BgNbd, level: float, histories: Sequence[History]) -> list[int]:
    """Tell after how many days without an order each counts as lapsed.

    The longer the silence, the less is to be expected, so the day is found by halving.
    """
    import numpy as np

    seen = seen_of(histories, on=0)
    last = seen.last
    first = np.full(len(histories), GAP_MIN.days)
    end = np.full(len(histories), GAP_MAX.days)
    while (first < end).any():
        middle = (first + end) // 2
        known: Floats = last + middle / DAYS_A_WEEK
        expected = model.orders(seen._replace(known=known), DAYS_AHEAD / DAYS_A_WEEK)
        has_lapsed = expected < level
        end = np.where(has_lapsed, middle, end)
        first = np.where(has_lapsed, first, middle + 1).clip(max=end)
    return [int(days) for days in end]


def orders_of_lapsed(gaps: Sequence[int], held: Holdout) -> tuple[float, int]:
    """Tell the orders that came of each who counted as lapsed, and how many those were."""
    came = [
        came
        for history, gap, came in zip(held.known, gaps, held.came, strict=True)
        if held.on - history.days[-1] > gap
    ]
    return (sum(came) / len(came) if came else 0.0), len(came)
