"""What a look sees and what follows from it, by the plan. Pure.

Several variants are each compared with the first, and share what may go wrong. Until the last look
an interval is as wide as the bound of its look, so that it holds however often one has looked.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sekvens.experiments import intervals
from sekvens.experiments.bounds import bound
from sekvens.experiments.intervals import ORDERERS_MIN, SCORE, Effect
from sekvens.experiments.measuring import Measured, Tally
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import MISMATCH_P, alpha_of_each, mismatch
from sekvens.experiments.tables import Verdict
from sekvens.flows.steps import Measure


@dataclass(frozen=True, kw_only=True)
class Effects:
    """How much more the contacts of a variant do than those of the first; None: not yet known."""

    clicks: Effect | None  #: in the share of contacts who click
    orderers: Effect | None  #: in the share of contacts who order
    orders: Effect | None  #: in orders per contact
    revenue: Effect | None  #: in revenue per contact
    kind: Literal["effects"] = "effects"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look saw."""

    drawn: Mapping[str, int]
    tallies: Mapping[str, Tally]
    effects: Mapping[str, Effects]  #: of each variant but the first
    scores: Mapping[str, float]  #: by what the plan measures, in standard errors
    bound: float  #: beyond which a score shows a difference
    mismatch_p: float
    foreign: int = 0
    kind: Literal["seen"] = "seen"


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a look came to."""

    seen: Seen
    verdict: Verdict
    winner: str | None = None


def look_due(plan: Plan, contacts: int) -> int:
    """Tell which look so many contacts are enough for; 0: not even for the first."""
    return min(plan.looks, contacts * plan.looks // (plan.contacts or 1)) if plan.contacts else 0


def contacts_for(plan: Plan, look: int) -> int:
    """Tell how many contacts must count for a look."""
    return math.ceil(look * (plan.contacts or 0) / plan.looks)


def judge(plan: Plan, measured: Measured, *, look: int) -> Judgement:
    """Judge an experiment at one of its planned looks."""
    limit = bound(look, plan.looks, alpha_of_each(len(plan.weights)))
    seen = see(plan, measured, score=limit)
    if seen.mismatch_p < MISMATCH_P:
        return Judgement(seen=seen, verdict=Verdict.MISMATCH)
    winner = _winner(plan, seen)
    if winner is not None:
        return Judgement(seen=seen, verdict=Verdict.WON, winner=winner)
    return Judgement(seen=seen, verdict=Verdict.NO_WINNER if look == plan.looks else Verdict.OPEN)


def see(plan: Plan, measured: Measured, *, score: float = SCORE) -> Seen:
    """See what an experiment or a holdout has come to, with intervals of this score."""
    first = measured.tallies[plan.first]
    others = {name: measured.tallies[name] for name in plan.others}
    return Seen(
        drawn=measured.drawn,
        tallies=measured.tallies,
        effects={name: _effects(first, tally, score) for name, tally in others.items()},
        scores={name: _score(plan.measure, first, tally) for name, tally in others.items()},
        bound=score,
        mismatch_p=mismatch(measured.drawn, plan.weights),
        foreign=measured.foreign,
    )


def _winner(plan: Plan, seen: Seen) -> str | None:
    """Name the variant that is shown to be better: than the first, or the first than all others."""
    best = max(plan.others, key=lambda name: seen.scores[name])
    if seen.scores[best] >= seen.bound:
        return best
    return plan.first if all(z <= -seen.bound for z in seen.scores.values()) else None


def _effects(first: Tally, other: Tally, score: float) -> Effects:
    return Effects(
        clicks=intervals.shares(first.clicks, other.clicks, score=score),
        orderers=intervals.shares(first.orders, other.orders, score=score),
        orders=intervals.means(first.orders, other.orders, score=score),
        revenue=intervals.means(first.revenue, other.revenue, score=score),
    )


def _score(measure: Measure, first: Tally, other: Tally) -> float:
    """Tell how far apart two variants are; too few who did anything are not apart at all."""
    pair = (first.orders, other.orders)
    if measure is Measure.CLICKS:
        pair = (first.clicks, other.clicks)
    if 0 in (first.contacts, other.contacts) or sum(each.some for each in pair) < ORDERERS_MIN:
        return 0.0
    if measure is not Measure.REVENUE:
        return intervals.score_of_shares(*pair)
    if intervals.orderers(*pair) < ORDERERS_MIN:
        return 0.0
    return intervals.score_of_means(first.revenue, other.revenue)
