"""The counts of days and months, written anew.

A message belongs to the day on which SES took it, and so does all that it led to, however late that
comes. An order, a cart, a sign-up and an exit belong to their own day.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Date, Result, delete, func, insert, literal, select
from sqlalchemy.orm import Session

from sekvens.audiences.rules import SEGMENT_STAYS
from sekvens.audiences.tables import dealt_with_until
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.tables import Template
from sekvens.metrics import statements
from sekvens.metrics.calendar import next_month
from sekvens.metrics.dimensions import Apart
from sekvens.metrics.rules import Rules, whole_days
from sekvens.metrics.statements import DIMENSIONS, Statements
from sekvens.metrics.tables import MetricCount, Period

Row: TypeAlias = dict[str, Any]
Rows: TypeAlias = Result[*tuple[Any, ...]]
#: From an instant until before another one.
Span: TypeAlias = tuple[datetime, datetime]

_COUNTS: Final = MetricCount.metadata.tables[MetricCount.__tablename__]
_NONE: Final[Row] = dict.fromkeys(DIMENSIONS)
#: What rows of `metric_counts` differ by within a day or month.
_APART: Final = ("name", *DIMENSIONS, "detail", "bucket")


def count_day(session: Session, day: date, rules: Rules, *, asking: Sequence[str]) -> None:
    """Count a day anew, in place of what was counted of it before; for `asking` see `counts`.

    Of a day so long ago that stays have gone since, what was counted by segment stands as it is.
    """
    span = rules.span(day)
    gone = span[0] < dealt_with_until(session, SEGMENT_STAYS)
    kinds = [each for each in Apart if not (gone and each is Apart.SEGMENT)]
    found = counts(session, span, rules.wall_span(day), asking=asking, kinds=kinds)
    rows = [row for row in found if row["n"]]
    _delete(session, Period.DAY, day, *([MetricCount.segment.is_(None)] if gone else []))
    if rows:
        blank: Row = {"detail": None, "bucket": None, "amount": 0} | _NONE
        blank |= {"period": Period.DAY, "day": day}
        # Into the table: into the class, rows went one by one wherever another column was empty.
        session.execute(insert(_COUNTS), [blank | row for row in rows])


def count_month(session: Session, first: date) -> None:
    """Add a month's days up, in place of what was added up before; `first` is its first day."""
    _delete(session, Period.MONTH, first)
    days = MetricCount.period == Period.DAY, MetricCount.day >= first
    apart = [MetricCount.__table__.c[name] for name in _APART]
    added = (func.sum(MetricCount.n), func.sum(MetricCount.amount))
    query = (
        select(literal(Period.MONTH.value), literal(first, Date), *apart, *added)
        .where(*days, MetricCount.day < next_month(first))
        .group_by(*apart)
    )
    session.execute(
        insert(MetricCount).from_select(["period", "day", *_APART, "n", "amount"], query)
    )


def _delete(session: Session, period: Period, day: date, *which: ColumnElement[bool]) -> None:
    counted = MetricCount.period == period, MetricCount.day == day, *which
    session.execute(delete(MetricCount).where(*counted))


def counts(
    session: Session,
    span: Span,
    wall: Span,
    *,
    asking: Sequence[str],
    kinds: Collection[Apart] = tuple(Apart),
) -> Iterator[Row]:
    """Count what belongs to a stretch of time: `span` is shop time, `wall` the same in wall time.

    Each count has its `name`, `n`, and what it can be told apart by; money is in hundredths.
    `asking` are the digests of the templates that ask for a review, `kinds` the rows that are made.
    """
    given = {
        "since": span[0], "until": span[1], "last": span[1] - timedelta.resolution,
        "wall_since": wall[0], "wall_until": wall[1], "asking": list(asking),
    }  # fmt: skip
    yield from _joined(session.execute(statements.JOINED, given))
    for kind in kinds:
        yield from _counts(session, statements.STATEMENTS[kind], given)


def _counts(session: Session, counted: Statements, given: Row) -> Iterator[Row]:
    yield from _apart(session.execute(counted.messages, given))
    yield from _plain(session.execute(counted.effects, given))
    yield from _apart(session.execute(counted.conversions, given))
    yield from _plain(session.execute(counted.unsent, given))
    yield from _exits(session.execute(counted.exits, given))
    for plain in (counted.orders, counted.firsts):
        if plain is not None:
            yield from _plain(session.execute(plain, given))
    if counted.carts is not None:
        yield from _apart(session.execute(counted.carts, given))


def asking_for_reviews(session: Session) -> list[str]:
    """List the digests of the templates that ask for a review."""
    asked = [f'answers("{name}")' for name, question in QUESTIONS.items() if question.is_review]
    query = select(Template.digest, Template.sources)
    return sorted(
        digest
        for digest, sources in session.execute(query)
        if any(block in text for text in sources.values() for block in asked)
    )


def _joined(rows: Rows) -> Iterator[Row]:
    """Count sign-ups, by the whole days until we could not write to them any more."""
    days = Counter(None if lost is None else whole_days(at, lost) for at, lost in rows)
    for bucket, n in days.items():
        yield {"name": "kept" if bucket is None else "lost", "bucket": bucket, "n": n}


def _exits(rows: Rows) -> Iterator[Row]:
    """Count exits by reason and whole days in the flow.

    Of contacts whom we could write to when it began, also by the whole days from the exit until we
    could not any more.
    """
    found: Counter[tuple[Any, ...]] = Counter()
    names = tuple(rows.keys())[:-4]
    for *told, started, ended, joined, lost in rows:
        whose = tuple(told)
        found["exited", whole_days(started, ended), whose] += 1
        if joined is not None and joined <= ended and (lost is None or lost > started):
            name = "kept_after" if lost is None else "lost_after"
            found[name, None if lost is None else whole_days(ended, lost), whose] += 1
    for (name, bucket, whose), n in found.items():
        yield {**dict(zip(names, whose, strict=True)), "name": name, "bucket": bucket, "n": n}


def _plain(rows: Rows) -> Iterator[Row]:
    for row in rows:
        yield dict(row._mapping)  # noqa: SLF001  its public name


def _apart(rows: Rows) -> Iterator[Row]:
    """Make a count of its own of each column that is no dimension."""
    kept = {*DIMENSIONS, "detail", "bucket", "amount"}
    for row in _plain(rows):
        shared: Mapping[str, Any] = {key: value for key, value in row.items() if key in kept}
        for name in row.keys() - kept:
            yield {**shared, "name": name, "n": int(row[name])}
