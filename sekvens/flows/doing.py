"""What an enrollment is at, in one sentence for a person."""

from datetime import datetime

from sekvens.flows.graph import Graph
from sekvens.flows.state import State, clock_text
from sekvens.flows.steps import ExitFlow, Experiment, Listen, Send, Split, Step, Wait, WaitFor


def doing(graph: Graph, state: State, now: datetime) -> str:
    """Say in one sentence what an enrollment is at, for the Temporal UI and `starter.py show`."""
    if state.exit is not None:
        return f"ended: {state.exit}"
    if state.parked is not None:
        return f"parked: {state.parked}. Signal retry, skip or exit."
    step = graph.steps.get(state.step or "")
    if step is not None and state.held_until is not None and now < state.held_until:
        return f"waits until {clock_text(state.held_until)} UTC, then goes on at {step.id}"
    until = "" if state.due_at is None else f" until {clock_text(state.due_at)} UTC"
    is_held = state.due_at is not None and now < state.due_at
    if isinstance(step, Listen):
        awaited = [case.pattern for case in step.cases if case.pattern.key not in state.answered]
        names = dict.fromkeys(pattern.name for pattern in awaited)
        return f"listens in {step.id} for {' or '.join(names)}{until}"
    return _at(step, until, is_held=is_held)


def _at(step: Step | None, until: str, *, is_held: bool) -> str:
    match step:
        case WaitFor():
            return f"waits in {step.id} for {step.pattern.name}{until}"
        case Wait():
            return f"waits in {step.id}{until}"
        case None:
            return "ends"
        case Split() | Experiment() | ExitFlow():
            return f"decides at {step.id}"
        case _ if is_held:
            return f"holds {step.id}{until}"
        case Send():
            return f"sends {step.id}"
        case _:
            return f"carries out {step.id}"
