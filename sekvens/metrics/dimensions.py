"""By what counts can be told apart, and where each stands in the tables.

The one place to add a dimension: what a message belongs to is a column here, and a column of
`metric_counts`. A segment is no column of a message, for a contact is in several at once: its
counts would be taken of the messages whose contact is in it. Nothing counts by segment yet.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from sqlalchemy import ColumnElement, String, null
from sqlalchemy.orm import InstrumentedAttribute

from sekvens.messages.tables import Message
from sekvens.metrics.calendar import Quarter, next_month
from sekvens.metrics.tables import MetricCount

#: Columns of `metric_counts` that a message fills, with what fills them. The arm of an experiment
#: will be the one that its contact was assigned to.
OF_A_MESSAGE: Final[Mapping[str, ColumnElement[object] | InstrumentedAttribute[object]]] = {
    "flow": Message.flow,
    "flow_version": Message.flow_version,
    "step_id": Message.step_id,
    "variant": null().cast(String),
    "locale": Message.locale,
    "purpose": Message.purpose,
}

#: What metrics are asked by -> the column of `metric_counts`.
COLUMNS: Final[Mapping[str, InstrumentedAttribute[object]]] = {
    "flow": MetricCount.flow,
    "version": MetricCount.flow_version,
    "step": MetricCount.step_id,
    "variant": MetricCount.variant,
    "locale": MetricCount.locale,
    "purpose": MetricCount.purpose,
    "reason": MetricCount.detail,
    "category": MetricCount.detail,
    "cart-value": MetricCount.bucket,
    "day": MetricCount.day,
    "week": MetricCount.day,
    "month": MetricCount.day,
    "quarter": MetricCount.day,
}

PERIODS: Final = ("day", "week", "month", "quarter")


def period_of(day: date, period: str) -> str:
    """Write the day, the week (ISO, `2026-W07`), the month or the quarter (`2026-Q3`) of a day."""
    match period:
        case "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02}"
        case "month":
            return f"{day:%Y-%m}"
        case "quarter":
            return str(Quarter.of(day))
        case _:
            return day.isoformat()


def ends(written: str, period: str) -> date:
    """Tell the first day that is no more part of a period, as `period_of` writes it."""
    match period:
        case "week":
            year, week = written.split("-W")
            return date.fromisocalendar(int(year), int(week), 1) + timedelta(weeks=1)
        case "month":
            return next_month(date.fromisoformat(f"{written}-01"))
        case "quarter":
            return Quarter.read(written).ends
        case _:
            return date.fromisoformat(written) + timedelta(days=1)
