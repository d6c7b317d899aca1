"""Differences between two groups of contacts, with intervals that are honest for short lists.

Pure. Shares are compared by Newcombe's interval (1998, method 10). What contacts order for is
mostly nothing and sometimes much: there both groups' spread is taken together, for the spread of a
small group that happens to lack large orders is too small, and would claim what is not so.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

from sekvens.experiments.bounds import ALPHA

#: The score of an interval that is right 19 times in 20, read once.
SCORE: Final = NormalDist().inv_cdf(1 - ALPHA / 2)
#: With fewer who order in the smaller of two groups, nothing is said of what they order for.
ORDERERS_MIN: Final = 20


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How much more one group has than the other, and between which limits that lies."""

    low: float
    value: float
    high: float

    @property
    def is_known(self) -> bool:
        """Tell whether it is more for sure, or less for sure."""
        return self.low > 0 or self.high < 0

    def times(self, contacts: int) -> "Effect":
        """Tell what it comes to for so many contacts."""
        return Effect(
            low=self.low * contacts, value=self.value * contacts, high=self.high * contacts
        )


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What each contact of a group comes to, added up: many of them to nothing."""

    contacts: int  #: all of them
    some: int  #: those who come to more than nothing
    total: float
    squares: float  #: the sum of each one's square

    @property
    def mean(self) -> float:
        """Tell what a contact comes to, on the average."""
        return self.total / self.contacts if self.contacts else 0.0


#: What is not counted, as of a look that was taken before it was.
NOTHING: Final = Amounts(contacts=0, some=0, total=0.0, squares=0.0)


def amounts(contacts: int, values: Iterable[float]) -> Amounts:
    """Add up what contacts come to, of whom those who come to nothing are left out of `values`."""
    known = list(values)
    return Amounts(
        contacts=contacts,
        some=len(known),
        total=math.fsum(known),
        squares=math.fsum(value * value for value in known),
    )


def shares(first: Amounts, other: Amounts, *, score: float = SCORE) -> Effect | None:
    """Compare the shares of contacts who come to something; None: there are none to compare."""
    if not first.contacts or not other.contacts:
        return None
    p, low_p, high_p = _wilson(first.some, first.contacts, score)
    q, low_q, high_q = _wilson(other.some, other.contacts, score)
    return Effect(
        low=q - p - math.hypot(q - low_q, high_p - p),
        value=q - p,
        high=q - p + math.hypot(high_q - q, p - low_p),
    )


def means(first: Amounts, other: Amounts, *, score: float = SCORE) -> Effect | None:
    """Compare what contacts come to; None: too few come to anything for that to be known."""
    if orderers(first, other) < ORDERERS_MIN:
        return None
    difference, error = other.mean - first.mean, _error_of_means(first, other)
    return Effect(low=difference - score * error, value=difference, high=difference + score * error)


def orderers(first: Amounts, other: Amounts) -> float:
    """Tell how many of the smaller group come to something, if as many do there as in both.

    Not those who did: a group that is heard only when many have ordered would seem to order more.
    """
    contacts = first.contacts + other.contacts
    if not contacts:
        return 0.0
    return (first.some + other.some) / contacts * min(first.contacts, other.contacts)


def score_of_shares(first: Amounts, other: Amounts) -> float:
    """Tell how many standard errors apart the shares are, if there were no difference."""
    contacts = first.contacts + other.contacts
    pooled = (first.some + other.some) / contacts
    error = math.sqrt(pooled * (1 - pooled) * (1 / first.contacts + 1 / other.contacts))
    difference = other.some / other.contacts - first.some / first.contacts
    return difference / error if error else 0.0


def score_of_means(first: Amounts, other: Amounts) -> float:
    """Tell how many standard errors apart the means are, if there were no difference."""
    error = _error_of_means(first, other)
    return (other.mean - first.mean) / error if error else 0.0


def _error_of_means(first: Amounts, other: Amounts) -> float:
    contacts = first.contacts + other.contacts
    mean = (first.total + other.total) / contacts
    spread = (first.squares + other.squares - contacts * mean * mean) / (contacts - 1)
    return math.sqrt(max(spread, 0.0) * (1 / first.contacts + 1 / other.contacts))


def _wilson(some: int, contacts: int, score: float) -> tuple[float, float, float]:
    """Tell a share, and Wilson's limits of it."""
    share, square = some / contacts, score * score
    middle = (share + square / (2 * contacts)) / (1 + square / contacts)
    spread = share * (1 - share) / contacts + square / (4 * contacts * contacts)
    half = score * math.sqrt(spread) / (1 + square / contacts)
    return share, max(0.0, middle - half), min(1.0, middle + half)
