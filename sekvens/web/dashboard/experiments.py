"""Experiments and holdouts: what is known of each, how surely, and adopting a winner.

Nothing is said more surely than its interval says it, and to look changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from sekvens.experiments import intervals, looking
from sekvens.experiments.intervals import ORDERERS_MIN, Effect
from sekvens.experiments.judging import Effects, Seen
from sekvens.experiments.looking import UnknownExperiment
from sekvens.experiments.measuring import Measured
from sekvens.experiments.plan import Plan
from sekvens.experiments.reading import Begun, listed, measured, one, with_figures
from sekvens.experiments.samples import MISMATCH_P
from sekvens.experiments.tables import ExperimentPlan, ExperimentState, Verdict
from sekvens.flows.shop_time import DAY
from sekvens.flows.steps import Measure
from sekvens.staff.tables import Role
from sekvens.web.dashboard.action import Action, Prospect, Refused
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.bands import Band, band
from sekvens.web.dashboard.kept import Kept
from sekvens.web.dashboard.page import Page

#: Experiments of one page.
SHOWN: Final = 50


def _measure(house: House, session: Session, asked: Asked, of: str) -> Measured:
    begun = session.get_one(ExperimentPlan, of.rpartition(" ")[0])
    return measured(session, begun, now=asked.shop_now, shop=house.settings.shop)


#: By name and round.
_MEASURED: Final = Kept(_measure)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One thing that is counted, of one variant held against the first."""

    what: str  #: `clicks`, `orders`, `revenue`; of a holdout also `gained_orders` and so on
    decides: bool
    effect: Effect | None  #: None: not yet known
    band: Band | None


@dataclass(frozen=True, kw_only=True)
class Against:
    """One variant, held against the first."""

    variant: str
    compared: tuple[Compared, ...]
    #: of a holdout: contacts of the smaller group who have ordered, at this rate
    orderers: float
    too_few: bool


def show_list(_house: House, session: Session, asked: Asked) -> Mapping[str, object]:
    """List experiments, those that run first, and holdouts apart from them."""
    first = asked.number("from", digits=5) or 0
    found = listed(session)
    experiments = sorted(
        (each for each in found if not each.plan.is_holdout),
        key=lambda each: each.experiment.state != ExperimentState.RUNNING,
    )
    shown = experiments[first : first + SHOWN]
    return {
        "experiments": shown,
        "experiments_count": len(experiments),
        "next": first + SHOWN if first + SHOWN < len(experiments) else None,
        "holdouts": [each for each in found if each.plan.is_holdout],
    }


def show(house: House, session: Session, asked: Asked) -> Mapping[str, object] | None:
    """Tell what one has come to."""
    try:
        begun = one(session, asked.path["name"])
    except UnknownExperiment:
        return None
    experiment = begun.experiment
    of = f"{experiment.name} {experiment.round}"
    found = with_figures(begun, _MEASURED.answer(house, session, asked, of))
    seen = found.seen
    is_mismatch = seen is not None and seen.mismatch_p < MISMATCH_P
    running = experiment.state == ExperimentState.RUNNING
    return {
        "found": found,
        "plan": found.plan,
        "experiment": experiment,
        "within_days": found.plan.within / DAY,
        "known": known(found),
        "is_mismatch": is_mismatch,
        "against": [] if seen is None or is_mismatch else _against(found.plan, seen),
        "next_look": found.next_look if running else None,
        "adoptable": _adoptable(found) if running and not found.plan.is_holdout else (),
        "winner": found.look.winner if found.look else None,
    }


def known(found: Begun) -> str:
    """Tell the key of the sentence that says what is known."""
    if found.plan.is_holdout:
        return "known_holdout"
    return f"known_{found.verdict.value}"


def _adoptable(found: Begun) -> tuple[str, ...]:
    """List the variants that a person may adopt: a winner alone, where one has been shown."""
    if found.verdict == Verdict.WON and found.look is not None and found.look.winner:
        return (found.look.winner,)
    return found.plan.variants


def _against(plan: Plan, seen: Seen) -> list[Against]:
    return [_one(plan, seen, name, effects) for name, effects in seen.effects.items()]


def _one(plan: Plan, seen: Seen, name: str, effects: Effects) -> Against:
    shown: dict[str, Effect | None] = {
        Measure.CLICKS.value: effects.clicks,
        Measure.ORDERS.value: effects.orderers,
        Measure.REVENUE.value: effects.revenue,
    }
    if plan.is_holdout:
        contacts = seen.tallies[name].contacts
        shown = {
            "gained_orders": effects.orders and effects.orders.times(contacts),
            "gained_revenue": effects.revenue and effects.revenue.times(contacts),
            Measure.ORDERS.value: effects.orderers,
        }
    few = intervals.orderers(seen.tallies[plan.first].orders, seen.tallies[name].orders)
    return Against(
        variant=name,
        compared=tuple(
            Compared(
                what=what,
                decides=not plan.is_holdout and what == plan.measure.value,
                effect=effect,
                band=band(effect) if effect is not None else None,
            )
            for what, effect in shown.items()
        ),
        orderers=few,
        too_few=few < ORDERERS_MIN,
    )


def look_at_adopting(_house: House, session: Session, asked: Asked) -> Prospect | Refused:
    """Say what it would mean that a variant is adopted, and whether a look has shown it."""
    name, variant = asked.query.get("experiment", ""), asked.query.get("variant", "")
    try:
        found = one(session, name)
    except UnknownExperiment:
        return Refused(says=asked.t.unknown)
    is_open = found.experiment.state == ExperimentState.RUNNING and not found.plan.is_holdout
    if not is_open or variant not in found.plan.variants:
        return Refused(says=asked.t("not_adoptable", name=name, variant=_said(asked, variant)))
    is_shown = found.look is not None and found.look.winner == variant
    if not is_shown and asked.query.get("anyway") != "yes":
        return Refused(says=asked.t("not_shown", variant=_said(asked, variant)))
    key = "will_adopt" if is_shown else "will_adopt_anyway"
    says = asked.t(key, n=found.drawn, variant=_said(asked, variant), name=name)
    return Prospect(says=says, count=found.drawn)


def adopt(house: House, asked: Asked) -> str:
    """Let a variant be the way for everybody who has not drawn."""
    name, variant = asked.query["experiment"], asked.query["variant"]
    with house.database.write() as session:
        looking.adopt(
            session,
            name,
            variant,
            by=asked.who.name,
            now=asked.shop_now,
            anyway=asked.query.get("anyway") == "yes",
        )
    return asked.t("adopted", name=name, variant=_said(asked, variant))


def _said(asked: Asked, variant: str) -> str:
    return asked.t.of("variant", variant)


EXPERIMENTS = Page(
    path="/staff/experiments", name="experiments", section="experiments", show=show_list,
    live=("experiments",),
)  # fmt: skip
#: Names of experiments have a slash: `cart-abandonment/subject`.
EXPERIMENT = Page(
    path="/staff/experiments/{name:path}", name="experiment", section="experiments", show=show
)
ADOPT = Action(
    name="adopt-variant",
    words="experiment",
    role=Role.EDITOR,
    look=look_at_adopting,
    do=adopt,
    on=("experiment", "variant", "anyway"),
)
