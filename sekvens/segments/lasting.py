"""How long an answer in memory lasts: until when a condition cannot change if nothing happens.

So a scan in a story need not ask every contact every day. It may say too early, never too late: a
property test holds it to `sekvens.segments.memory`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    Happened,
    InFlow,
    Lapsed,
    Not,
    Owns,
    Received,
)
from sekvens.segments.memory import EMAIL_DELIVERED, ORDER, UNDOING, Facts
from sekvens.send_time.dates import next_return

_DAY = timedelta(days=1)


class Asked(NamedTuple):
    """What the answers of some conditions can change with, besides time, consent and traits."""

    names: tuple[str, ...]  #: of events
    received: bool  #: what the contact has got
    flows: bool  #: which flows the contact is in


def asked_by(conditions: Iterable[Condition]) -> Asked:
    """Tell what conditions ask about."""
    leaves = [leaf for each in conditions for leaf in _leaves(each)]
    names: set[str] = set()
    for leaf in leaves:
        match leaf:
            case Happened():
                names.add(leaf.pattern.name)
            case Received():
                names.add(EMAIL_DELIVERED)
            case Lapsed() | Owns():
                names |= {ORDER, *UNDOING}
    received = any(isinstance(leaf, Received) for leaf in leaves)
    flows = any(isinstance(leaf, InFlow) for leaf in leaves)
    return Asked(tuple(sorted(names)), received, flows)


def _leaves(condition: Condition) -> Iterator[Condition]:
    match condition:
        case Not():
            yield from _leaves(condition.condition)
        case AllOf() | AnyOf():
            for each in condition.conditions:
                yield from _leaves(each)
        case _:
            yield condition


def lasts_until(condition: Condition, facts: Facts, *, now: datetime) -> datetime | None:
    """Tell until when, this instant included, the answer of `now` stands; None: for ever."""
    match condition:
        case Not():
            return lasts_until(condition.condition, facts, now=now)
        case AllOf() | AnyOf():
            return soonest(lasts_until(each, facts, now=now) for each in condition.conditions)
        case Happened(within=timedelta() as within):
            named = facts.named(condition.pattern.name)
            if not named:
                return None
            return _first_to_age((event.occurred_at for event in named), within, now)
        case Received(within=timedelta() as within):
            reported = (event.occurred_at for event in facts.named(EMAIL_DELIVERED))
            return _first_to_age((*facts.received, *reported), within, now)
        case Lapsed():
            last = max((event.occurred_at for event in facts.named(ORDER)), default=None)
            if last is None:
                return None
            ends = [last + facts.reorder_gap, *([facts.lapse.falls_on] if facts.lapse else ())]
            return soonest(at for at in ends if at >= now)
        case DateWithin():
            return _until_a_date(condition, facts, now)
        case _:
            return None


def soonest(times: Iterable[datetime | None]) -> datetime | None:
    """Tell the first of some instants; None is never."""
    return min((at for at in times if at is not None), default=None)


def _first_to_age(times: Iterable[datetime], within: timedelta, now: datetime) -> datetime | None:
    return min((at + within for at in times if at + within >= now), default=None)


def _until_a_date(condition: DateWithin, facts: Facts, now: datetime) -> datetime | None:
    place = ZoneInfo(facts.zone)
    day = next_return(facts.traits.get(condition.trait), not_before=now.astimezone(place).date())
    if day is None:
        return None
    days_away = (day - (now + condition.within).astimezone(place).date()).days
    # A day to spare: clocks are put forward and back.
    return now + max(days_away - 2, 0) * _DAY
