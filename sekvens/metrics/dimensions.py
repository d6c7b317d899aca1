"""By what counts can be told apart, and where each stands in the tables.

The one place to add a dimension: what a message belongs to is a column here, and a column of
`metric_counts`. A segment is no column of a message, for a contact is in several at once: its
counts would be taken of the messages whose contact is in it. Nothing counts by segment yet.
"""

from collections.abc import Mapping
from datetime import date
from typing import Final

from sqlalchemy import ColumnElement, String, null
from sqlalchemy.orm import InstrumentedAttribute

from sekvens.messages.tables import Message
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
}

PERIODS: Final = ("day", "week", "month")


def period_of(day: date, period: str) -> str:
    """Write the day, the week (ISO, `2026-W07`) or the month that a day is in."""
    if period == "week":
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    return f"{day:%Y-%m}" if period == "month" else day.isoformat()
