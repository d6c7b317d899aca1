"""Reads metrics: each number with its two sums, however they are grouped.

From the counts of days alone, so that a page is quick whatever the number of messages.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.errors import SekvensError
from sekvens.metrics.adding import added_up, needed
from sekvens.metrics.definitions import METRICS, Increase, Metric, Sum, Unit
from sekvens.metrics.dimensions import BESIDE_A_SEGMENT, COLUMNS, PERIODS, ends, period_of
from sekvens.metrics.increments import Increment, increments
from sekvens.metrics.rules import HUNDREDTHS, Rules
from sekvens.metrics.tables import MetricDay, MetricMark

#: With fewer, a number says little: chance alone moves it by a sixth.
FEW: Final = 30

#: What a group is made of: a value for each dimension that was asked by; None: it has none.
Group: TypeAlias = tuple[Any, ...]


class CannotTellApart(SekvensError):
    """The metric is not counted by what was asked."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One number of one group. Money is in the shop's currency, shares are of one.

    `numerator` and `denominator` are what was divided: numbers, or sums of money in the currency.
    A quantile has no numerator; its denominator is of how many it is one. What a holdout does not
    show yet has neither value nor numerator, but limits, once enough have ordered.
    """

    metric: str
    unit: Unit
    group: Mapping[str, Any]  #: dimension -> value
    value: float | None  #: None: no data
    numerator: float | None
    denominator: float
    is_few: bool  #: fewer than `FEW` in the denominator, or of money for so few
    may_grow: bool  #: its window was still open when this was read
    without: str  #: why there is no data, or it is not known yet; empty: there is
    #: of what a holdout shows: the limits between which it lies, 19 times in 20; None: no limits
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked: which metrics, of which days (`until` is no more part of it), by what."""

    names: Sequence[str]
    since: date
    until: date
    by: Sequence[str] = ()
    flow: str | None = None  #: of one flow alone

    def __post_init__(self) -> None:
        for name in self.names:
            check(METRICS[name], self.by)
            if self.flow is not None and "flow" not in METRICS[name].by:
                raise CannotTellApart(f"{name} is not counted by flow")


def check(metric: Metric, by: Collection[str]) -> None:
    """Refuse what a metric is not counted by.

    Raises:
        CannotTellApart: it is not; the message says by what it is.
    """
    allowed = BESIDE_A_SEGMENT if "segment" in by else metric.by
    wrong = [each for each in by if each not in PERIODS and each not in {*allowed} & {*metric.by}]
    if wrong:
        raise CannotTellApart(
            f"{metric.name} is not counted by {' and '.join(by)}: "
            f"by {', '.join((*metric.by, *PERIODS))}; by segment beside flow alone"
        )


def read(session: Session, asked: Asked, rules: Rules, *, today: date) -> list[Number]:
    """Read metrics, each group's in order; `today` is the shop's day."""
    metrics = [METRICS[name] for name in asked.names]
    counts = _Counts(session, asked, metrics, rules)
    return [
        number
        for metric in metrics
        for number in (
            counts.numbers(metric, today)
            if metric.increase is None
            else _increases(session, asked, metric, metric.increase)
        )
    ]


def no_data(metric: Metric, group: Mapping[str, Any]) -> Number:
    """Say that there is no data of a group, and why."""
    return Number(
        metric=metric.name,
        unit=metric.unit,
        group=group,
        value=None,
        numerator=None if metric.quantile else 0,
        denominator=0,
        is_few=False,
        may_grow=False,
        without=metric.without,
    )


def _increases(session: Session, asked: Asked, metric: Metric, what: Increase) -> list[Number]:
    """Make the numbers that holdouts show; what is not known yet has limits, and no value."""

    def known(each: Increment, times: int = 1) -> float | None:
        return None if each.effect is None or each.without else each.effect.value * times

    found = [
        Number(
            metric=metric.name,
            unit=metric.unit,
            group=dict(zip(asked.by, each.group, strict=True)),
            value=known(each),
            numerator=known(each, each.contacts),
            denominator=each.contacts,
            is_few=0 < each.contacts < FEW,
            may_grow=each.may_grow,
            without=each.without,
            low=None if each.effect is None else each.effect.low,
            high=None if each.effect is None else each.effect.high,
        )
        for each in increments(session, asked, what)
    ]
    return found or [no_data(metric, dict.fromkeys(asked.by))]


def counted_at(session: Session, rules: Rules) -> datetime | None:
    """Tell the shop time up to which facts have been looked through; None: never yet."""
    mark = session.get(MetricMark, "facts")
    return rules.shop_time.at(mark.through_at) if mark else None


def days_owed(session: Session) -> int:
    """Count the days and months that are still to be counted again."""
    query = select(func.count()).select_from(MetricDay).where(MetricDay.is_dirty)
    return session.scalar(query) or 0


class _Counts:
    """The counts of one question, read once."""

    def __init__(
        self, session: Session, asked: Asked, metrics: Sequence[Metric], rules: Rules
    ) -> None:
        self._asked = asked
        self._rules = rules
        self._rows = added_up(session, asked, needed(metrics, self._days, by=asked.by))

    def numbers(self, metric: Metric, today: date) -> list[Number]:
        """Make a metric's numbers, one of each group; without any, one that says why."""
        below = self._groups(metric.denominator)
        above = self._groups(metric.numerator)
        # A group of one sum alone is compared with the whole: skips by reason with all messages.
        shared = "reason" in self._asked.by and metric.name == "skipped"
        below = self._whole(below, above) if shared else below
        groups = sorted(below, key=lambda group: [str(each or "") for each in group])
        numbers = [
            self._number(metric, group, above.get(group, []), below[group], today)
            for group in groups
        ]
        return numbers or [no_data(metric, dict.fromkeys(self._asked.by))]

    def _groups(self, sums: Iterable[Sum]) -> dict[Group, list["_Part"]]:
        """Sort counts into groups."""
        found: defaultdict[Group, list[_Part]] = defaultdict(list)
        for each in sums:
            until = None if each.until is None else self._days(each.until)
            for row in self._rows.get(each.name, ()):
                fits = not each.details or row.detail in each.details
                if fits and (until is None or (row.bucket is not None and row.bucket < until)):
                    amount = row.amount if each.is_amount else row.n
                    part = _Part(n=row.n, bucket=row.bucket, adds=each.factor * amount)
                    found[self._group(row)].append(part)
        return dict(found)

    def _whole(
        self, below: Mapping[Group, list["_Part"]], above: Collection[Group]
    ) -> dict[Group, list["_Part"]]:
        at = list(self._asked.by).index("reason")

        def rest(group: Group) -> Group:
            return (*group[:at], *group[at + 1 :])

        whole: defaultdict[Group, list[_Part]] = defaultdict(list)
        for group, counted in below.items():
            whole[rest(group)] += counted
        return {group: whole[rest(group)] for group in above}

    def _group(self, row: Any) -> Group:
        return tuple(
            period_of(row.day, each)
            if each in PERIODS
            else row.bucket // HUNDREDTHS
            if each == "cart-value" and row.bucket is not None
            else getattr(row, COLUMNS[each].key)
            for each in self._asked.by
        )

    def _ends(self, group: Group) -> date:
        """Tell the first day that is no more part of a group."""
        told = zip(self._asked.by, group, strict=True)
        periods = (ends(name, each) for each, name in told if each in PERIODS and name)
        return min([self._asked.until, *periods])

    def _days(self, until: str | int) -> int:
        return getattr(self._rules.settings, until) if isinstance(until, str) else until

    def _number(
        self,
        metric: Metric,
        group: Group,
        above: Sequence["_Part"],
        below: Sequence["_Part"],
        today: date,
    ) -> Number:
        numerator, denominator = _added(metric.numerator, above), _added(metric.denominator, below)
        matures = timedelta(days=self._days(metric.matures))
        return Number(
            metric=metric.name,
            unit=metric.unit,
            group=dict(zip(self._asked.by, group, strict=True)),
            value=_value(metric, numerator, denominator, below),
            numerator=None if metric.quantile else numerator,
            denominator=denominator,
            is_few=0 < sum(part.n for part in below) < FEW,
            may_grow=self._ends(group) - timedelta(days=1) + matures >= today,
            without="" if denominator else metric.without,
        )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A count as a part of a sum: how many it is of, and what it adds."""

    n: int
    bucket: int | None
    adds: int


def _added(sums: Sequence[Sum], parts: Sequence[_Part]) -> float:
    total = sum(part.adds for part in parts)
    return total / HUNDREDTHS if any(each.is_amount for each in sums) else total


def _value(
    metric: Metric, numerator: float, denominator: float, below: Sequence[_Part]
) -> float | None:
    if not denominator:
        return None
    if metric.quantile is not None:
        return _quantile(below, metric.quantile)
    return numerator / denominator * (100 if metric.unit is Unit.SCORE else 1)


def _quantile(parts: Sequence[_Part], share: float) -> float:
    """Tell the whole days within which this share of them lies."""
    needed, seen = share * sum(part.n for part in parts), 0
    for part in sorted(parts, key=lambda each: each.bucket or 0):
        seen += part.n
        if seen >= needed:
            return part.bucket or 0
    return 0
