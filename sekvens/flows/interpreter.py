"""The interpreter: what an enrollment does next, and what a new fact makes of it.

It is pure. Time is an argument, facts are asked for (`Ask`), and nothing here knows Temporal, a
database or a clock. Its two drivers, the Temporal workflow and the simulator, do what a command
says and report back by `see`, `answer`, `settle` and `operate`; then they ask `decide` again.
"""

from datetime import datetime
from typing import assert_never

from sekvens.flows.commands import (
    Ask,
    CarryOut,
    Command,
    Finish,
    NextBestTime,
    NextDate,
    NextLocalTime,
    SendMessage,
    SleepUntil,
)
from sekvens.flows.graph import Graph
from sekvens.flows.hearing import hear, listen, unseen
from sekvens.flows.outcomes import Deferred, Done, InDoubt, Outcome, Parked, Sent, Skipped
from sekvens.flows.state import State, changed, clock_text
from sekvens.flows.steps import (
    BestTime,
    Date,
    Deed,
    ExitFlow,
    ExitReason,
    Experiment,
    Listen,
    LocalTime,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)


def start(graph: Graph, now: datetime, kind: type[State] = State) -> State:
    """Stand at the first step."""
    state = kind(step=graph.first, entered_at=now)
    return state.note(now, f"enrolled in {graph.flow.name} v{graph.flow.version}")


def decide(graph: Graph, state: State, now: datetime) -> tuple[State, Command]:
    """Tell what to do now, walking past every step that needs nothing from outside.

    It terminates: each turn of the loop stands at a later step, or has one event less to answer.
    """
    while True:
        if state.exit is not None:
            return state, Finish(reason=state.exit)
        if state.step is None:
            return decide(graph, state.leave(ExitReason.COMPLETED, now), now)
        if state.parked is not None:
            return state, SleepUntil(step_id=state.step, until=None)
        if state.held_until is not None and now < state.held_until:
            return state, SleepUntil(step_id=state.step, until=state.held_until)
        step = graph.steps[state.step]
        match step:
            case Split() | Experiment():
                question = graph.which_way(step.id)
                return state, Ask(step_id=step.id, question=question, skip=state.skip)
            case ExitFlow():
                state = state.leave(step.reason, now)
            case Send() | Wait() | WaitFor() | Listen():
                state, command = _stay(graph, state, step, now)
                if command is not None:
                    return state, command
            case _:
                return state, _carry_out(graph, state, step, now)


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
    before, by number or by id, changes nothing, and neither does what comes after the end.
    """
    if state.exit is not None:
        return state
    if seq is not None:
        if seq <= state.seq:
            return state
        state = changed(state, seq=seq)
    matched = unseen(graph, state, event_id, matched, seq)
    if not matched:
        return state
    if seq is None:
        state = state.remember(event_id)
    reason = graph.exit_reason_by(matched)
    if reason is not None:
        return state.leave(reason, now)
    state = hear(graph, state, matched, now)
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
        return _take(graph, state, steps, taken, now)
    if isinstance(step, Experiment):
        variant = step.variants[branch or 0]
        return _take(graph, state, variant.steps, f"variant {variant.name}", now)
    if instant is None:
        state = state.note(now, f"{step.id}: no such date")
        return state.leave(ExitReason.NO_LONGER_MATCHES, now)
    return state.wait_until(instant, now)


def settle(graph: Graph, state: State, outcome: Outcome, now: datetime) -> State:
    """Take the outcome of the step it stands at."""
    step_id = state.step or ""
    match outcome:
        case Sent():
            state = _remember_told(graph, state, step_id)
            return _go_on(graph, state.note(now, f"{step_id}: sent"), outcome.resume_at, now)
        case Done():
            return _go_on(graph, state.note(now, f"{step_id}: {outcome.text}"), None, now)
        case Skipped():
            state = state.note(now, f"{step_id}: skipped, {outcome.reason}")
            if outcome.exit is not None:
                return state.leave(outcome.exit, now)
            return _go_on(graph, state, outcome.resume_at, now)
        case Deferred():
            text = f"{step_id}: deferred until {clock_text(outcome.until)}, {outcome.reason}"
            return changed(state, due_at=outcome.until).note(now, text)
        case InDoubt():
            text = f"{step_id}: in doubt until {clock_text(outcome.until)}"
            return changed(state, due_at=outcome.until).note(now, text)
        case Parked():
            text = f"{step_id}: parked, {outcome.reason}"
            state = changed(state, parked=outcome.reason, parked_code=outcome.code, due_at=None)
            return state.note(now, text)
        case _:
            assert_never(outcome)


def operate(state: State, action: str, now: datetime) -> State:
    """Do what a person asks: `retry` or `skip` what is parked, `exit` whatever it is."""
    if action == "exit":
        return state.leave(ExitReason.CANCELLED, now)
    if state.parked is None:
        return state
    state = changed(state, parked=None, parked_code=None, skip=action == "skip", due_at=None)
    return state.note(now, f"{state.step}: {action} asked for")


def _send(graph: Graph, state: State, step: Send, now: datetime) -> Command:
    if state.due_at is not None and now < state.due_at:
        return SleepUntil(step_id=step.id, until=state.due_at)
    following = graph.following[step.id]
    after = graph.steps[following] if following else None
    resume = None
    if isinstance(after, Wait) and isinstance(after.until, LocalTime):
        resume = NextLocalTime(not_before=now + after.duration, local_time=after.until)
    return SendMessage(
        step=step,
        due_at=state.owed_since or state.entered_at,
        next_step=following,
        resume=resume,
        skip=state.skip,
    )


def _remember_told(graph: Graph, state: State, step_id: str) -> State:
    if step_id in state.told or step_id not in graph.retold():
        return state
    return changed(state, told=(*state.told, step_id))


def _carry_out(graph: Graph, state: State, step: Deed, now: datetime) -> Command:
    if state.due_at is not None and now < state.due_at:
        return SleepUntil(step_id=step.id, until=state.due_at)
    return CarryOut(
        step=step,
        due_at=state.owed_since or state.entered_at,
        next_step=graph.following[step.id],
        skip=state.skip,
    )


def _stay(
    graph: Graph, state: State, step: Send | Wait | WaitFor | Listen, now: datetime
) -> tuple[State, Command | None]:
    """Tell what to do at a step that may be over already: then there is no command."""
    if isinstance(step, Listen):
        return listen(graph, state, step, now)
    if isinstance(step, Send):
        if step.retells is None or step.retells in state.told:
            return state, _send(graph, state, step, now)
        state = state.note(now, f"{step.id}: nothing to tell again")
        return _go_on(graph, state, None, now), None
    return _wait(graph, state, step, now)


def _wait(
    graph: Graph, state: State, step: Wait | WaitFor, now: datetime
) -> tuple[State, Command | None]:
    if state.due_at is None:
        if isinstance(step, Wait) and step.until is not None:
            question = _when(state.entered_at + step.duration, step.until)
            return state, Ask(step_id=step.id, question=question, skip=state.skip)
        length = step.duration if isinstance(step, Wait) else step.timeout
        state = state.wait_until(state.entered_at + length, now)
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
        return state.wait_until(resume_at, now)
    return state


def _when(
    not_before: datetime, until: LocalTime | BestTime | Date
) -> NextLocalTime | NextBestTime | NextDate:
    if isinstance(until, LocalTime):
        return NextLocalTime(not_before=not_before, local_time=until)
    if isinstance(until, BestTime):
        return NextBestTime(not_before=not_before, best_time=until)
    return NextDate(not_before=not_before, date=until)


def _take(graph: Graph, state: State, steps: tuple[Step, ...], taken: str, now: datetime) -> State:
    step_id = state.step or ""
    state = state.move(graph.enter(steps, step_id), now, owed_since=state.owed_since)
    return state.note(now, f"{step_id}: {taken}")
