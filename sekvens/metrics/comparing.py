"""One quarter held against the one before and against its target: what is to be said of it. Pure.

Of fewer than `FEW` nothing is said. What flows have contributed adds up to the whole change: with
another share than all had before, and with a larger or smaller part of all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sekvens.experiments.intervals import Amounts, shares
from sekvens.metrics.calendar import Quarter
from sekvens.metrics.definitions import Unit
from sekvens.metrics.quarters import Bold
from sekvens.metrics.reading import Number

#: A flow is named if so much of the change is its own.
_MOST: Final = 0.5
#: A change of less is none, in points.
_NOTHING: Final = 0.05


class Verdict(StrEnum):
    """How a number stands to its target."""

    MET = "met"
    MISSED = "missed"
    TOO_FEW = "too_few"  #: too few to say
    NONE = "none"  #: there is no target, or no data


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What is to be said of one metric in one quarter."""

    now: Number
    before: Number
    #: in points (of a hundred); None: there is no data, or too few, in one of the two
    points: float | None
    is_sure: bool | None  #: more than chance alone does; None: not told of a score
    mostly: str | None  #: the flow that most of the change came from
    target: float | None  #: as the metric is measured: shares of one
    verdict: Verdict


def compared(bold: Bold, *, target: float | None) -> Compared:
    """Compare the newest quarter of a metric with the one before."""
    before, now = bold.numbers[-2], bold.numbers[-1]
    points = None
    if now.value is not None and before.value is not None and not (now.is_few or before.is_few):
        points = (now.value - before.value) * (100 if now.unit is Unit.SHARE else 1)
    moved = points is not None and abs(points) >= _NOTHING
    is_sure = _is_sure(before, now) if moved else None
    parts = contributions(bold.tables.get("by flow", ()), before, now) if moved else {}
    return Compared(
        now=now,
        before=before,
        points=points,
        is_sure=is_sure,
        mostly=None if is_sure is False else _mostly(parts, points or 0),
        target=target,
        verdict=_verdict(now, target),
    )


def contributions(by_flow: Sequence[Number], before: Number, now: Number) -> Mapping[str, float]:
    """Tell, in points, what each flow has contributed to the change; all together are the change.

    A flow contributes by as much as its own numbers lie above what all came to before.
    """
    if before.value is None or not (before.denominator and now.denominator):
        return {}
    level = (before.numerator or 0) / before.denominator
    found: dict[str, float] = {}
    for number, sign in ((now, 1), (before, -1)):
        for each in by_flow:
            if each.group["quarter"] == number.group["quarter"]:
                above = (each.numerator or 0) - level * each.denominator
                flow = str(each.group["flow"])
                found[flow] = found.get(flow, 0.0) + sign * 100 * above / number.denominator
    return found


def newest_and_before(
    numbers: Sequence[Number], quarter: Quarter
) -> list[tuple[Number, Number | None]]:
    """Pair each group of a table with the same one of the quarter before, the largest first."""

    def rest(number: Number) -> tuple[object, ...]:
        return (number.metric, *(v for name, v in number.group.items() if name != "quarter"))

    earlier = {
        rest(each): each for each in numbers if each.group["quarter"] == str(quarter.after(-1))
    }
    newest = [each for each in numbers if each.group["quarter"] == str(quarter)]
    newest.sort(key=lambda each: -each.denominator)
    return [(each, earlier.get(rest(each))) for each in newest if each.denominator]


def _is_sure(before: Number, now: Number) -> bool | None:
    """Tell whether two shares differ more than chance alone makes them; None: no shares."""
    if now.unit is not Unit.SHARE:
        return None
    effect = shares(_amounts(before), _amounts(now))
    return effect is not None and effect.is_known


def _amounts(number: Number) -> Amounts:
    some, of = int(number.numerator or 0), int(number.denominator)
    return Amounts(contacts=of, some=some, total=some, squares=some)


def _mostly(parts: Mapping[str, float], points: float) -> str | None:
    named = {flow: part / points for flow, part in parts.items()}
    most = max(named, key=lambda flow: named[flow], default=None)
    return most if most is not None and named[most] >= _MOST and len(named) > 1 else None


def _verdict(now: Number, target: float | None) -> Verdict:
    if target is None or now.value is None:
        return Verdict.NONE
    if now.is_few:
        return Verdict.TOO_FEW
    return Verdict.MET if now.value >= target else Verdict.MISSED
