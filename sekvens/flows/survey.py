"""Ways to go through a flow: every step, every event it names, every stretch of time in it."""

from collections.abc import Iterator
from datetime import timedelta

from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EventPattern,
    Happened,
    InSegment,
    Not,
)
from sekvens.flows.definition import Audience, Flow
from sekvens.flows.graph import branches
from sekvens.flows.steps import (
    AnniversaryOf,
    DateOf,
    Experiment,
    Listen,
    OfferEnd,
    Rest,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)


def every_step(steps: tuple[Step, ...]) -> Iterator[Step]:
    """Go through steps and those in their branches, repeated ids included."""
    for step in steps:
        yield step
        for branch in branches(step):
            yield from every_step(branch)


def sends(flow: Flow) -> Iterator[Send]:
    """Go through the sends."""
    return (step for step in every_step(flow.steps) if isinstance(step, Send))


def of_no_day(flow: Flow) -> frozenset[str]:
    """Name the steps of which no day can be told: the facts know it, or it is when it happens."""
    return frozenset(_of_no_day(flow.steps, is_known=True))


def variants_around(steps: tuple[Step, ...]) -> dict[str, frozenset[tuple[str, str]]]:
    """Tell of each step in which variants of which experiments it stands."""
    return dict(_variants_around(steps, frozenset()))


def heard(flow: Flow) -> Iterator[tuple[str, EventPattern]]:
    """Go through the events that steps listen for."""
    for step in every_step(flow.steps):
        if isinstance(step, Wait):
            yield from ((step.id, pattern) for pattern in step.restart_on)
        elif isinstance(step, WaitFor):
            yield step.id, step.pattern
        elif isinstance(step, Listen):
            yield from ((step.id, case.pattern) for case in step.cases)


def asked(flow: Flow) -> Iterator[tuple[str | None, Happened]]:
    """Go through what the flow's own conditions and the splits ask about events."""
    for step_id, condition in conditions(flow):
        if isinstance(condition, Happened):
            yield step_id, condition


def conditions(flow: Flow) -> Iterator[tuple[str | None, Condition]]:
    """Go through every single thing that the flow's own conditions and the splits ask."""
    own = [*flow.trigger_when, *flow.entry, *flow.stay_while]
    if isinstance(flow.trigger, Audience):
        own.extend(flow.trigger.conditions)
    yield from ((None, leaf) for condition in own for leaf in leaves(condition))
    for step in every_step(flow.steps):
        if isinstance(step, Split):
            for case in step.cases:
                yield from ((step.id, leaf) for leaf in leaves(case.condition))


def leaves(condition: Condition) -> Iterator[Condition]:
    """Go through every single thing that a condition asks."""
    match condition:
        case Not() | InSegment():
            yield from leaves(condition.condition)
        case AllOf() | AnyOf():
            for each in condition.conditions:
                yield from leaves(each)
        case _:
            yield condition


def patterns(flow: Flow) -> Iterator[tuple[str | None, EventPattern]]:
    """Go through every event that the flow names, with the step that does."""
    if isinstance(flow.trigger, EventPattern):
        yield None, flow.trigger
    yield from ((None, rule.pattern) for rule in flow.exit_when)
    if flow.goal is not None:
        yield None, flow.goal.pattern
    yield from heard(flow)
    for step in every_step(flow.steps):
        if isinstance(step, Wait) and isinstance(step.until, AnniversaryOf):
            yield step.id, step.until.pattern
    yield from ((step_id, condition.pattern) for step_id, condition in asked(flow))


def stretches(flow: Flow) -> Iterator[tuple[str | None, str, timedelta]]:
    """Go through every stretch of time that has to be positive, with its name."""
    yield None, "trigger_age_max", flow.trigger_age_max
    if flow.goal is not None:
        yield None, "the time within which the goal counts", flow.goal.within
    if flow.reentry.rule == "after":
        yield None, "the gap before re-entry", flow.reentry.gap
    for step_id, condition in asked(flow):
        if condition.within is not None:
            yield step_id, "the time that a condition looks back", condition.within
    for step in every_step(flow.steps):
        yield from ((step.id, name, length) for name, length in _stretches(step))


def _variants_around(
    steps: tuple[Step, ...], around: frozenset[tuple[str, str]]
) -> Iterator[tuple[str, frozenset[tuple[str, str]]]]:
    for step in steps:
        yield step.id, around
        if isinstance(step, Experiment):
            for variant in step.variants:
                yield from _variants_around(variant.steps, around | {(step.id, variant.name)})
            continue
        for branch in branches(step):
            yield from _variants_around(branch, around)


def _of_no_day(steps: tuple[Step, ...], *, is_known: bool) -> Iterator[str]:
    for step in steps:
        if not is_known:
            yield step.id
        for branch in branches(step):
            yield from _of_no_day(branch, is_known=is_known and not isinstance(step, Listen))
        if isinstance(step, Wait) and isinstance(step.until, DateOf | AnniversaryOf | OfferEnd):
            is_known = False


def _stretches(step: Step) -> Iterator[tuple[str, timedelta]]:
    match step:
        case Wait() if step.until is None or step.duration < timedelta(0):
            yield "its duration", step.duration
        case WaitFor():
            yield "its timeout", step.timeout
        case Listen():
            yield "how long it lasts", step.lasts
        case Rest():
            yield "its duration", step.duration
        case Send() if step.lateness_max is not None:
            yield "lateness_max", step.lateness_max
