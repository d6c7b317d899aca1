"""Beginning in the middle: where a passage that nobody has lived would stand by now; pure.

Nothing was sent or done on the way there, and nothing of it is made up for.
"""

from dataclasses import fields, replace
from datetime import datetime

from sekvens.flows.graph import Graph
from sekvens.flows.state import State
from sekvens.flows.steps import Date, Wait


def join(graph: Graph, state: State, now: datetime) -> State:
    """Begin at the step where a passage in memory stands at `now` (shop time)."""
    # The state of a story may be of a kind that keeps no journal: what begins has one.
    stood = {each.name: getattr(state, each.name) for each in fields(State)}
    state = replace(
        State(**stood), seq=0, recorded=(), told=(), skip=False, parked=None, parked_code=None,
        stood=None, journal=(),
    )  # fmt: skip
    step = graph.steps.get(state.step or "")
    if isinstance(step, Wait) and isinstance(step.until, Date):
        # Only the facts know the day: it is asked for again, and no day that has passed is one.
        state = replace(state, entered_at=max(state.entered_at, now - step.duration), due_at=None)
    text = f"enrolled in {graph.flow.name} v{graph.flow.version}, at {state.step}"
    return state.note(now, text)
