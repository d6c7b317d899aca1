"""Looking: at the moments that the plan names, and at no others, an experiment may be decided.

A look is a row, written once. Whoever reads the figures in between takes none, and decides nothing.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.experiments.drawing import ROW_ONLY, plan_of
from sekvens.experiments.judging import Judgement, judge, look_due
from sekvens.experiments.measuring import NO_COSTS, entries_of, measure
from sekvens.experiments.tables import ExperimentPlan, ExperimentState, Look, Verdict
from sekvens.experiments.wire import LooksResult
from sekvens.flows.codec import to_json
from sekvens.flows.lots import EVERYTHING, TREATED
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Adoption

logger = logging.getLogger(__name__)


class NotDecided(SekvensError):
    """An experiment cannot be decided so."""


class UnknownExperiment(SekvensError):
    """Nobody has come to an experiment of this name."""


class Looker:
    """Takes the looks that are due; called by several at once, each is taken by one."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        currency: str,
        costs: Mapping[str, Decimal] = NO_COSTS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._shop_time = shop_time
        self._currency = currency
        self._costs = costs  #: of offers, beyond what an order's total lacks

    def look(self) -> LooksResult:
        """Look at every experiment whose next look is due."""
        with self._database.read() as session:
            running = select(ExperimentPlan.name).where(
                ExperimentPlan.state == ExperimentState.RUNNING
            )
            names = session.scalars(running.order_by(ExperimentPlan.name)).all()
        taken = {name: verdict for name in names if (verdict := self._look(name)) is not None}
        return LooksResult(verdicts=taken)

    def _look(self, name: str) -> str | None:
        now = self._shop_time.at(self._clock.now())
        with self._database.read() as session:
            begun = session.get_one(ExperimentPlan, name)
            plan, last = plan_of(begun), last_look(session, begun)
            if plan.is_holdout or (last is not None and last.verdict != Verdict.OPEN):
                return None
            entries = entries_of(session, begun)
            measured = measure(
                session, plan, entries, now=now, currency=self._currency, costs=self._costs
            )
        number = look_due(plan, measured.contacts)
        if number <= (0 if last is None else last.number):
            return None
        judgement = judge(plan, measured, look=number)
        with self._database.write() as session:
            written = self._write(session, begun, number, judgement, now)
        return judgement.verdict if written else None

    def _write(
        self,
        session: Session,
        seen: ExperimentPlan,
        number: int,
        judgement: Judgement,
        now: datetime,
    ) -> bool:
        """Write a look down, unless another has been quicker, or it is over; adopt the winner."""
        begun = session.get_one(ExperimentPlan, seen.name, with_for_update=ROW_ONLY)
        is_there = session.get(Look, (seen.name, seen.round, number)) is not None
        if is_there or begun.round != seen.round or begun.state != ExperimentState.RUNNING:
            return False
        session.add(
            Look(
                experiment=seen.name,
                round=seen.round,
                number=number,
                at=now,
                seen=to_json(judgement.seen),
                verdict=judgement.verdict,
                winner=judgement.winner,
            )
        )
        if judgement.winner is not None and plan_of(begun).adopt is Adoption.AUTO:
            _decide(begun, ExperimentState.ADOPTED, judgement.winner, by=None, now=now)
        logger.info(
            "experiment %s, look %d: %s", seen.name, number, judgement.verdict,
            extra={"action": "experiment_looked_at", "experiment": seen.name},
        )  # fmt: skip
        return True


def last_look(session: Session, begun: ExperimentPlan) -> Look | None:
    """Find the newest look of the round that an experiment is in."""
    query = select(Look).where(Look.experiment == begun.name, Look.round == begun.round)
    return session.scalars(query.order_by(Look.number.desc()).limit(1)).one_or_none()


def adopt(
    session: Session, name: str, variant: str, *, by: str, now: datetime, anyway: bool = False
) -> None:
    """Let a variant be the way for everybody who has not drawn; `now` is shop time.

    Raises:
        UnknownExperiment: there is none of this name.
        NotDecided: it is over, has no such variant, or no look has shown that it is better.
    """
    begun = _running(session, name)
    plan = plan_of(begun)
    if plan.is_holdout:
        raise NotDecided(f"{name} is a holdout, which is stopped and not adopted")
    if variant not in plan.variants:
        raise NotDecided(
            f"{name} has no variant {variant!r}: name one of {', '.join(plan.variants)}"
        )
    look = last_look(session, begun)
    if not anyway and (look is None or look.winner != variant):
        raise NotDecided(
            f"no planned look has shown that {variant} is better; --anyway adopts it all the same"
        )
    _decide(begun, ExperimentState.ADOPTED, variant, by=by, now=now)


def stop(session: Session, name: str, *, by: str, now: datetime) -> str:
    """Let nobody draw any more, and tell which variant they get instead; `now` is shop time.

    Raises:
        UnknownExperiment: there is none of this name.
        NotDecided: it is over, or the settings say what it does.
    """
    if name == EVERYTHING:
        raise NotDecided("set experiments.holdout = 0 in the settings: then nobody is held out")
    begun = _running(session, name)
    plan = plan_of(begun)
    variant = TREATED if plan.is_holdout else plan.first
    _decide(begun, ExperimentState.STOPPED, variant, by=by, now=now)
    return variant


def named(session: Session, name: str, *, to_change: bool = False) -> ExperimentPlan:
    """Find an experiment or a holdout, locked if it is to be changed.

    Raises:
        UnknownExperiment: nobody has come to one of this name.
    """
    begun = session.get(ExperimentPlan, name, with_for_update=ROW_ONLY if to_change else None)
    if begun is None:
        raise UnknownExperiment(
            f"nobody has come to an experiment {name!r}; `starter.py experiments list` lists them"
        )
    return begun


def _running(session: Session, name: str) -> ExperimentPlan:
    begun = named(session, name, to_change=True)
    if begun.state != ExperimentState.RUNNING:
        raise NotDecided(f"{name} is {begun.state} already, with {begun.adopted}")
    return begun


def _decide(
    begun: ExperimentPlan, state: ExperimentState, variant: str, *, by: str | None, now: datetime
) -> None:
    begun.state, begun.adopted = state, variant
    begun.decided_at, begun.decided_by = now, by
    logger.info(
        "experiment %s is %s with %s", begun.name, state, variant,
        extra={"action": "experiment_decided", "experiment": begun.name},
    )  # fmt: skip
