"""The counts of a shop whose days are alike: one is counted, the others are given the same.

Pages read as many counts as if each day had been counted, which of ten million messages takes
the better part of an hour.
"""

import time
from datetime import date, timedelta

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from bench.rows import Shop
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.metrics.counting import asking_for_reviews, count_day, count_month
from sekvens.metrics.refresh import CLICKS, FACTS
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import MetricCount, MetricDay, MetricMark, Period

_COUNTS = MetricCount.__tablename__


def count_one_day(database: Database, shop: Shop, rules: Rules) -> float:
    """Count yesterday, and let each of the other days have been like it; tell its seconds."""
    counted = rules.day_of(shop.now) - timedelta(days=1)
    first = rules.day_of(shop.first)
    days = [first + timedelta(days=n) for n in range((counted - first).days + 2)]
    with database.write() as session:
        began = time.perf_counter()
        count_day(session, counted, rules, asking=asking_for_reviews(session))
        took = time.perf_counter() - began
        _repeat(session, counted, days)
        for month in sorted({day.replace(day=1) for day in days}):
            count_month(session, month)
        known = [{"period": Period.DAY, "day": day, "is_dirty": False} for day in days]
        session.execute(insert(MetricDay), known)
        session.add_all(MetricMark(name=name, through_at=shop.now) for name in (FACTS, CLICKS))
    return took


def _repeat(session: Session, counted: date, days: list[date]) -> None:
    table = metadata.tables[_COUNTS]
    same = ", ".join(column.name for column in table.columns if column.name not in ("id", "day"))
    others = "unnest(CAST(:days AS date[])) AS other WHERE other <> :counted AND day = :counted"
    repeated = f"INSERT INTO {_COUNTS} (day, {same}) SELECT other, {same} FROM {_COUNTS}, {others}"
    for index in table.indexes:
        index.drop(session.connection())
    session.execute(text(repeated), {"days": days, "counted": counted})
    for index in table.indexes:
        index.create(session.connection())
