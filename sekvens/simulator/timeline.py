"""Timelines and counts of a story in words, for the terminal and for the page."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekvens.flows.steps import Mode
from sekvens.simulator.moments import Lived, Moment, What
from sekvens.simulator.telling import Outcome


class Line(NamedTuple):
    """One moment in words."""

    day: int  #: of their calendar, since the story's start
    clock: str  #: on the contact's own clock
    what: What
    text: str


class Count(NamedTuple):
    """What became of one step, or of a flow's enrollments (then `step` is empty)."""

    flow: str
    step: str
    sent: int
    skipped: dict[str, int]  #: reason -> how many
    entered: int
    refused: dict[str, int]
    left: dict[str, int]
    mode: Mode = Mode.LIVE


def mark(mode: str) -> str:
    """Mark what is not live: it is shown as it would be."""
    return "" if mode == Mode.LIVE else f" ({mode})"


def lines_of(lived: Lived) -> list[Line]:
    """Tell a contact's story, line by line; each moment is one."""
    lines = []
    for moment in lived.moments:
        place = ZoneInfo(moment.zone)
        at = moment.at.astimezone(place)
        day = (at.date() - lived.starts.astimezone(place).date()).days
        lines.append(Line(day, f"{at:%a %Y-%m-%d %H:%M}", moment.what, _words(moment)))
    return lines


def _words(moment: Moment) -> str:
    match moment.what:
        case What.DOES:
            return moment.text
        case What.ENTERS:
            return f"enters {moment.flow}"
        case What.REFUSED:
            return f"{moment.flow} does not take them: {moment.text}"
        case What.SENT:
            return f"{moment.flow}/{moment.step}{mark(moment.mode)}"
        case What.SKIPPED | What.HELD | What.CARRIED_OUT:
            return f"{moment.flow}/{moment.step}: {moment.text}"
        case What.LEFT:
            return f"leaves {moment.flow}: {moment.text}"


def count_lines(outcome: Outcome) -> list[Count]:
    """Count what became of each flow and each of its e-mails, in the order of their names."""
    found: dict[tuple[str, str], Count] = {}
    for (flow, step, what, reason), times in sorted(outcome.counts.items()):
        count = found.setdefault((flow, step), Count(flow, step, 0, {}, 0, {}, {}))
        if what is What.SENT:
            count = count._replace(sent=count.sent + times, mode=Mode(reason))
        elif what is What.ENTERS:
            count = count._replace(entered=count.entered + times)
        else:
            told = {What.SKIPPED: count.skipped, What.REFUSED: count.refused}.get(what, count.left)
            told[reason] = told.get(reason, 0) + times
        found[flow, step] = count
    return list(found.values())


def reasons(counted: dict[str, int]) -> str:
    """Write reasons with how often each was given, the commonest first."""
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{times:,} {reason}" for reason, times in ordered)


def trace(lived: Lived) -> list[str]:
    """Write what both ways to live a story must agree on, without the hours.

    Who entered, what was sent, what was skipped and why, and how each enrollment ended, each flow
    by itself.
    """
    kept = (What.ENTERS, What.SENT, What.SKIPPED, What.LEFT)
    told = [moment for moment in lived.moments if moment.what in kept]
    return sorted_by_flow(
        [
            (moment.flow, " ".join(filter(None, (moment.what, moment.step, _reason(moment)))))
            for moment in told
        ]
    )


def sorted_by_flow(told: Sequence[tuple[str, str]]) -> list[str]:
    """Put the lines of each flow together, in their own order."""
    return [f"{flow}: {line}" for flow, line in sorted(told, key=lambda each: each[0])]


def busiest(per_hour: dict[datetime, int]) -> tuple[datetime, int] | None:
    """Tell the hour in which the most e-mails leave; None where none does."""
    return max(per_hour.items(), key=lambda each: each[1], default=None)


def _reason(moment: Moment) -> str:
    return "" if moment.what is What.SENT else moment.text
