"""How long an answer in memory lasts: until when, and unless what changes.

So a scan in a story need not ask every contact every day. It may say too early, and too much that
may change it, never too late or too little: a property test holds it to `sekvens.segments.memory`.
Facts hold nothing that is yet to come.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    Happened,
    InFlow,
    InSegment,
    Lapsed,
    NeedsAgain,
    Not,
    OrderExpected,
    Owns,
    Received,
)
from sekvens.flows.dealings import Bounced, ClickRate, Dealing
from sekvens.segments.dealings import how_many_received, spans_of
from sekvens.segments.memory import (
    EMAIL_DELIVERED,
    ORDER,
    QUESTION_ANSWERED,
    UNDOING,
    Facts,
    holds,
)
from sekvens.send_time.dates import next_return

#: What may change beside events, which go by their names: consent, traits, zone, what is in stock …
TOLD: Final = "(told)"
#: … what the contact has got …
RECEIVED: Final = "(received)"


def having_got(count: int) -> str:
    """… that the contact has got so many e-mails of ours by now."""
    return f"(received {count})"


def being_in(flow: str) -> str:
    """… and whether the contact is in a flow."""
    return f"(in {flow})"


_DAY = timedelta(days=1)
_NOTHING: Final[frozenset[str]] = frozenset()
_ONLY_TOLD: Final = frozenset({TOLD})
_ORDERS: Final = frozenset({ORDER, *UNDOING})


class Lasting(NamedTuple):
    """An answer, and how long it stands."""

    answer: bool
    until: datetime | None  #: this instant included; None: for ever
    unless: frozenset[str]  #: names of events, and the words above: one of these changes


def lasting(condition: Condition, facts: Facts, *, now: datetime) -> Lasting:
    """Answer a condition at `now` (shop time), for no entry, and tell how long that stands."""
    match condition:
        case InSegment():
            return lasting(condition.condition, facts, now=now)
        case Not():
            inner = lasting(condition.condition, facts, now=now)
            return inner._replace(answer=not inner.answer)
        case AllOf():
            return _of_several(_each(condition.conditions, facts, now), decisive=False)
        case AnyOf():
            return _of_several(_each(condition.conditions, facts, now), decisive=True)
        case _:
            return _of_one(condition, facts, now)


def _soonest(times: Iterable[datetime | None]) -> datetime | None:
    """Tell the first of some instants; None is never."""
    return min((at for at in times if at is not None), default=None)


def _each(conditions: Iterable[Condition], facts: Facts, now: datetime) -> Iterator[Lasting]:
    return (lasting(each, facts, now=now) for each in conditions)


def _of_several(answers: Iterator[Lasting], *, decisive: bool) -> Lasting:
    """Put answers together, of which a single `decisive` one decides: then the longest counts."""
    found: list[Lasting] = []
    deciding: Lasting | None = None
    for each in answers:
        if each.answer is not decisive:
            found.append(each)
        elif deciding is None or _is_longer(each, deciding):
            deciding = each
    if deciding is not None:
        return deciding
    unless = _NOTHING.union(*(each.unless for each in found))
    return Lasting(not decisive, _soonest(each.until for each in found), unless)


def _of_one(condition: Condition, facts: Facts, now: datetime) -> Lasting:
    answer = holds(condition, facts, now=now)
    match condition:
        case Happened():
            unless = _NOTHING if answer else frozenset({condition.pattern.name})
            return Lasting(
                answer, _too_few_after(condition, facts, now) if answer else None, unless
            )
        case Received():
            if answer:
                return Lasting(answer, _got_too_few_after(condition, facts), _NOTHING)
            enough = _got_enough(condition, facts, now)
            return Lasting(answer, None, frozenset({enough, EMAIL_DELIVERED}))
        case Lapsed() | OrderExpected():
            return _of_days(condition, facts, answer=answer)
        case DateWithin():
            return Lasting(answer, _until_a_date(condition, facts, now), _ONLY_TOLD)
        case NeedsAgain() | Owns():
            return _of_belongings(condition, facts, now, answer=answer)
        case InFlow():
            return Lasting(answer, None, frozenset({being_in(condition.flow)}))
        case _ if isinstance(condition, Dealing):
            return _of_dealings(condition, facts, now, answer=answer)
        case _:
            return Lasting(answer, None, _ONLY_TOLD)


def _of_days(condition: Lapsed | OrderExpected, facts: Facts, *, answer: bool) -> Lasting:
    last = max((event.occurred_at for event in facts.named(ORDER)), default=None)
    day = facts.lapse if isinstance(condition, Lapsed) else facts.next_order
    if day is not None and not day.stands(last):
        day = None
    if isinstance(condition, OrderExpected):
        until = None if answer or day is None else day.falls_on - condition.within
        return Lasting(answer, until, _ORDERS)
    if answer or last is None:
        return Lasting(answer, None, _ORDERS)
    if day is not None:
        return Lasting(answer, day.falls_on, _ORDERS)  # by which it becomes void
    return Lasting(answer, last + facts.reorder_gap, _NOTHING)  # an order makes it longer


def _is_longer(one: Lasting, other: Lasting) -> bool:
    if one.until is None or other.until is None:
        return other.until is not None
    return one.until > other.until


def _too_few_after(condition: Happened, facts: Facts, now: datetime) -> datetime | None:
    """Tell until when enough of what happened counts, if no more of it does."""
    if condition.within is None:
        return None
    pattern, since = condition.pattern, now - condition.within
    fitting = sorted(
        event.occurred_at
        for event in facts.named(pattern.name)
        if event.occurred_at >= since and pattern.matches(event.name, event.properties)
    )
    # Where values are counted, two events may count for one: one event less may be too few.
    wanted = condition.times if condition.each is None else len(fitting)
    return _aged(fitting, wanted, condition.within)


def _got_too_few_after(condition: Received, facts: Facts) -> datetime | None:
    reported = (event.occurred_at for event in facts.named(EMAIL_DELIVERED))
    return _aged(sorted((*facts.received, *reported)), condition.times, condition.within)


def _got_enough(condition: Received, facts: Facts, now: datetime) -> str:
    """Tell with which e-mail of ours there may be enough of them, if nobody else sends any."""
    since = None if condition.within is None else now - condition.within
    missing = condition.times - how_many_received(facts, now, since)
    return having_got(len(facts.received) + missing)


def _aged(times: Sequence[datetime], wanted: int, within: timedelta | None) -> datetime | None:
    """Tell until when so many of these instants, the oldest first, lie within a time."""
    return None if within is None or wanted <= 0 else times[-wanted] + within


def _of_dealings(condition: Dealing, facts: Facts, now: datetime, *, answer: bool) -> Lasting:
    names, spans = spans_of(condition)
    times = [event.occurred_at for name in names for event in facts.named(name)]
    unless = _ONLY_TOLD.union(names)
    if isinstance(condition, ClickRate):
        times, unless = [*times, *facts.received], unless | {RECEIVED}
    elif isinstance(condition, Bounced):
        times += facts.bounced
    ages = (at + span for at in times for span in spans if at + span >= now)
    return Lasting(answer, min(ages, default=None), unless)


def _of_belongings(
    condition: NeedsAgain | Owns, facts: Facts, now: datetime, *, answer: bool
) -> Lasting:
    if isinstance(condition, Owns):
        return Lasting(answer, None, _ORDERS)
    if not facts.needs:  # a run says what is needed
        return Lasting(answer, None, _ONLY_TOLD)
    turns = [need.due_on - condition.ahead for need in facts.needs]
    turns += [need.due_on + condition.overdue for need in facts.needs]
    ahead = [at for at in turns if at >= now]
    unless = _ORDERS | _ONLY_TOLD | {QUESTION_ANSWERED}
    return Lasting(answer, min(ahead, default=None), unless)


def _until_a_date(condition: DateWithin, facts: Facts, now: datetime) -> datetime | None:
    place = ZoneInfo(facts.zone)
    day = next_return(facts.traits.get(condition.trait), not_before=now.astimezone(place).date())
    if day is None:
        return None
    days_away = (day - (now + condition.within).astimezone(place).date()).days
    # A day to spare: clocks are put forward and back.
    return now + max(days_away - 2, 0) * _DAY
