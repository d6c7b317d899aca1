"""The plain rule: the shop's own distribution of the gaps between orders, and nothing else.

Every customer's open gap counts too, as one that is at least so long (Kaplan and Meier). What is
expected depends only on how long somebody has been silent.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean
from typing import Any

from sekvens.predictions.histories import History
from sekvens.predictions.kinds import DAYS_AHEAD, Forecast


@dataclass(frozen=True, kw_only=True)
class GapRule:
    """What the shop's gaps say of a customer who has been silent for some days."""

    lasting: tuple[float, ...]  #: by days: the share of gaps that are longer
    orders_each: float  #: orders within `DAYS_AHEAD` of a customer who orders at all

    def forecasts(
        self, histories: Sequence[History], *, on: int, ahead: int = DAYS_AHEAD
    ) -> list[Forecast]:
        """Say what is to be expected from a day (its ordinal) on, for so many days."""
        silences = [on - history.days[-1] for history in histories]
        known = {silence: self._forecast(silence, ahead) for silence in set(silences)}
        return [known[silence] for silence in silences]

    def _forecast(self, silence: int, ahead: int) -> Forecast:
        before = self._longer_than(silence)
        if not before:  # nobody ever came back so late
            return Forecast(orders=0.0, churn=1.0, next_in=float(ahead))
        churn = self._longer_than(silence + ahead) / before
        half = (1 - churn) / 2
        days = range(1, ahead)
        came = (day for day in days if 1 - self._longer_than(silence + day) / before >= half)
        next_in = next(came, ahead) if half else ahead
        return Forecast(orders=(1 - churn) * self.orders_each, churn=churn, next_in=float(next_in))

    def _longer_than(self, days: int) -> float:
        return self.lasting[min(days, len(self.lasting) - 1)]

    def parameters(self) -> dict[str, Any]:
        """Tell it as JSON."""
        return {"lasting": list(self.lasting), "orders_each": self.orders_each}


def gap_rule(histories: Sequence[History], *, on: int, ahead: int = DAYS_AHEAD) -> GapRule:
    """Learn the rule from what was known on a day; there must be a gap."""
    closed = Counter(closed_gaps(histories))
    still_open = Counter(on - history.days[-1] for history in histories)
    at_risk, share, lasting = len(histories) + closed.total(), 1.0, list[float]()
    for day in range(max([*closed, *still_open]) + 1):
        if at_risk:
            share *= 1 - closed[day] / at_risk
        at_risk -= closed[day] + still_open[day]
        lasting.append(round(share, 6))
    lately = [sum(day > on - ahead for day in history.days) for history in histories]
    each = [count for count in lately if count]
    return GapRule(lasting=tuple(lasting), orders_each=round(mean(each), 6) if each else 1.0)


def closed_gaps(histories: Sequence[History]) -> Iterator[int]:
    """List the days between each purchase and the next."""
    return (later - day for history in histories for day, later in pairwise(history.days))
