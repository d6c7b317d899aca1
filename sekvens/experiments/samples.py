"""How many contacts an experiment needs, and whether the lot did what it should. Pure."""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Final

from sekvens.experiments.bounds import ALPHA, POWER, inflation
from sekvens.flows.lots import Weights

#: Contacts are drawn so unevenly by chance once in a thousand times: then something is broken.
MISMATCH_P: Final = 0.001

_NORMAL: Final = NormalDist()


def contacts_for_share(share: float, lift: float, *, alpha: float = ALPHA) -> int:
    """Tell how many contacts each of two variants needs, to find a share that is higher by `lift`.

    Args:
        share: of contacts who click, or order, today.
        lift: how much higher, as a part of it: 0.15 is from 4 % to 4.6 %.
        alpha: how often a difference may be found where there is none.
    """
    other = share * (1 + lift)
    mean = (share + other) / 2
    null = _NORMAL.inv_cdf(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    found = _NORMAL.inv_cdf(POWER) * math.sqrt(share * (1 - share) + other * (1 - other))
    return math.ceil(((null + found) / (other - share)) ** 2)


def contacts_for_mean(mean: float, spread: float, lift: float, *, alpha: float = ALPHA) -> int:
    """Tell the same for what contacts order for, by its mean and its variance over all of them."""
    scores = _NORMAL.inv_cdf(1 - alpha / 2) + _NORMAL.inv_cdf(POWER)
    return math.ceil(2 * spread * (scores / (mean * lift)) ** 2)


def contacts_in_all(each: int, *, variants: int, looks: int, alpha: float = ALPHA) -> int:
    """Tell how many contacts all variants together need, for so many looks."""
    return math.ceil(each * variants * inflation(looks, alpha))


def alpha_of_each(variants: int, alpha: float = ALPHA) -> float:
    """Tell what is left for each comparison with the first variant, of several (Bonferroni)."""
    return alpha / max(1, variants - 1)


def mismatch(drawn: Mapping[str, int], weights: Weights) -> float:
    """Tell how likely the lot is to draw so unevenly by chance: the p-value of a chi-square."""
    contacts, whole = sum(drawn.values()), sum(weight for _, weight in weights)
    if not contacts:
        return 1.0
    square = 0.0
    for name, weight in weights:
        expected = contacts * weight / whole
        square += (drawn.get(name, 0) - expected) ** 2 / expected
    return chi_square_tail(square, len(weights) - 1)


def chi_square_tail(square: float, degrees: int) -> float:
    """Tell how likely a chi-square of so many degrees of freedom is larger than this."""
    half = square / 2
    if degrees % 2:
        order, tail = 0.5, math.erfc(math.sqrt(half))
    else:
        order, tail = 1.0, math.exp(-half)
    while order < degrees / 2:
        tail += math.exp(order * math.log(half) - half - math.lgamma(order + 1)) if half else 0.0
        order += 1
    return tail
