"""The interpreter: what an enrollment does next, and what a new fact makes of it.

It is pure. Time is an argument, facts are asked for (`Ask`), and nothing here knows Temporal, a
database or a clock. Its two drivers, the Temporal workflow and the simulator, do what a command
says and report back by `see`, `answer`, `settle` and `operate`; then they ask `decide` again.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, TypeAlias, assert_never

from sekvens.flows.conditions import Condition
from sekvens.flows.graph import Graph
from sekvens.flows.outcomes import Deferred, InDoubt, Outcome, Parked, Sent, Skipped
from sekvens.flows.state import State, clock_text
from sekvens.flows.steps import (
    ExitFlow,
    ExitReason,
    LocalTime,
    Send,
    Split,
    Wait,
    WaitFor,
)


@dataclass(frozen=True, kw_only=True)
class NextLocalTime:
    """When does the contact's own clock next show this, not before an instant?"""

    not_before: datetime
    local_time: LocalTime
    kind: Literal["next_local_time"] = "next_local_time"


@dataclass(frozen=True, kw_only=True)
class WhichBranch:
    """Which condition is the first that holds? `next_steps` has one more, for `otherwise`."""

    conditions: tuple[Condition, ...]
    next_steps: tuple[str | None, ...]
    kind: Literal["which_branch"] = "which_branch"


Question: TypeAlias = NextLocalTime | WhichBranch


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """Send the message of this step, and answer `resume` on the way: it spares an activity."""

    step: Send
    due_at: datetime
    next_step: str | None
    resume: NextLocalTime | None
    skip: bool = False


@dataclass(frozen=True, kw_only=True)
class SleepUntil:
    """Do nothing until an instant, or until something happens; None waits for a person."""

    step_id: str
    until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Ask:
    """Find the answer to a question."""

    step_id: str
    question: Question


@dataclass(frozen=True, kw_only=True)
class Finish:
    """The enrollment is over."""

    reason: ExitReason


Command: TypeAlias = SendMessage | SleepUntil | Ask | Finish


def start(graph: Graph, now: datetime) -> State:
    """Stand at the first step."""
    state = State(step=graph.first, entered_at=now)
    return state.note(now, f"enrolled in {graph.flow.name} v{graph.flow.version}")


def decide(graph: Graph, state: State, now: datetime) -> tuple[State, Command]:
    """Tell what to do now, walking past every step that needs nothing from outside.

    It terminates: a flow has no cycles, so each turn of the loop stands at a later step.
    """
    while True:
        if state.exit is not None:
            return state, Finish(reason=state.exit)
        if state.step is None:
            state = state.leave(ExitReason.COMPLETED, now)
            continue
        if state.parked is not None:
            return state, SleepUntil(step_id=state.step, until=None)
        step = graph.steps[state.step]
        match step:
            case Send():
                return state, _send(graph, state, step, now)
            case Split():
                return state, Ask(step_id=step.id, question=_which_branch(graph, step))
            case ExitFlow():
                state = state.leave(step.reason, now)
            case Wait() | WaitFor():
                state, command = _wait(graph, state, step, now)
                if command is not None:
                    return state, command
            case _:
                assert_never(step)


def see(
    graph: Graph,
    state: State,
    event_id: str,
    matched: tuple[str, ...],
    *,
    seq: int | None,
    now: datetime,
) -> State:
    """Take note of an event: an exit rule ends it, a wait restarts, a wait-for goes on.

    `seq` is the event's number in the relay's sequence, None for a direct signal. What was seen
    before, by number or by id, changes nothing.
    """
    if seq is not None:
        if seq <= state.seq:
            return state
        state = replace(state, seq=seq)
    if event_id in state.recorded:
        return state
    if seq is None:
        state = state.remember(event_id)
    for rule in graph.exit_rules():
        if rule.pattern.key in matched:
            return state.leave(rule.reason, now)
    step = graph.steps.get(state.step or "")
    if isinstance(step, Wait) and any(pattern.key in matched for pattern in step.restart_on):
        return state.move(step.id, now).note(now, f"{step.id}: starts anew")
    if isinstance(step, WaitFor) and step.pattern.key in matched:
        return state.move(graph.enter(step.then, step.id), now).note(now, f"{step.id}: it came")
    return state


def answer(
    graph: Graph, state: State, branch: int | None, instant: datetime | None, *, now: datetime
) -> State:
    """Take the answer to the question of the step it stands at: a branch's index, or an instant."""
    step = graph.steps[state.step or ""]
    if isinstance(step, Split):
        steps = step.otherwise if branch is None else step.cases[branch].steps
        taken = "otherwise" if branch is None else f"branch {branch + 1}"
        next_id = graph.enter(steps, step.id)
        state = state.move(next_id, now, owed_since=state.owed_since)
        return state.note(now, f"{step.id}: {taken}")
    if instant is None:
        raise ValueError(f"step {step.id} asked for an instant and got none")
    return _wait_until(state, step.id, instant, now)


def settle(graph: Graph, state: State, outcome: Outcome, now: datetime) -> State:
    """Take the outcome of the send it stands at."""
    step_id = state.step or ""
    match outcome:
        case Sent():
            return _go_on(graph, state.note(now, f"{step_id}: sent"), outcome.resume_at, now)
        case Skipped():
            state = state.note(now, f"{step_id}: skipped, {outcome.reason}")
            if outcome.exit is not None:
                return state.leave(outcome.exit, now)
            return _go_on(graph, state, outcome.resume_at, now)
        case Deferred():
            text = f"{step_id}: deferred until {clock_text(outcome.until)}, {outcome.reason}"
            return replace(state, due_at=outcome.until).note(now, text)
        case InDoubt():
            text = f"{step_id}: in doubt until {clock_text(outcome.until)}"
            return replace(state, due_at=outcome.until).note(now, text)
        case Parked():
            text = f"{step_id}: parked, {outcome.reason}"
            state = replace(state, parked=outcome.reason, parked_code=outcome.code, due_at=None)
            return state.note(now, text)
        case _:
            assert_never(outcome)


def operate(state: State, action: str, now: datetime) -> State:
    """Do what a person asks: `retry` or `skip` what is parked, `exit` whatever it is."""
    if action == "exit":
        return state.leave(ExitReason.CANCELLED, now)
    if state.parked is None:
        return state
    state = replace(state, parked=None, parked_code=None, skip=action == "skip", due_at=None)
    return state.note(now, f"{state.step}: {action} asked for")


def doing(graph: Graph, state: State, now: datetime) -> str:
    """Say in one sentence what an enrollment is at, for the Temporal UI and `starter.py show`."""
    if state.exit is not None:
        return f"ended: {state.exit}"
    if state.parked is not None:
        return f"parked: {state.parked}. Signal retry, skip or exit."
    step = graph.steps.get(state.step or "")
    until = "" if state.due_at is None else f" until {clock_text(state.due_at)} UTC"
    match step:
        case Send() if state.due_at is not None and now < state.due_at:
            return f"holds {step.id}{until}"
        case Send():
            return f"sends {step.id}"
        case WaitFor():
            return f"waits in {step.id} for {step.pattern.name}{until}"
        case Wait():
            return f"waits in {step.id}{until}"
        case None:
            return "ends"
        case _:
            return f"decides at {step.id}"


def _send(graph: Graph, state: State, step: Send, now: datetime) -> Command:
    if state.due_at is not None and now < state.due_at:
        return SleepUntil(step_id=step.id, until=state.due_at)
    following = graph.following[step.id]
    after = graph.steps[following] if following else None
    resume = None
    if isinstance(after, Wait) and after.until is not None:
        resume = NextLocalTime(not_before=now + after.duration, local_time=after.until)
    return SendMessage(
        step=step,
        due_at=state.owed_since or state.entered_at,
        next_step=following,
        resume=resume,
        skip=state.skip,
    )


def _wait(
    graph: Graph, state: State, step: Wait | WaitFor, now: datetime
) -> tuple[State, Command | None]:
    if state.due_at is None:
        if isinstance(step, Wait) and step.until is not None:
            question = NextLocalTime(
                not_before=state.entered_at + step.duration, local_time=step.until
            )
            return state, Ask(step_id=step.id, question=question)
        length = step.duration if isinstance(step, Wait) else step.timeout
        state = _wait_until(state, step.id, state.entered_at + length, now)
    if state.due_at is not None and now < state.due_at:
        return state, SleepUntil(step_id=step.id, until=state.due_at)
    if isinstance(step, WaitFor):
        state = state.note(now, f"{step.id}: it did not come")
        next_id = graph.enter(step.otherwise, step.id)
    else:
        next_id = graph.following[step.id]
    return state.move(next_id, now, owed_since=state.due_at), None


def _go_on(graph: Graph, state: State, resume_at: datetime | None, now: datetime) -> State:
    state = state.move(graph.following[state.step or ""], now)
    step = graph.steps.get(state.step or "")
    # The instant was worked out when the send began. If the send took so long (an outage) that it
    # no longer leaves the whole wait, it is worked out again.
    if resume_at is not None and isinstance(step, Wait) and resume_at >= now + step.duration:
        return _wait_until(state, step.id, resume_at, now)
    return state


def _wait_until(state: State, step_id: str, instant: datetime, now: datetime) -> State:
    return replace(state, due_at=instant).note(now, f"{step_id}: until {clock_text(instant)}")


def _which_branch(graph: Graph, step: Split) -> WhichBranch:
    steps = [*(case.steps for case in step.cases), step.otherwise]
    return WhichBranch(
        conditions=tuple(case.condition for case in step.cases),
        next_steps=tuple(graph.enter(branch, step.id) for branch in steps),
    )
