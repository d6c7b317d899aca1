"""Modes: which of draft, manual and live counts for a step, and what to think of before.

It is pure. A flow's definition says what a version starts with; what a person has set since wins
over that, and is handed in.
"""

from collections.abc import Iterator, Mapping
from typing import TypeGuard

from sekvens.flows.definition import Flow
from sekvens.flows.known import Finding, Known
from sekvens.flows.steps import Deed, Mode, Purpose, Send, Step
from sekvens.flows.survey import every_step, sends

#: Stands for the flow itself among the ids of its steps.
WHOLE_FLOW = ""

_REACH = {mode: reach for reach, mode in enumerate(Mode)}


def mode_of(flow: Flow, step: Step | None, by_hand: Mapping[str, Mode]) -> Mode:
    """Tell the mode that counts for a step, or for a flow (None): of the two the stricter.

    `by_hand` is what people have set, by step id; `WHOLE_FLOW` is the flow's own.
    """
    of_flow = by_hand.get(WHOLE_FLOW, flow.mode)
    if step is None:
        return of_flow
    own = by_hand.get(step.id, step.mode if has_mode(step) else Mode.LIVE)
    return min(of_flow, own, key=_REACH.__getitem__)


def has_mode(step: Step) -> TypeGuard[Send | Deed]:
    """Tell whether a step reaches into the world: a wait, a split and an exit only lead there."""
    return isinstance(step, Send | Deed)


def may_have(step: Step, mode: Mode) -> bool:
    """Tell whether a step may have this mode: only messages wait for a person."""
    return isinstance(step, Send) or (has_mode(step) and mode is not Mode.MANUAL)


def faults(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find steps that a person would have to approve, and that send nothing."""
    for step in every_step(flow.steps):
        if has_mode(step) and not may_have(step, step.mode):
            yield step.id, "it is manual, and sends nothing", "Make it DRAFT or LIVE"


def cautions(flow: Flow, by_hand: Mapping[str, Mode]) -> list[str]:
    """List what is allowed and may surprise, a sentence for each: order mail that is held up."""
    held = [
        step.id
        for step in sends(flow)
        if flow.purpose_of(step) is Purpose.TRANSACTIONAL
        and mode_of(flow, step, by_hand) is Mode.MANUAL
    ]
    return [
        f"{flow.name}/{step_id} is transactional and manual: whoever waits for it waits until "
        "somebody approves it"
        for step_id in held
    ]
