"""What each holdout has shown since it began, as metrics tell it: what came of the e-mails."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy.orm import Session

from sekvens.experiments.intervals import Effect
from sekvens.experiments.tables import ExperimentPlan
from sekvens.flows.lots import EVERYTHING
from sekvens.metrics.definitions import Increase
from sekvens.metrics.increments import increments
from sekvens.metrics.reading import Asked

_METRIC: Final = "incremental-revenue"


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What one holdout has shown. Money is in the shop's currency."""

    flow: str | None  #: None: of all marketing
    since: datetime  #: shop time
    contacts: int  #: who were not held out, and whose time is over
    revenue: Effect | None  #: of all of them; None: it is not known


def gains(session: Session, *, until: date) -> Iterator[Gain]:
    """Tell what holdouts have shown of those who were drawn before a day of the shop."""
    for by in ((), ("flow",)):
        asked = Asked(names=(_METRIC,), since=date.min, until=until, by=by)
        for each in increments(session, asked, Increase.REVENUE):
            flow = each.group[0] if by else None
            begun = session.get_one(ExperimentPlan, flow or EVERYTHING)
            yield Gain(
                flow=flow,
                since=begun.began_at,
                contacts=each.contacts,
                revenue=each.effect and each.effect.times(each.contacts),
            )
