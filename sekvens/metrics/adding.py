"""Counts added up in the database, no further apart than what is asked needs them.

A sum below so many days needs no count for each number of days, and most sums no detail: what is
added up here need not be read one by one. A page that read them all took a second.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, Integer, String, and_, case, func, or_, select
from sqlalchemy.orm import Session

from sekvens.metrics.calendar import next_month
from sekvens.metrics.definitions import Metric, Sum
from sekvens.metrics.dimensions import COLUMNS
from sekvens.metrics.tables import MetricCount, Period

if TYPE_CHECKING:
    from sekvens.metrics.reading import Asked


@dataclass(frozen=True, kw_only=True)
class Fineness:
    """How far apart counts are to stay."""

    names: Collection[str]  #: of the counts
    days: Sequence[int]  #: below which something is summed up, the least first
    each_day: Collection[str]  #: names of which every number of days is needed
    detailed: Collection[str]  #: names of which the detail is needed


def needed(
    metrics: Iterable[Metric], days: Callable[[str | int], int], *, by: Collection[str]
) -> Fineness:
    """Tell how fine counts must be for these metrics; `days` tells what a sum's `until` means."""
    sums: list[tuple[Metric, Sum]] = [
        (metric, each) for metric in metrics for each in (*metric.numerator, *metric.denominator)
    ]
    names = {each.name for _, each in sums}
    in_full = {COLUMNS[each].key for each in by}
    return Fineness(
        names=names,
        days=sorted({days(each.until) for _, each in sums if each.until is not None}),
        each_day={
            each.name for metric, each in sums if metric.quantile is not None or "bucket" in in_full
        },
        detailed={each.name for _, each in sums if each.details or "detail" in in_full},
    )


def added_up(session: Session, asked: "Asked", fine: Fineness) -> Mapping[str, list[Any]]:
    """Add counts up, by name; each row has what was asked by, `detail`, `bucket`, `n`, `amount`.

    Where days are taken together, `bucket` is the least of those that a row may stand for.
    """
    columns = {COLUMNS[each].key: COLUMNS[each] for each in asked.by}
    apart: dict[str, Any] = columns | {
        "name": MetricCount.name, "detail": _detail(fine), "bucket": _bucket(fine),
    }  # fmt: skip
    query = (
        select(
            *(column.label(f"of_{name}") for name, column in apart.items()),
            MetricCount.n,
            MetricCount.amount,
        )
        .where(MetricCount.name.in_(sorted(fine.names)), _of_kind(asked), _of_period(asked))
    )  # fmt: skip
    if asked.flow is not None:
        query = query.where(MetricCount.flow == asked.flow)
    rows = query.subquery()
    keys = [rows.c[f"of_{name}"] for name in apart]
    # PostgreSQL adds whole numbers up to decimals.
    sums = (func.sum(rows.c[name]).cast(BigInteger).label(name) for name in ("n", "amount"))
    labelled = (key.label(name) for key, name in zip(keys, apart, strict=True))
    found: defaultdict[str, list[Any]] = defaultdict(list)
    for row in session.execute(select(*labelled, *sums).group_by(*keys)):
        found[row.name].append(row)
    return found


def _detail(fine: Fineness) -> ColumnElement[Any]:
    name, detail = MetricCount.name, MetricCount.detail
    return case((name.in_(sorted(fine.detailed)), detail), else_=None).cast(String)


def _bucket(fine: Fineness) -> ColumnElement[Any]:
    """Take days together between those that sums end at."""
    name, bucket = MetricCount.name, MetricCount.bucket
    floors = [0, *fine.days]
    taken = [(bucket < until, floor) for floor, until in zip(floors, fine.days, strict=False)]
    return case(
        (bucket.is_(None), None),
        (name.in_(sorted(fine.each_day)), bucket),
        *taken,
        else_=floors[-1],
    ).cast(Integer)


def _of_kind(asked: "Asked") -> ColumnElement[bool]:
    """Pick the rows of the whole, or of variants, or of segments: they overlap."""
    if "segment" in asked.by:
        return MetricCount.segment.is_not(None)
    if "variant" in asked.by:
        return MetricCount.variant.is_not(None)
    return and_(MetricCount.variant.is_(None), MetricCount.segment.is_(None))


def _of_period(asked: "Asked") -> ColumnElement[bool]:
    """Pick the rows that a period is the sum of: whole months where it may, else days."""
    since, until, day = asked.since, asked.until, MetricCount.day
    first = since if since.day == 1 else next_month(since)
    last = until.replace(day=1)
    days = MetricCount.period == Period.DAY
    if first >= last or not {"day", "week"}.isdisjoint(asked.by):
        return and_(days, day >= since, day < until)
    months = and_(MetricCount.period == Period.MONTH, day >= first, day < last)
    before, after = and_(days, day >= since, day < first), and_(days, day >= last, day < until)
    return or_(months, before, after)
