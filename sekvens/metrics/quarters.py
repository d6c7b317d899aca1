"""What the board shows: the seven metrics that the shop is steered by, quarter by quarter.

Each number has its two sums, as everywhere; a quarter without any says why.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from sekvens.metrics.bold import BOLD
from sekvens.metrics.calendar import Quarter
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.reading import Asked, Number, counted_at, days_owed, no_data, read
from sekvens.metrics.rules import Rules

_KEPT: Final = ("kept-30-days", "kept-90-days", "kept-180-days", "kept-365-days")
_BY_FLOW: Final = ("open-rate", "click-to-open", "review-conversion", "nps", "cart-redemption")
#: Reads metrics by quarter and what else is named, from a quarter on.
_Read: TypeAlias = Callable[[Sequence[str], Sequence[str], Quarter], list[Number]]


@dataclass(frozen=True, kw_only=True)
class Bold:
    """One of the seven. Each number's `group` names its `quarter`, as `2026-Q3`."""

    name: str
    numbers: Sequence[Number]  #: one of each quarter, the oldest first
    beside: Sequence[Number]  #: as many, of the metric that is shown with it; or none
    #: title -> the same told apart, of the newest quarter and the one before; of `by cohort`, all
    tables: Mapping[str, Sequence[Number]]


@dataclass(frozen=True, kw_only=True)
class Board:
    """The seven, and how far facts have been counted."""

    quarters: Sequence[Quarter]  #: the oldest first
    bold: Mapping[str, Bold]  #: by the metric's name, in the order in which they are shown
    counted_at: datetime | None  #: shop time up to which facts are in it; None: none are yet
    days_owed: int  #: days and months of which something has come that is not in it yet


def quarters(session: Session, until: Quarter, n: int, rules: Rules, *, today: date) -> Board:
    """Show the last `n` quarters, of which `until` is the newest; `today` is the shop's day."""
    shown = [until.after(back) for back in range(1 - n, 1)]
    beside = [each for name in BOLD if (each := METRICS[name].beside) is not None]
    names = dict.fromkeys((*BOLD, *beside, *_KEPT))

    def asked(names: Sequence[str], by: Sequence[str], since: Quarter) -> list[Number]:
        said = Asked(names=names, since=since.begins, until=until.ends, by=("quarter", *by))
        return read(session, said, rules, today=today)

    whole = asked(list(names), (), shown[0])
    numbers = {name: _each(name, shown, whole) for name in names}
    tables = _tables(asked, shown[-2:][0])
    tables["kept-30-days"]["by cohort"] = [each for name in _KEPT for each in numbers[name]]
    return Board(
        quarters=shown,
        bold={
            name: Bold(
                name=name,
                numbers=numbers[name],
                beside=numbers.get(METRICS[name].beside or "", ()),
                tables=tables[name],
            )
            for name in BOLD
        },
        counted_at=counted_at(session, rules),
        days_owed=days_owed(session),
    )


def _tables(asked: _Read, since: Quarter) -> dict[str, dict[str, Sequence[Number]]]:
    """Tell each of the seven apart by what it depends on, from a quarter on."""
    found: dict[str, dict[str, Sequence[Number]]] = {name: {} for name in BOLD}
    by_flow = asked(_BY_FLOW, ("flow",), since)
    for name in _BY_FLOW:
        found[name]["by flow"] = [each for each in by_flow if each.metric == name]
    carts = {"by reminder": ("flow", "step"), "by value": ("cart-value",),
             "by category": ("category",)}  # fmt: skip
    for title, by in carts.items():
        found["cart-redemption"][title] = asked(["cart-redemption"], by, since)
    found["kept-30-days"]["after each flow"] = asked(["kept-after-flow"], ("flow",), since)
    return found


def _each(name: str, shown: Sequence[Quarter], whole: Sequence[Number]) -> list[Number]:
    """Pick a metric's numbers, one of each quarter: also of those of which there is none."""
    there = {each.group["quarter"]: each for each in whole if each.metric == name}
    none = METRICS[name]
    return [there.get(str(each)) or no_data(none, {"quarter": str(each)}) for each in shown]
