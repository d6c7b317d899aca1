"""How something went over the period that a page looks at: by days, or by weeks of a long one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from sekvens.metrics.dimensions import period_of
from sekvens.metrics.reading import Asked as AskedMetrics
from sekvens.metrics.reading import Number, read
from sekvens.web.dashboard.asked import Asked, House

#: Above so many days a point is a week.
_DAYS_MAX: Final = 40


#: What a flow, or a variant of one, is judged by in a period.
_CAME_TO: Final = ("delivered", "click-rate", "conversion", "revenue-per-recipient")


@dataclass(frozen=True, kw_only=True)
class Came:
    """What something came to in the period: numbers by the metric's name."""

    numbers: Mapping[str, Number] = field(default_factory=dict)

    @property
    def sent(self) -> float:
        """Tell how many messages SES took."""
        number = self.numbers.get("delivered")
        return number.denominator if number else 0.0

    def sum(self, metric: str) -> float:
        """Tell what is above the line of a metric; 0 where there is nothing."""
        number = self.numbers.get(metric)
        return (number.numerator or 0.0) if number else 0.0

    def value(self, metric: str) -> float | None:
        """Tell a metric; None: no data."""
        number = self.numbers.get(metric)
        return number.value if number else None


def came_to(
    house: House, session: Session, asked: Asked, by: str, *, flow: str | None = None
) -> dict[str, Came]:
    """Tell what each flow, or each variant of one, came to in the period that is looked at."""
    period = asked.period
    question = AskedMetrics(
        names=_CAME_TO, since=period.since, until=period.until, by=(by,), flow=flow
    )
    found: dict[str, dict[str, Number]] = {}
    for number in read(session, question, house.rules, today=asked.today):
        if number.group[by] is not None and not number.without:
            found.setdefault(number.group[by], {})[number.metric] = number
    return {name: Came(numbers=numbers) for name, numbers in found.items()}


@dataclass(frozen=True, kw_only=True)
class Trend:
    """Numbers of metrics, by day or week."""

    labels: Sequence[str]
    numbers: Mapping[tuple[str, str], Number]  #: (metric, label) -> number

    def above(self, metric: str) -> list[float]:
        """List what is above the line of a metric; 0 where nothing was counted."""
        found = (self.numbers.get((metric, label)) for label in self.labels)
        return [(each.numerator or 0.0) if each else 0.0 for each in found]

    def below(self, metric: str) -> list[float]:
        """List what is below the line."""
        found = (self.numbers.get((metric, label)) for label in self.labels)
        return [each.denominator if each else 0.0 for each in found]


def trend(
    house: House, session: Session, asked: Asked, names: Sequence[str], *, flow: str | None = None
) -> Trend:
    """Read metrics over the period that is looked at, of one flow or of all."""
    step = "day" if asked.days <= _DAYS_MAX else "week"
    period = asked.period
    question = AskedMetrics(
        names=names, since=period.since, until=period.until, by=(step,), flow=flow
    )
    days = (period.since + timedelta(days=each) for each in range(asked.days))
    return Trend(
        labels=list(dict.fromkeys(period_of(day, step) for day in days)),
        numbers={
            (each.metric, each.group[step]): each
            for each in read(session, question, house.rules, today=asked.today)
            if not each.without
        },
    )
