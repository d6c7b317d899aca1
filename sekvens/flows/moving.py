"""Moving an enrollment to another version of its flow, in the middle of its passage.

It is pure, as the interpreter is, and total: whatever the versions are, the enrollment lands on a
step of the new one or at its end. Nothing that has been heard, answered or told is forgotten.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph, branches
from sekvens.flows.state import State, Stood, changed, clock_text
from sekvens.flows.steps import Listen, Step, Wait, WaitFor
from sekvens.flows.survey import every_step


class Policy(StrEnum):
    """What a new version does to those under way. Persisted: members are never renamed."""

    FINISH_OLD = "finish_old"  #: they go on by the version that they entered with
    #: they go on by the new version; a wait that runs ends as it would have
    MOVE_AT_NEXT_STEP = "move_at_next_step"
    #: they go on by the new version; a wait that runs is counted anew from when it began
    RECOMPUTE_WAITS = "recompute_waits"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """On which terms enrollments are moved to a version."""

    policy: Policy
    #: where to go on from a step that the new version has no more; None: at the end
    successors: Mapping[str, str | None] = field(default_factory=dict)
    undoes: bool = False  #: who has not gone on since the last move stands as before it


def move(old: Graph, new: Graph, state: State, terms: Terms, now: datetime) -> State:
    """Go on by another version from here: the same step stays, one that is gone has a successor.

    What was parked is tried again: a new version is a person's answer to it.
    """
    if state.exit is not None:
        return state
    stood = None if state.step is None else _stood(state)
    if terms.undoes and state.stood is not None and _returns(old, new, state.stood.step):
        state = _stand_again(new, state, state.stood, now)
    else:
        state = _walk_over(old, new, state, terms, now)
    state = changed(state, parked=None, parked_code=None, stood=stood)
    where = "behind the last step" if state.step is None else f"at {state.step}"
    return state.note(now, f"moved to {new.flow.name} v{new.flow.version}, {where}")


def landing(
    old: Graph, new: Graph, step_id: str | None, successors: Mapping[str, str | None]
) -> str | None:
    """Name the step of the new version at which to go on; None: behind the last.

    The same step, if it is there and of the same kind; else its successor; else the next step of
    the old version that the new one has.
    """
    named = False
    while step_id is not None and not is_same(old, new, step_id):
        if not named and step_id in successors:
            successor = successors[step_id]
            if successor is None or successor in new.steps:
                return successor
            named = True
        step_id = old.following.get(step_id)
    return step_id


def is_same(old: Graph, new: Graph, step_id: str) -> bool:
    """Tell whether a step is in both versions: of one id, and of one kind."""
    before, after = old.steps.get(step_id), new.steps.get(step_id)
    return before is not None and type(before) is type(after)


def removed(old: Graph, new: Graph) -> list[str]:
    """List the steps of the old version that the new one has no more, as they come."""
    return [step_id for step_id in old.steps if not is_same(old, new, step_id)]


def all_successors(versions: Iterable[Flow]) -> dict[str, str | None]:
    """Put together the successors that versions name, the oldest version first.

    A successor that a later version removed in turn leads on to its own.
    """
    found: dict[str, str | None] = {}
    for flow in versions:
        given = dict(flow.successors)
        there = {step.id for step in every_step(flow.steps)}
        for step_id, successor in found.items():
            if successor is not None and successor not in there and successor in given:
                found[step_id] = given[successor]
        found |= given
    return found


def length_of(step: Step | None) -> timedelta | None:
    """Tell how long a step waits when nothing happens, times of day aside; None: it does not."""
    match step:
        case Wait():
            return step.duration
        case WaitFor():
            return step.timeout
        case Listen():
            return step.lasts
        case _:
            return None


def counts_from(graph: Graph, state: State) -> datetime:
    """Tell the instant (shop time) from which the step that it stands at counts its time."""
    if state.held_until is not None:
        return state.held_until
    length = length_of(graph.steps.get(state.step or ""))
    if length is None or state.due_at is None:
        return state.entered_at
    return state.due_at - length


def listen_around(graph: Graph, step_id: str | None) -> Listen | None:
    """Find the listen that a step is, or is an answer of."""
    for step in graph.steps.values():
        if isinstance(step, Listen):
            inside = [inner.id for way in branches(step) for inner in every_step(way)]
            if step_id in (step.id, *inside):
                return step
    return None


def _walk_over(old: Graph, new: Graph, state: State, terms: Terms, now: datetime) -> State:
    at = state.step
    if at is None:
        return state
    target = landing(old, new, at, terms.successors)
    before, after = old.steps.get(at), new.steps.get(target or "")
    is_over = terms.policy is Policy.RECOMPUTE_WAITS or after is None
    ends = None if is_over else _end_of_wait(before, state)
    state = _keep_listening(old, new, state, target, terms, now)
    if is_same(old, new, at) or _is_renamed(before, after):
        return _recount(before, after, changed(state, step=target), terms, now)
    if ends is None or ends <= now:
        return state.move(target, now)
    # The wait that runs has no step any more: it ends all the same, and then comes the successor.
    held = changed(state.move(target, now, owed_since=ends), held_until=ends)
    return held.note(now, f"{at}: until {clock_text(ends)}, then {target}")


def _is_renamed(before: Step | None, after: Step | None) -> bool:
    """Tell whether a wait goes on under the name of another: then its time is not counted twice."""
    waits = isinstance(before, Wait | WaitFor) and isinstance(after, Wait | WaitFor)
    return waits or (isinstance(before, Listen) and isinstance(after, Listen))


def _recount(
    before: Step | None, after: Step | None, state: State, terms: Terms, now: datetime
) -> State:
    """Count a wait that runs anew, if the new version gives it another time."""
    if terms.policy is not Policy.RECOMPUTE_WAITS or state.due_at is None:
        return state
    length = length_of(after)
    if length is None or isinstance(after, Listen) or _timing(before) == _timing(after):
        return state
    return _count(state, after, state.entered_at, length, now)


def _count(
    state: State, step: Step | None, began: datetime, length: timedelta, now: datetime
) -> State:
    if isinstance(step, Wait) and step.until is not None:
        # It is asked again, and no moment that has passed is an answer.
        return changed(state, entered_at=max(began, now - length), due_at=None)
    # Who should have gone on long ago goes on now, and is not late: nobody had said so then.
    ends = max(began + length, now)
    return changed(state, due_at=ends).note(now, f"{state.step}: until {clock_text(ends)}")


def _timing(step: Step | None) -> tuple[object, ...]:
    return (length_of(step), step.until if isinstance(step, Wait) else None)


def _end_of_wait(step: Step | None, state: State) -> datetime | None:
    """Tell when a wait that runs ends; None: it has no end yet, or it is none."""
    if state.held_until is not None:
        return state.held_until
    if isinstance(step, Listen):
        return state.listens_until
    return state.due_at if isinstance(step, Wait | WaitFor) else None


def _keep_listening(
    old: Graph, new: Graph, state: State, target: str | None, terms: Terms, now: datetime
) -> State:
    """Let a listen that it stands in last as long as it is to, or be over where it is left."""
    if state.listens_until is None:
        return state
    before, after = listen_around(old, state.step), listen_around(new, target)
    ends = None if after is None else state.listens_until
    if ends and before and after and terms.policy is Policy.RECOMPUTE_WAITS:
        longer = after.lasts - before.lasts
        ends = max(ends + longer, now) if longer else ends
    return changed(state, listens_until=ends)


def _stood(state: State) -> Stood:
    return Stood(
        step=state.step or "",
        entered_at=state.entered_at,
        due_at=state.due_at,
        owed_since=state.owed_since,
        held_until=state.held_until,
        listens_until=state.listens_until,
    )


def _returns(old: Graph, new: Graph, step_id: str) -> bool:
    """Tell whether an undo finds the step again that it stood at before."""
    return step_id in new.steps and (step_id not in old.steps or is_same(old, new, step_id))


def _stand_again(new: Graph, state: State, stood: Stood, now: datetime) -> State:
    """Stand as before the last move; what would have been over by now is over now."""
    state = changed(
        state,
        step=stood.step,
        entered_at=stood.entered_at,
        due_at=stood.due_at,
        owed_since=stood.owed_since,
        held_until=stood.held_until,
        listens_until=stood.listens_until,
    )
    step = new.steps[stood.step]
    if stood.due_at is None or stood.due_at > now or not isinstance(step, Wait | WaitFor):
        return state
    length = length_of(step) or timedelta(0)
    return _count(state, step, stood.entered_at, length, now)
