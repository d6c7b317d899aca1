"""BG/NBD: a customer orders at a rate of their own, and after each order may be gone for good.

Rates differ between customers like a gamma distribution (r, alpha), the chance to be gone like a
beta distribution (a, b): Fader, Hardie and Lee, "Counting your customers the easy way", 2005. Time
is in weeks in here and in days outside, and is scaled nowhere else.

numpy and scipy are the extra `predict`; they are imported when a model is asked for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sekvens.predictions.histories import History
from sekvens.predictions.kinds import DAYS_AHEAD, Forecast

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

DAYS_A_WEEK: Final = 7.0
#: Parameters are looked for between e^-8 and e^8: at a bound the data say nothing of them.
_BOUND: Final = 8.0


class Seen(NamedTuple):
    """What the model looks at of each customer; times in weeks."""

    repeats: "Floats"  #: purchases after the first
    last: "Floats"  #: from the first purchase to the last
    known: "Floats"  #: from the first purchase until now


@dataclass(frozen=True, kw_only=True)
class BgNbd:
    """The fitted model."""

    r: float
    alpha: float
    a: float
    b: float

    def forecasts(
        self, histories: Sequence[History], *, on: int, ahead: int = DAYS_AHEAD
    ) -> list[Forecast]:
        """Say what is to be expected from a day (its ordinal) on, for so many days."""
        if not histories:
            return []
        seen, weeks = seen_of(histories, on=on), ahead / DAYS_A_WEEK
        orders = self.orders(seen, weeks)
        comes = self._alive(seen) * self._orders_if_alive(seen, weeks)
        next_in = self._half_way(seen, weeks) * DAYS_A_WEEK
        rows = zip(orders.tolist(), comes.tolist(), next_in.tolist(), strict=True)
        return [Forecast(orders=o, churn=1 - c, next_in=n) for o, c, n in rows]

    def orders(self, seen: Seen, weeks: float) -> "Floats":
        """Tell how many orders are to be expected within so many weeks."""
        from scipy.special import hyp2f1

        a, b, x = self.a, self.b, seen.repeats
        share = weeks / (self.alpha + seen.known + weeks)
        # Euler's form of the paper's formula: the plain one overflows for whoever orders a lot.
        series = hyp2f1(a + b - 1 - self.r, a - 1, a + b + x - 1, share)
        if_alive = (a + b + x - 1) / (a - 1) * (1 - (1 - share) ** (a - 1) * series)
        expected: Floats = if_alive * self._alive(seen)
        return expected

    def _alive(self, seen: Seen) -> "Floats":
        """Tell how likely each is not to be gone; of those who bought once it says 1."""
        import numpy as np

        x = seen.repeats
        exponent = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + seen.known) - np.log(self.alpha + seen.last))
        )
        odds = np.where(x > 0, np.exp(np.minimum(exponent, 700)), 0)
        alive: Floats = 1 / (1 + odds)
        return alive

    def _orders_if_alive(self, seen: Seen, weeks: float) -> "Floats":
        """Tell how likely an order is within so many weeks, if they are not gone."""
        before = self.alpha + seen.known
        comes: Floats = 1 - (before / (before + weeks)) ** (self.r + seen.repeats)
        return comes

    def _half_way(self, seen: Seen, weeks: float) -> "Floats":
        """Tell by when half of the orders that come within so many weeks have come."""
        half = 1 - self._orders_if_alive(seen, weeks) / 2
        before = self.alpha + seen.known
        after: Floats = before * (half ** (-1 / (self.r + seen.repeats)) - 1)
        return after

    def parameters(self) -> dict[str, Any]:
        """Tell it as JSON."""
        return asdict(self)


def seen_of(histories: Sequence[History], *, on: int) -> Seen:
    """Put histories, as known on a day, into the form of the model."""
    import numpy as np

    def weeks(days: list[int]) -> "Floats":
        return np.array(days, dtype=np.float64) / DAYS_A_WEEK

    return Seen(
        repeats=np.array([len(history.days) - 1 for history in histories], dtype=np.float64),
        last=weeks([history.days[-1] - history.days[0] for history in histories]),
        known=weeks([on - history.days[0] for history in histories]),
    )


def fit(seen: Seen) -> BgNbd | None:
    """Find the parameters that make what was seen likeliest; None: they cannot be found."""
    import numpy as np
    from scipy.optimize import minimize

    result = minimize(
        lambda logs: -_likelihood(BgNbd(**dict(zip(_NAMES, np.exp(logs), strict=True))), seen),
        np.zeros(len(_NAMES)),
        method="L-BFGS-B",
        bounds=[(-_BOUND, _BOUND)] * len(_NAMES),
    )
    if not result.success or not np.isfinite(result.fun):
        return None
    return BgNbd(**{name: float(np.exp(log)) for name, log in zip(_NAMES, result.x, strict=True)})


_NAMES: Final = ("r", "alpha", "a", "b")


def _likelihood(model: BgNbd, seen: Seen) -> float:
    """Tell the mean of the logarithms of the likelihoods (equation 6 of the paper)."""
    import numpy as np
    from scipy.special import betaln, gammaln

    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    x = seen.repeats
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    stayed = -(r + x) * np.log(alpha + seen.known)
    left = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + seen.last)
    either = np.logaddexp(stayed, np.where(x > 0, left, -np.inf))
    return float(np.mean(shared + either))
