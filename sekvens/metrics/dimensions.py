"""By what counts can be told apart, and where each stands in the tables.

The one place to add a dimension. A message has one flow, but it may be of a variant of several
experiments, and its contact in several segments: these are counted beside the whole, in rows of
their own, and never added up with it or with each other.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from sekvens.experiments.tables import EnrollmentVariant
from sekvens.messages.tables import Message
from sekvens.metrics.calendar import Quarter, next_month
from sekvens.metrics.tables import MetricCount
from sekvens.segments.tables import SegmentStay

Columns: TypeAlias = Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]]


class Apart(StrEnum):
    """Beside what a count stands: each row of `metric_counts` is one of one kind."""

    WHOLE = "whole"
    VARIANT = "variant"  #: once for each experiment that its enrollment had come to
    SEGMENT = "segment"  #: once for each segment that its contact was in


#: How a variant is called: as its experiment, and by its own name.
VARIANT: Final = EnrollmentVariant.experiment + "/" + EnrollmentVariant.variant

_WHOLE: Final[Columns] = {
    "flow": Message.flow,
    "flow_version": Message.flow_version,
    "step_id": Message.step_id,
    "locale": Message.locale,
    "purpose": Message.purpose,
}
#: Columns of `metric_counts` that a message fills, with what fills them. Segments are many: were
#: they told apart by more than the flow, there would be as many counts as messages.
OF_A_MESSAGE: Final[Mapping[Apart, Columns]] = {
    Apart.WHOLE: _WHOLE,
    Apart.VARIANT: {**_WHOLE, "variant": VARIANT},
    Apart.SEGMENT: {"flow": Message.flow, "segment": SegmentStay.segment},
}
#: Beside a segment, a metric is told apart by the flow and by periods alone.
BESIDE_A_SEGMENT: Final = ("segment", "flow")

#: What metrics are asked by -> the column of `metric_counts`.
COLUMNS: Final[Mapping[str, InstrumentedAttribute[object]]] = {
    "flow": MetricCount.flow,
    "version": MetricCount.flow_version,
    "step": MetricCount.step_id,
    "variant": MetricCount.variant,
    "segment": MetricCount.segment,
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
