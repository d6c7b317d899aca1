"""Deliverability: how our mail fares, held against what SES and Gmail bear, and the breaker."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from markupsafe import Markup
from sqlalchemy.orm import Session

from sekvens.contacts.suppression import counts_by_reason
from sekvens.feedback.queries import odd
from sekvens.metrics.reading import Asked as Metrics
from sekvens.metrics.reading import read
from sekvens.reputation.counts import rates
from sekvens.reputation.periods import LIMITS as BORNE
from sekvens.reputation.periods import Fared, Limit, Standing, fared
from sekvens.reputation.rates import LIMITS as BREAKS
from sekvens.reputation.rates import Kind
from sekvens.switches.tables import BREAKER
from sekvens.switches.turning import standing
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.charts import Series, bar_chart, line_chart
from sekvens.web.dashboard.kept import Kept
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.reasons import Reasons

#: Periods that are looked at beside today, in days.
DAYS: Final = (7, 30)
#: What an operator should look at is of so many days.
ODD_FOR: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Borne:
    """What one receiver bears, and how the rates of each period stand to it."""

    limit: Limit
    rates: tuple[tuple[float | None, Standing], ...]


#: They read thousands of messages; the breaker itself takes them once a minute.
_RATES: Final = Kept(lambda _house, session, asked, _of: rates(session, now=asked.now))


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """Tell the rates of three periods, the breaker's own, suppressions, and what is odd."""
    today, _ = house.rules.wall_span(asked.today)
    since = [today, *(asked.now - timedelta(days=days) for days in DAYS)]
    periods = fared(session, since)
    return {
        "fared": [(0, periods[0]), *zip(DAYS, periods[1:], strict=True)],
        "kinds": tuple(Kind),
        "borne": [_borne(limit, periods) for limit in BORNE],
        "breaker": next((each for each in standing(session) if each.name == BREAKER), None),
        "rates": _RATES.answer(house, session, asked),
        "breaks": BREAKS,
        "odd": odd(session, since=asked.now - ODD_FOR),
        "suppressed": _suppressed(house, session, asked),
        "trend": _trend(house, session, asked),
    }


def _borne(limit: Limit, periods: Collection[Fared]) -> Borne:
    shares = [period.share(limit.kind) for period in periods]
    return Borne(limit=limit, rates=tuple((share, limit.standing(share)) for share in shares))


def _suppressed(house: House, session: Session, asked: Asked) -> Markup | None:
    counts = counts_by_reason(session)
    if not counts:
        return None
    reasons = Reasons(asked.language)
    return bar_chart(
        asked.t.suppressed,
        [reasons("suppression", reason) for reason in counts],
        list(counts.values()),
        write=_write(house, asked, "number"),
        table=asked.t.as_table,
    )


def _trend(house: House, session: Session, asked: Asked) -> Markup | None:
    """Draw both rates day by day, as they were counted; None: nothing was."""
    names = {"bounced": asked.t.bounced, "complaints": asked.t.complained}
    period = asked.period
    wanted = Metrics(names=tuple(names), since=period.since, until=period.until, by=("day",))
    numbers = read(session, wanted, house.rules, today=asked.today)
    by_day = {(number.metric, str(number.group["day"])): number.value for number in numbers}
    if not any(value is not None for value in by_day.values()):
        return None
    days = [period.since + timedelta(days=n) for n in range((period.until - period.since).days)]
    write_day = _write(house, asked, "day")
    return line_chart(
        asked.t.trend,
        [write_day(each) for each in days],
        [
            Series(name=said, values=[by_day.get((name, each.isoformat())) for each in days])
            for name, said in names.items()
        ],
        write=_write(house, asked, "percent"),
        table=asked.t.as_table,
    )


def _write(house: House, asked: Asked, name: str) -> Callable[[Any], str]:
    return house.writes(asked.language)[name]


DELIVERABILITY = Page(
    path="/staff/deliverability", name="deliverability", section="deliverability", show=show,
    live=("fared", "breaker"),
)  # fmt: skip
