"""When each step of a flow may be reached, counted from the start of an enrollment.

Waits until a time of day depend on the hour and the weekday of the start, so every hour of a week
is tried, or of a day where no weekday is named. Left out, because a flow cannot know them:
restarts, changes of daylight saving, and whatever holds a message up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import MappingProxyType

from sekvens.flows.definition import Flow
from sekvens.flows.durations import as_moment
from sekvens.flows.graph import branches
from sekvens.flows.steps import (
    BestTime,
    ExitFlow,
    Experiment,
    Listen,
    LocalTime,
    Split,
    Step,
    Wait,
    WaitFor,
)
from sekvens.flows.survey import every_step, of_no_day, sends

DAY = timedelta(days=1)
DAY_HOURS = 24
WEEK_HOURS = 7 * DAY_HOURS
#: How far away a date may be that only the facts know; an offer's end is the offer's own affair.
DATE_AWAY_MAX = {"date_of": timedelta(days=366), "anniversary_of": timedelta(days=366)}


@dataclass(frozen=True)
class Span:
    """The earliest and the latest time after the start at which something may be."""

    earliest: timedelta
    latest: timedelta

    def later(self, earliest: timedelta, latest: timedelta) -> "Span":
        """Move both ends."""
        return Span(self.earliest + earliest, self.latest + latest)

    def hull(self, other: "Span | None") -> "Span":
        """Cover this and another span."""
        if other is None:
            return self
        return Span(min(self.earliest, other.earliest), max(self.latest, other.latest))


@lru_cache(maxsize=256)
def timetable(flow: Flow) -> Mapping[str, Span]:
    """Tell when each step that can be reached may be reached; the others are left out.

    Kept: it takes ten milliseconds, and a flow never changes.
    """
    times: dict[str, Span] = {}
    for hour in range(_hours_that_differ(flow)):
        start = timedelta(hours=hour)
        _walk(flow.steps, Span(timedelta(0), timedelta(0)), start, times)
    return MappingProxyType(times)


def _hours_that_differ(flow: Flow) -> int:
    """Tell how many hours of a start there are until all begins anew."""
    untils = [step.until for step in every_step(flow.steps) if isinstance(step, Wait)]
    named = [until for until in untils if isinstance(until, LocalTime)]
    if not named:
        return 1
    return DAY_HOURS if all(len(set(until.weekdays)) == 7 for until in named) else WEEK_HOURS


def moments(flow: Flow) -> dict[str, str]:
    """Tell in words when each e-mail leaves; nothing for one whose day the flow cannot know."""
    times, unknown = timetable(flow), of_no_day(flow)
    return {
        step.id: "" if step.id in unknown else _moment(times.get(step.id)) for step in sends(flow)
    }


def _moment(span: Span | None) -> str:
    return "never" if span is None else as_moment(span.earliest, span.latest)


def _walk(
    steps: tuple[Step, ...], at: Span, start: timedelta, times: dict[str, Span]
) -> Span | None:
    """Note when each of `steps` is reached; return when they are over, None if they never are."""
    for step in steps:
        times[step.id] = at.hull(times.get(step.id))
        after = _after(step, at, start, times)
        if after is None:
            return None
        at = after
    return at


def _after(step: Step, at: Span, start: timedelta, times: dict[str, Span]) -> Span | None:
    if isinstance(step, Wait):
        at = at.later(step.duration, step.duration)
        if step.until is None:
            return at
        if isinstance(step.until, BestTime):
            return at.later(timedelta(0), step.until.delay_max)
        if not isinstance(step.until, LocalTime):
            return at.later(timedelta(0), DATE_AWAY_MAX.get(step.until.kind, timedelta(0)))
        return Span(_until(step.until, at.earliest, start), _until(step.until, at.latest, start))
    if isinstance(step, ExitFlow):
        return None
    entries = [at] * len(branches(step))
    if isinstance(step, Listen):
        return _listened(step, at, start, times)
    if isinstance(step, WaitFor):
        entries = [at.later(timedelta(0), step.timeout), at.later(step.timeout, step.timeout)]
    elif not isinstance(step, Split | Experiment):
        return at
    over: Span | None = None
    for branch, entry in zip(branches(step), entries, strict=True):
        end = _walk(branch, entry, start, times)
        over = over if end is None else end.hull(over)
    return over


def _listened(step: Listen, at: Span, start: timedelta, times: dict[str, Span]) -> Span:
    during = at.later(timedelta(0), step.lasts)
    for branch in branches(step):
        _walk(branch, during, start, times)
    return during


def _until(local_time: LocalTime, elapsed: timedelta, start: timedelta) -> timedelta:
    """Move an elapsed time to the next local time, in a week that began at `-start`."""
    at = timedelta(
        hours=local_time.at.hour, minutes=local_time.at.minute, seconds=local_time.at.second
    )
    now = start + elapsed
    first_day = now // DAY
    for day in range(first_day, first_day + 8):
        instant = day * DAY + at
        if instant >= now and day % 7 in local_time.weekdays:
            return instant - start
    return elapsed
