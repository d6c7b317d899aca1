"""What an enrollment hears: what an event has yet to do there, and the answers of a listen.

What a listen will answer is kept from wherever the enrollment stands, and answered once.
"""

from datetime import datetime

from sekvens.flows.commands import Command, SleepUntil
from sekvens.flows.graph import Graph
from sekvens.flows.state import State, changed, clock_text
from sekvens.flows.steps import Listen


def unseen(
    graph: Graph, state: State, event_id: str, matched: tuple[str, ...], seq: int | None
) -> tuple[str, ...]:
    """Leave what an event has yet to do here.

    A direct signal tells the event's name alone. What depends on more comes by the relay, which
    brings the same event, and does not do once more what the name alone has done.
    """
    if event_id not in state.recorded:
        wanted = graph.heard_of(bound=False)
    elif seq is not None:
        wanted = graph.heard_of(bound=True)
    else:
        return ()
    return tuple(key for key in matched if key in wanted)


def hear(graph: Graph, state: State, matched: tuple[str, ...], now: datetime) -> State:
    """Keep what a listen will answer, wherever the enrollment stands now."""
    for pattern in graph.answerable():
        if pattern.key in matched and pattern.key not in state.heard + state.answered:
            state = changed(state, heard=(*state.heard, pattern.key))
            state = state.note(now, f"heard {pattern.name}")
    return state


def listen(graph: Graph, state: State, step: Listen, now: datetime) -> tuple[State, Command | None]:
    """Answer the first that was heard; else listen on, or go on when it is over (no command)."""
    ends = state.listens_until or state.entered_at + step.lasts
    if state.listens_until is None:
        text = f"{step.id}: until {clock_text(ends)}"
        state = changed(state, listens_until=ends).note(now, text)
    cases = {case.pattern.key: case for case in step.cases}
    key = next((heard for heard in state.heard if heard in cases), None)
    if key is not None:
        state = changed(
            state,
            heard=tuple(heard for heard in state.heard if heard != key),
            answered=(*state.answered, key),
        )
        steps = cases[key].steps
        return state.move(steps[0].id if steps else step.id, now), None
    if now < ends and not cases.keys() <= set(state.answered):
        return changed(state, due_at=ends), SleepUntil(step_id=step.id, until=ends)
    state = changed(state, listens_until=None).note(now, f"{step.id}: over")
    return state.move(graph.following[step.id], now, owed_since=min(ends, now)), None
