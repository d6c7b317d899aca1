"""What holdouts have shown: what came because of the e-mails, and would not have come without.

Nothing is said of a holdout whose lot did not do what it should.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.experiments.drawing import plan_of
from sekvens.experiments.intervals import Effect
from sekvens.experiments.judging import see
from sekvens.experiments.measuring import NO_COSTS, entries_of, measure
from sekvens.experiments.samples import MISMATCH_P
from sekvens.experiments.tables import ExperimentPlan


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What one holdout has shown since it began. Money is in the shop's currency."""

    flow: str | None  #: None: of all marketing
    since: datetime  #: shop time
    contacts: int  #: who were not held out, and whose time is over
    revenue: Effect | None  #: of all of them; None: too few have ordered for that to be known


def gains(
    session: Session, *, now: datetime, currency: str, costs: Mapping[str, Decimal] = NO_COSTS
) -> Iterator[Gain]:
    """Tell what each holdout has shown; `now` is shop time, `costs` are those of offers."""
    for begun in session.scalars(select(ExperimentPlan).order_by(ExperimentPlan.name)).all():
        plan = plan_of(begun)
        if not plan.is_holdout:
            continue
        entries = entries_of(session, begun)
        measured = measure(session, plan, entries, now=now, currency=currency, costs=costs)
        seen = see(plan, measured)
        if seen.mismatch_p < MISMATCH_P:
            continue
        for name, effects in seen.effects.items():
            contacts = seen.tallies[name].contacts
            yield Gain(
                flow=plan.flow,
                since=begun.began_at,
                contacts=contacts,
                revenue=effects.revenue and effects.revenue.times(contacts),
            )
