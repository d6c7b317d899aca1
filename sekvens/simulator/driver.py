"""The pure driver: runs a flow for one contact, jumping from one due instant to the next."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sekvens.flows import interpreter
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import Ask, CarryOut, Finish, SendMessage, SleepUntil
from sekvens.flows.graph import Graph
from sekvens.flows.state import JournalEntry, State, clock_text, span_text
from sekvens.simulator.scenario import Scenario, ScenarioEvent
from sekvens.simulator.world import OPERATOR_WORDS, World


@dataclass(frozen=True, kw_only=True)
class Passage:
    """What came of a scenario: the final state, and the messages that were sent."""

    state: State
    sent: tuple[tuple[datetime, str], ...]


def run_scenario(graph: Graph, scenario: Scenario, *, through_json: bool = False) -> Passage:
    """Run a scenario to its end, or to where it waits for a person and nobody comes.

    `through_json` writes the state out and reads it back at every step, as a continue-as-new does;
    it changes nothing, or the state is not complete.
    """
    world = World(scenario, graph)
    now = scenario.start
    state = interpreter.start(graph, now)
    events = deque(enumerate(scenario.events, start=1))
    while True:
        if through_json:
            state = from_json(State, to_json(state))
        state, command = interpreter.decide(graph, state, now)
        match command:
            case Finish():
                return Passage(state=state, sent=tuple(world.sent))
            case SendMessage():
                outcome = world.send(command.step.id, now, resume=command.resume, skip=command.skip)
                state = interpreter.settle(graph, state, outcome, now)
            case CarryOut():
                outcome = world.carry_out(command.step, now, skip=command.skip)
                state = interpreter.settle(graph, state, outcome, now)
            case Ask():
                branch, instant = world.answer(command.question, now)
                state = interpreter.answer(graph, state, branch, instant, now=now)
            case SleepUntil():
                wakes_at = scenario.start + events[0][1].after if events else None
                if wakes_at is not None and (command.until is None or wakes_at < command.until):
                    seq, event = events.popleft()
                    now = wakes_at
                    state = _happen(graph, state, world, seq=seq, event=event, now=now)
                elif command.until is not None:
                    now = command.until
                else:
                    return Passage(state=state, sent=tuple(world.sent))
            case _:
                assert_never(command)


def trace_lines(start: datetime, journal: tuple[JournalEntry, ...]) -> list[str]:
    """Write a journal as a golden trace: the time since the start, the clock, what happened."""
    minute = timedelta(minutes=1)
    spans = [(entry.at - start) // minute * minute for entry in journal]
    return [
        f"{span_text(since):>12}  {clock_text(entry.at)}  {entry.text}"
        for since, entry in zip(spans, journal, strict=True)
    ]


def _happen(
    graph: Graph, state: State, world: World, *, seq: int, event: ScenarioEvent, now: datetime
) -> State:
    if event.name in OPERATOR_WORDS:
        return interpreter.operate(state, event.name, now)
    world.happen(event, now)
    matched = tuple(
        pattern.key
        for pattern in graph.listens()
        if pattern.matches(event.name, event.properties, entry_key=world.entry_key)
    )
    if event.direct:
        state = interpreter.see(graph, state, f"event-{seq}", (event.name,), seq=None, now=now)
    for _ in range(event.copies):
        state = interpreter.see(graph, state, f"event-{seq}", matched, seq=seq, now=now)
    return state
