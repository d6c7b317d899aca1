"""The hour that suits a contact: from what they and everybody do at which hour, by their clocks.

Pure. An hour's share is how much of all activity falls into that hour of the day. A contact's own
few activities are spread over the hours beside them and weighed against the shop's shares, so that
somebody of whom little is known is written to when most are there (a Dirichlet prior worth
`PRIOR` activities and a circular kernel: of all that was tried on real households, the best at 3
known activities and at 50).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from sekvens.flows.commands import NextBestTime
from sekvens.flows.lots import draw
from sekvens.flows.steps import BestTime, LocalTime
from sekvens.send_time.local_time import next_local_time
from sekvens.send_time.quiet_hours import QuietHours, when_quiet_ends

#: One number for each hour of the day, on the contact's clock.
Hours: TypeAlias = tuple[float, ...]

HOURS: Final = 24
#: The lot that contacts, and hours by chance, are drawn by.
LOT: Final = "send-time"
#: The shop's shares count as much as so many activities of the contact's own.
PRIOR: Final = 5.0
#: How far an activity speaks for the hours beside it: a standard deviation, in hours.
SPREAD: Final = 1.5
#: An hour's clicks per send count in full only when far more than this was sent in that hour.
SENDS_PRIOR: Final = 1_000.0


class Cohort(StrEnum):
    """By what a contact's hour is chosen. Persisted: members are never renamed."""

    BEST = "best"  #: by what is known
    FIXED = "fixed"  #: the fixed hour, to compare with
    RANDOM = "random"  #: any hour of the window, so that every hour goes on being tried


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How many of all contacts belong to the cohorts that are not `best`: from 0 to 1."""

    random: float
    fixed: float


def cohort_of(contact_id: str, shares: Shares) -> Cohort:
    """Draw a contact's cohort: always the same one, for as long as the shares stay."""
    weights = {
        Cohort.BEST: 1 - shares.random - shares.fixed,
        Cohort.FIXED: shares.fixed,
        Cohort.RANDOM: shares.random,
    }
    drawn = ((cohort, weight) for cohort, weight in weights.items() if weight > 0)
    return Cohort(draw(LOT, contact_id, drawn))


def shop_hours(activity: Sequence[int], sends: Sequence[int], clicks: Sequence[int]) -> Hours:
    """Tell the shop's shares: its contacts' activity, weighed by clicks per send of each hour.

    Clicks count in proportion to what was sent in that hour, or they would only say when we write.
    Without any activity all hours are equal.
    """
    rate = sum(clicks) / sum(sends) if sum(sends) else 0.0
    lifts = [
        (clicked + SENDS_PRIOR * rate) / ((sent + SENDS_PRIOR) * rate) if rate else 1.0
        for sent, clicked in zip(sends, clicks, strict=True)
    ]
    return _shares([count * lift for count, lift in zip(activity, lifts, strict=True)])


def contact_hours(activity: Sequence[int], shop: Hours) -> Hours:
    """Tell a contact's shares: their own activity by hour, smoothed, against the shop's shares."""
    spread = [
        sum(count * _kernel((hour - at) % HOURS) for at, count in enumerate(activity))
        for hour in range(HOURS)
    ]
    return _shares([own + PRIOR * share for own, share in zip(spread, shop, strict=True)])


def best_time(question: NextBestTime, hours: Hours, quiet: QuietHours, zone: str) -> datetime:
    """Tell when the hour with the greatest share comes; of equal ones, the sooner. In UTC."""
    found = candidates(question, quiet, zone)
    place = ZoneInfo(zone)
    return max(
        found,
        key=lambda at: (hours[at.astimezone(place).hour], -at.timestamp()),
        default=_named_hour(question, zone),
    )


def random_time(question: NextBestTime, seed: str, quiet: QuietHours, zone: str) -> datetime:
    """Tell when an hour comes that chance has chosen, the same one for the same seed. In UTC."""
    found = {at.isoformat(): at for at in candidates(question, quiet, zone)}
    if not found:
        return _named_hour(question, zone)
    return found[draw(LOT, seed, ((name, 1.0) for name in found))]


def fixed_time(question: NextBestTime, quiet: QuietHours, zone: str) -> datetime:
    """Tell when the fixed hour comes; the first that may be chosen, if it may not. In UTC."""
    named = _named_hour(question, zone)
    if is_allowed(named, question, quiet, zone):
        return named
    return next(iter(candidates(question, quiet, zone)), named)


def candidates(question: NextBestTime, quiet: QuietHours, zone: str) -> list[datetime]:
    """List the instants that may be chosen, soonest first: the next coming of each of its hours.

    None can be where every hour of the window is quiet, or a zone leaves out a whole day. Then it
    is the fixed hour, and the calm holds the e-mail until it may leave.
    """
    best = question.best_time
    comings = {
        next_local_time(question.not_before, LocalTime(at=at, weekdays=best.weekdays), zone)
        for at in _times(best)
    }
    return sorted(at for at in comings if is_allowed(at, question, quiet, zone))


def is_allowed(at: datetime, question: NextBestTime, quiet: QuietHours, zone: str) -> bool:
    """Tell whether an instant is in the window, soon enough, and in no quiet hours."""
    best, shown = question.best_time, at.astimezone(ZoneInfo(zone))
    return (
        timedelta(0) <= at - question.not_before <= best.delay_max
        and best.earliest <= shown.time() <= best.latest
        and shown.weekday() in best.weekdays
        and when_quiet_ends(at, quiet, zone) is None
    )


def _named_hour(question: NextBestTime, zone: str) -> datetime:
    return next_local_time(question.not_before, question.best_time.fixed, zone)


def _times(best: BestTime) -> list[time]:
    full = (time(hour) for hour in range(HOURS))
    return [best.earliest, *(at for at in full if best.earliest < at <= best.latest)]


@cache
def _kernel(apart: int) -> float:
    """Weigh an activity for an hour so far from its own, around the clock; all weights are 1."""
    weights = [math.exp(-0.5 * (min(d, HOURS - d) / SPREAD) ** 2) for d in range(HOURS)]
    return weights[apart] / sum(weights)


def _shares(weights: Sequence[float]) -> Hours:
    total = sum(weights)
    return tuple(weight / total if total else 1 / HOURS for weight in weights)
