"""O'Brien-Fleming's bounds: how clear a difference must be at each of several planned looks.

Pure. All looks together are wrong by chance as often as `alpha` says, and no more: what is asked at
each look is worked out exactly, by the recursion of Armitage, McPherson and Rowe (1969) and
Gauss-Legendre integration. The first looks ask for much, the last for hardly more than a single
one.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import mul
from statistics import NormalDist
from typing import Final

#: False winners of all looks of an experiment together, where nothing is better.
ALPHA: Final = 0.05
#: How often a difference that is as large as hoped for is to be found.
POWER: Final = 0.8

_NORMAL: Final = NormalDist()
#: Of a secant: it is exact to more digits than anybody needs after five or six steps.
_STEPS_MAX: Final = 40


def bound(look: int, looks: int, alpha: float = ALPHA) -> float:
    """Tell the standard score beyond which a difference is shown at this look of so many."""
    return constant(looks, alpha) * math.sqrt(looks / look)


@lru_cache(maxsize=256)
def constant(looks: int, alpha: float = ALPHA) -> float:
    """Tell the bound of the last look, from which those of the others follow."""
    single = _NORMAL.inv_cdf(1 - alpha / 2)
    return _root(lambda c: crossing(looks, c) - alpha, single, single * 1.1)


def crossing(looks: int, last_bound: float, drift: float = 0.0) -> float:
    """Tell how likely some look finds a difference, in whichever direction.

    `drift` is the standard score to be expected at the last look: 0 where nothing is better.
    """
    # On the scale on which each look adds an independent normal step, the bound is the same at all.
    limit, step = last_bound * math.sqrt(looks), drift / math.sqrt(looks)
    if looks == 1:
        return 1 - _within(0.0, limit, step)
    points, weights = _nodes(limit)
    kernel = [[_density(to - at - step) for at in points] for to in points]
    reached = [_density(at - step) for at in points]
    for _ in range(looks - 2):
        inside = list(map(mul, weights, reached))
        reached = [sum(map(mul, row, inside)) for row in kernel]
    last = [_within(at, limit, step) for at in points]
    return 1 - sum(w * r * stays for w, r, stays in zip(weights, reached, last, strict=True))


@lru_cache(maxsize=256)
def inflation(looks: int, alpha: float = ALPHA, power: float = POWER) -> float:
    """Tell how many times the contacts of a single look are needed, for several to find as much."""
    limit = constant(looks, alpha)
    single = _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(power)
    drift = _root(lambda d: crossing(looks, limit, d) - power, single, single * 1.05)
    return (drift / single) ** 2


def _within(at: float, limit: float, step: float) -> float:
    """Tell how likely a normal step from `at` ends within the limits."""
    return _NORMAL.cdf(limit - at - step) - _NORMAL.cdf(-limit - at - step)


def _density(x: float) -> float:
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _nodes(limit: float) -> tuple[Sequence[float], Sequence[float]]:
    """Place points between the limits so closely that a sum is an integral, with their weights."""
    points, weights = _gauss_legendre(max(24, math.ceil(6 * limit)))
    return [limit * x for x in points], [limit * w for w in weights]


@lru_cache(maxsize=64)
def _gauss_legendre(count: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    points, weights = [], []
    for index in range(1, count + 1):
        x = math.cos(math.pi * (index - 0.25) / (count + 0.5))
        slope = 0.0
        for _ in range(10):  # Newton; three steps suffice
            before, value = 1.0, x
            for n in range(2, count + 1):
                before, value = value, ((2 * n - 1) * x * value - (n - 1) * before) / n
            slope = count * (x * value - before) / (x * x - 1)
            x -= value / slope
        points.append(x)
        weights.append(2 / ((1 - x * x) * slope * slope))
    return tuple(points), tuple(weights)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Find where a function is nought, by secants."""
    at_low, at_high = function(low), function(high)
    for _ in range(_STEPS_MAX):
        if abs(high - low) < 1e-9 or at_high == at_low:
            break
        low, high = high, high - at_high * (high - low) / (at_high - at_low)
        at_low, at_high = at_high, function(high)
    return high
