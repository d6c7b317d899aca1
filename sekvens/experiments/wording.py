"""Experiments and holdouts in words: what is known, how surely, and what is not.

A sentence never says more than its interval does. Where that holds nothing and something, it says
that it is not yet known.
"""

from collections.abc import Iterator

from sekvens.experiments import intervals
from sekvens.experiments.intervals import ORDERERS_MIN, Effect
from sekvens.experiments.judging import Effects, Seen, contacts_for
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import MISMATCH_P
from sekvens.experiments.tables import Look, Verdict
from sekvens.flows.durations import in_words
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.steps import Measure
from sekvens.flows.wording import share_in_words

NOT_YET = "not yet known"


def verdict_in_words(look: Look | None) -> str:
    """Say what the newest look came to, if there has been one."""
    if look is None or look.verdict == Verdict.OPEN:
        return NOT_YET
    if look.verdict == Verdict.WON:
        return f"{look.winner} is better"
    if look.verdict == Verdict.NO_WINNER:
        return "all looks are over, and none is shown to be better"
    return "the variants are not drawn as often as planned: nothing here is to be believed"


def next_look_in_words(plan: Plan, look: Look | None, contacts: int) -> str:
    """Say when it may be decided next, of an experiment that is not."""
    due = contacts_for(plan, 1 if look is None else look.number + 1)
    return f"The next look is due when {due:,} contacts count; {contacts:,} do."


def plan_in_words(plan: Plan) -> str:
    """Say what is compared, and when it is decided."""
    drawn = ", ".join(f"{name} {share_in_words(plan.share(name))}" for name in plan.variants)
    counted = f"what contacts do within {in_words(plan.within)} of their draw counts"
    if plan.is_holdout:
        return f"{drawn}; {counted}; it is never decided"
    looks = "look" if plan.looks == 1 else "looks"
    return (
        f"{drawn}; by {plan.measure}; {plan.contacts:,} contacts, {plan.looks} {looks}; {counted}"
    )


def effects_in_words(plan: Plan, seen: Seen, *, currency: str) -> Iterator[str]:
    """Say how the others differ from the first variant, a line for each thing that is counted."""
    if seen.mismatch_p < MISMATCH_P:
        yield (
            "The variants are not drawn as often as planned (chance would do so less than once in "
            f"{round(1 / MISMATCH_P):,} times): something keeps contacts out of one of them."
        )
        return
    for name, effects in seen.effects.items():
        yield f"{name}, compared with {plan.first}:"
        yield from (f"  {line}" for line in _lines(plan, effects, currency))


def gained_in_words(seen: Seen, *, currency: str) -> Iterator[str]:
    """Say what a flow, or all marketing, has brought that would not have come without it.

    Nothing, if the lot did not do what it should: `effects_in_words` says so.
    """
    if seen.mismatch_p < MISMATCH_P:
        return
    for name, effects in seen.effects.items():
        contacts = seen.tallies[name].contacts
        yield f"Of the {contacts:,} contacts who were not held out, because of it:"
        orders = effects.orders and effects.orders.times(contacts)
        revenue = effects.revenue and effects.revenue.times(contacts)
        yield f"  orders: {_amount(orders, '')}"
        yield f"  revenue: {_amount(revenue, ' ' + currency)}"
        few = intervals.orderers(seen.tallies[HOLDOUT].orders, seen.tallies[name].orders)
        if few < ORDERERS_MIN:
            yield (
                f"  At this rate {few:.0f} contacts of the smaller group have ordered: "
                f"{ORDERERS_MIN} are needed."
            )


def honesty_in_words(plan: Plan, *, is_decided: bool) -> str:
    """Say how to read the intervals."""
    if plan.is_holdout:
        return (
            "Each interval is right 19 times in 20, if it is read once. Whoever reads it each day "
            "and stops at the first good one will be wrong more often."
        )
    if is_decided:
        return (
            "The intervals allow for all looks together: of what decides, 19 times in 20 all of "
            "them are right."
        )
    return (
        "The intervals are those of the newest planned look, and allow for all of them. They are "
        "wide in the beginning on purpose. To read them changes nothing."
    )


def _lines(plan: Plan, effects: Effects, currency: str) -> Iterator[str]:
    decides = {} if plan.is_holdout else {plan.measure: " (this decides)"}
    if not plan.is_holdout:
        yield f"who click: {_points(effects.clicks)}{decides.get(Measure.CLICKS, '')}"
    yield f"who order: {_points(effects.orderers)}{decides.get(Measure.ORDERS, '')}"
    revenue = _amount(effects.revenue, f" {currency} a contact")
    yield f"revenue: {revenue}{decides.get(Measure.REVENUE, '')}"


def _points(effect: Effect | None) -> str:
    if effect is None:
        return NOT_YET
    low, value, high = (100 * each for each in (effect.low, effect.value, effect.high))
    limits = f"between {low:+.2f} and {high:+.2f} points"
    return f"{value:+.2f} points, {limits}" if effect.is_known else f"{NOT_YET}, {limits}"


def _amount(effect: Effect | None, unit: str) -> str:
    if effect is None:
        return f"{NOT_YET}: too few have ordered"
    limits = f"between {effect.low:+,.1f} and {effect.high:+,.1f}{unit}"
    return f"{effect.value:+,.1f}, {limits}" if effect.is_known else f"{NOT_YET}, {limits}"
