"""Counts written by hand, for tests of what is read from them."""

from datetime import date
from typing import Any

from sekvens.db.session import Database
from sekvens.metrics.counting import count_month
from sekvens.metrics.tables import MetricCount


def add(database: Database, day: date, name: str, n: int, **told: Any) -> None:
    """Add a count to a day, and its month up."""
    with database.write() as session:
        session.add(MetricCount(period="day", day=day, name=name, n=n, **({"amount": 0} | told)))
        session.flush()
        count_month(session, day.replace(day=1))
