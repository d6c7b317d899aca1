"""What experiments and holdouts have come to, for people to read; nothing is decided by it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.experiments.drawing import plan_of
from sekvens.experiments.incentives import costs_of
from sekvens.experiments.judging import Seen, contacts_for, see
from sekvens.experiments.looking import last_look, named
from sekvens.experiments.measuring import Measured, entries_of, measure
from sekvens.experiments.plan import Plan
from sekvens.experiments.tables import Draw, ExperimentPlan, Look, Verdict
from sekvens.flows.codec import from_json
from sekvens.shop import Shop


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An experiment or a holdout in a line."""

    experiment: ExperimentPlan
    plan: Plan
    drawn: int  #: contacts who have drawn in the round that it is in
    look: Look | None  #: the newest planned one

    @property
    def verdict(self) -> Verdict:
        """What the newest look came to."""
        return Verdict.OPEN if self.look is None else Verdict(self.look.verdict)

    @property
    def looks_taken(self) -> int:
        """How many of the planned looks are over."""
        return 0 if self.look is None else self.look.number


@dataclass(frozen=True, kw_only=True)
class Results(Begun):
    """… and with its figures."""

    measured: Measured  #: as of now
    #: of an experiment what its newest look saw, of a holdout what is seen now; None: no look yet
    seen: Seen | None

    @property
    def next_look(self) -> int | None:
        """How many contacts must count for the next look; None: it is never, or no more, taken."""
        if self.plan.is_holdout or self.verdict != Verdict.OPEN:
            return None
        return contacts_for(self.plan, self.looks_taken + 1)


def listed(session: Session) -> list[Begun]:
    """List the experiments and holdouts that contacts have come to, by name."""
    counts = select(Draw.experiment, Draw.round, func.count()).group_by(Draw.experiment, Draw.round)
    drawn = {(name, number): count for name, number, count in session.execute(counts)}
    return [
        Begun(
            experiment=each,
            plan=plan_of(each),
            drawn=drawn.get((each.name, each.round), 0),
            look=last_look(session, each),
        )
        for each in session.scalars(select(ExperimentPlan).order_by(ExperimentPlan.name)).all()
    ]


def results(session: Session, name: str, *, now: datetime, shop: Shop) -> Results:
    """Read what one has come to; `now` is shop time.

    Raises:
        UnknownExperiment: nobody has come to one of this name.
    """
    begun = one(session, name)
    return with_figures(begun, measured(session, begun.experiment, now=now, shop=shop))


def one(session: Session, name: str) -> Begun:
    """Read how far one is, without its figures.

    Raises:
        UnknownExperiment: nobody has come to one of this name.
    """
    begun = named(session, name)
    drew = Draw.experiment == begun.name, Draw.round == begun.round
    return Begun(
        experiment=begun,
        plan=plan_of(begun),
        drawn=session.scalar(select(func.count()).select_from(Draw).where(*drew)) or 0,
        look=last_look(session, begun),
    )


def measured(session: Session, begun: ExperimentPlan, *, now: datetime, shop: Shop) -> Measured:
    """Measure one as of `now` (shop time): of 20,000 contacts that takes a second."""
    entries = entries_of(session, begun)
    return measure(
        session, plan_of(begun), entries, now=now, currency=shop.currency, costs=costs_of(shop)
    )


def with_figures(begun: Begun, measured: Measured) -> Results:
    """Put what was measured of one beside how far it is."""
    seen = None if begun.look is None else from_json(Seen, begun.look.seen)
    return Results(
        experiment=begun.experiment,
        plan=begun.plan,
        drawn=sum(measured.drawn.values()),
        look=begun.look,
        measured=measured,
        seen=see(begun.plan, measured) if begun.plan.is_holdout else seen,
    )
