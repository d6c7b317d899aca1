"""What holdouts show: what e-mails brought that would not have come without them.

Measured and judged by `sekvens.experiments`, as everywhere. Kept are sums over those who were drawn
on one day, which add up to any period, so that a page need not measure each contact.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from sekvens.experiments.drawing import plan_of
from sekvens.experiments.intervals import Amounts, Effect
from sekvens.experiments.judging import see
from sekvens.experiments.measuring import Entry, Measured, Tally, entries_of, measure
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import MISMATCH_P
from sekvens.experiments.tables import ExperimentPlan
from sekvens.experiments.wording import NOT_YET
from sekvens.flows.lots import EVERYTHING, TREATED
from sekvens.metrics.definitions import Increase
from sekvens.metrics.dimensions import period_of
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import HoldoutDay

if TYPE_CHECKING:
    from sekvens.metrics.reading import Asked

_NOT_AS_PLANNED: Final = (
    "contacts are not held out as often as planned: something is broken, and nothing is known"
)
_NOTHING: Final = Amounts(contacts=0, some=0, total=0.0, squares=0.0)


@dataclass(frozen=True, kw_only=True)
class Increment:
    """What one holdout shows of those who were drawn in one period."""

    group: tuple[Any, ...]
    contacts: int  #: who were not held out, and whose time is over
    effect: Effect | None  #: for each of them; None: too few have ordered
    may_grow: bool  #: the time of some is not over
    without: str  #: why it is not known; empty: it is


def measured_by_day(session: Session, rules: Rules, *, now: datetime) -> dict[str, list[Any]]:
    """Measure every holdout, by the day of the draw; `now` is shop time.

    Returns:
        The rows of `holdout_days` of each holdout, by its name.
    """
    begun = session.scalars(select(ExperimentPlan).order_by(ExperimentPlan.name)).all()
    return {each.name: _days(session, each, rules, now) for each in begun if _is_holdout(each)}


def keep_days(session: Session, measured: Mapping[str, Sequence[Any]]) -> None:
    """Put what holdouts come to now in the place of what they came to before."""
    session.execute(delete(HoldoutDay).where(HoldoutDay.experiment.in_(list(measured))))
    for rows in measured.values():
        if rows:
            session.execute(insert(HoldoutDay), rows)


def increments(session: Session, asked: "Asked", what: Increase) -> list[Increment]:
    """Read what holdouts show: of each flow where that is asked for, else of all marketing."""
    query = select(HoldoutDay).where(HoldoutDay.day >= asked.since, HoldoutDay.day < asked.until)
    if asked.flow is not None or "flow" not in asked.by:
        query = query.where(HoldoutDay.experiment == (asked.flow or EVERYTHING))
    else:
        query = query.where(HoldoutDay.experiment != EVERYTHING)
    groups: defaultdict[tuple[str, tuple[Any, ...]], list[HoldoutDay]] = defaultdict(list)
    for row in session.scalars(query):
        group = tuple(
            row.experiment if each == "flow" else period_of(row.day, each) for each in asked.by
        )
        groups[row.experiment, group].append(row)
    plans = {name: plan_of(session.get_one(ExperimentPlan, name)) for name, _ in groups}
    return [
        _increment(plans[name], group, rows, what) for (name, group), rows in sorted(groups.items())
    ]


def _is_holdout(begun: ExperimentPlan) -> bool:
    return plan_of(begun).is_holdout


def _days(session: Session, begun: ExperimentPlan, rules: Rules, now: datetime) -> list[Any]:
    plan = plan_of(begun)
    by_day: defaultdict[date, dict[str, Entry]] = defaultdict(dict)
    for whose, entry in entries_of(session, begun).items():
        by_day[rules.day_of(entry.at)][whose] = entry
    return [
        {"experiment": begun.name, "day": day, "variant": variant, "drawn": drawn}
        | _sums(found.tallies[variant])
        for day, entries in by_day.items()
        for found in [
            measure(session, plan, entries, now=now, currency=rules.currency, costs=rules.costs)
        ]
        for variant, drawn in found.drawn.items()
    ]


def _sums(tally: Tally) -> dict[str, Any]:
    return {
        "contacts": tally.contacts,
        "orderers": tally.orders.some,
        "orders": tally.orders.total,
        "orders_squared": tally.orders.squares,
        "revenue": tally.revenue.total,
        "revenue_squared": tally.revenue.squares,
    }


def _increment(
    plan: Plan, group: tuple[Any, ...], rows: Sequence[HoldoutDay], what: Increase
) -> Increment:
    measured = _added(plan, rows)
    seen = see(plan, measured)
    effects = seen.effects[TREATED]
    effect = effects.orders if what is Increase.ORDERS else effects.revenue
    without = ""
    if seen.mismatch_p < MISMATCH_P:
        effect, without = None, _NOT_AS_PLANNED
    elif effect is None:
        without = f"{NOT_YET}: too few have ordered"
    elif not effect.is_known:
        without = f"{NOT_YET}: between {effect.low:+,.2f} and {effect.high:+,.2f}"
    return Increment(
        group=group,
        contacts=measured.tallies[TREATED].contacts,
        effect=effect,
        may_grow=sum(measured.drawn.values()) > measured.contacts,
        without=without,
    )


def _added(plan: Plan, rows: Iterable[HoldoutDay]) -> Measured:
    """Add days up to what a measuring of all of them would have come to."""
    drawn = dict.fromkeys(plan.variants, 0)
    parts: dict[str, list[HoldoutDay]] = {name: [] for name in plan.variants}
    for row in rows:
        drawn[row.variant] += row.drawn
        parts[row.variant].append(row)
    return Measured(
        drawn=drawn,
        tallies={name: _tally(days) for name, days in parts.items()},
        foreign=0,
    )


def _tally(days: Sequence[HoldoutDay]) -> Tally:
    contacts, some = sum(day.contacts for day in days), sum(day.orderers for day in days)
    return Tally(
        clicks=_NOTHING,
        orders=Amounts(
            contacts=contacts,
            some=some,
            total=sum(day.orders for day in days),
            squares=sum(day.orders_squared for day in days),
        ),
        revenue=Amounts(
            contacts=contacts,
            some=some,
            total=sum(day.revenue for day in days),
            squares=sum(day.revenue_squared for day in days),
        ),
    )
