"""Properties of the interpreter: it ends, it obeys exits, and what comes twice changes nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.flows import interpreter
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import Ask, Finish, NextLocalTime, SendMessage, SleepUntil
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.outcomes import (
    Deferred,
    InDoubt,
    Outcome,
    Parked,
    Sent,
    Skipped,
    SkipReason,
)
from sekvens.flows.state import JOURNAL_MAX, State
from sekvens.flows.steps import ExitReason

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
GRAPHS = [compile_flow(flow) for flow in CATALOGUE]

#: More decisions than any passage can need: the longest flow with every send held back many times.
DECISIONS_MAX = 2_000

acts = st.sampled_from(
    ["Order Completed", "Unsubscribed", "Product Added", "Cart Viewed", "Cart Emptied", "nothing",
     "retry", "skip", "exit"],
)  # fmt: skip
outcomes = st.sampled_from(["sent", "skipped", "deferred", "in doubt", "parked", "left"])


class Player:
    """Drives a graph with drawn events, outcomes and answers, and writes down what happens."""

    def __init__(self, graph: Graph, data: st.DataObject) -> None:
        self.graph, self.data = graph, data
        self.now, self.seq = START, 0
        self.state = interpreter.start(graph, START)
        self.log: list[str] = []

    def play(self) -> State:
        for _ in range(DECISIONS_MAX):
            self.state, command = interpreter.decide(self.graph, self.state, self.now)
            match command:
                case Finish():
                    return self.state
                case SleepUntil():
                    self._sleep(command)
                case SendMessage():
                    self._send(command)
                case Ask():
                    self._answer(command)
        raise AssertionError(f"no end after {DECISIONS_MAX} decisions: {self.log[-10:]}")

    def _sleep(self, command: SleepUntil) -> None:
        if command.until is not None and (self.seq > 30 or self.data.draw(st.booleans())):
            self.now = command.until
            return
        act = "exit" if self.seq > 30 else self.data.draw(acts)
        self.now += timedelta(hours=1)
        if act in ("retry", "skip", "exit"):
            self.state = interpreter.operate(self.state, act, self.now)
        self.happen(act)

    def happen(self, act: str) -> None:
        self.seq += 1
        matched = tuple(p.key for p in self.graph.listens() if p.matches(act, {}))
        for _ in range(self.data.draw(st.integers(1, 2))):  # now and then delivered twice
            self.state = interpreter.see(
                self.graph, self.state, f"event-{self.seq}", matched, seq=self.seq, now=self.now
            )
        if self.state.exit:
            self.log.append("exit")

    def _send(self, command: SendMessage) -> None:
        self.log.append(f"send {command.step.id}")
        if self.data.draw(st.integers(0, 4)) == 0:
            self.happen(self.data.draw(acts))  # while the message is on its way
        self.state = interpreter.settle(self.graph, self.state, self._outcome(command), self.now)

    def _outcome(self, command: SendMessage) -> Outcome:
        resume_at = command.resume.not_before if command.resume else None
        held = self.now + timedelta(hours=2)
        kind = "sent" if self.seq > 30 else self.data.draw(outcomes)
        return {
            "sent": Sent(message_id="m-1", resume_at=resume_at),
            "skipped": Skipped(reason=SkipReason.STALE, resume_at=resume_at),
            "deferred": Deferred(until=held, reason="warm_up"),
            "in doubt": InDoubt(until=held),
            "parked": Parked(reason="template"),
            "left": Skipped(reason=SkipReason.EXITED, exit=ExitReason.CONVERTED),
        }[kind]

    def _answer(self, command: Ask) -> None:
        branch = instant = None
        if isinstance(command.question, NextLocalTime):
            instant = command.question.not_before + timedelta(
                hours=self.data.draw(st.integers(0, 23))
            )
        else:
            index = self.data.draw(st.integers(0, len(command.question.conditions)))
            branch = index if index < len(command.question.conditions) else None
        self.state = interpreter.answer(self.graph, self.state, branch, instant, now=self.now)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GRAPHS), st.data())
def test_any_order_of_events_and_outcomes_comes_to_an_end(graph: Graph, data: st.DataObject):
    state = Player(graph, data).play()

    assert state.exit in [*ExitReason]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(GRAPHS), st.data())
def test_nothing_is_sent_after_an_exit(graph: Graph, data: st.DataObject):
    player = Player(graph, data)

    player.play()

    after_exit = player.log[player.log.index("exit") :] if "exit" in player.log else []
    assert not [line for line in after_exit if line.startswith("send")]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(GRAPHS), st.data())
def test_a_state_read_back_from_its_json_is_the_same_state(graph: Graph, data: st.DataObject):
    state = Player(graph, data).play()

    assert from_json(State, to_json(state)) == state
    assert len(state.journal) <= JOURNAL_MAX


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(GRAPHS), st.data())
def test_an_event_that_was_seen_changes_nothing_when_it_comes_again(
    graph: Graph, data: st.DataObject
):
    player = Player(graph, data)
    state = player.play()
    keys = tuple(pattern.key for pattern in graph.listens())

    again = interpreter.see(graph, state, "event-1", keys, seq=min(1, state.seq), now=player.now)

    assert again == state


def test_a_local_time_that_an_outage_has_eaten_is_asked_for_again():
    graph = GRAPHS[0]
    state = interpreter.start(graph, START)
    late = START + timedelta(days=4)
    worked_out = START + timedelta(days=2)

    state = interpreter.settle(graph, state, Sent(message_id="m-1", resume_at=worked_out), late)
    _, command = interpreter.decide(graph, state, late)

    assert isinstance(command, Ask)
    assert isinstance(command.question, NextLocalTime)
    assert command.question.not_before > late


def test_the_first_reason_to_leave_stands():
    state = interpreter.start(GRAPHS[0], START).leave(ExitReason.CONVERTED, START)

    again = state.leave(ExitReason.UNSUBSCRIBED, START)

    assert again == state


def test_a_retry_of_what_is_not_parked_changes_nothing():
    state = interpreter.start(GRAPHS[0], START)

    assert interpreter.operate(state, "retry", START) == state
    assert interpreter.operate(state, "skip", START) == state


def test_a_send_was_due_when_its_wait_was_over_however_late_the_worker_wakes():
    graph = GRAPHS[1]
    state = interpreter.start(graph, START)
    late = START + timedelta(days=3)

    state, _ = interpreter.decide(graph, state, START)
    state, command = interpreter.decide(graph, state, late)

    assert isinstance(command, SendMessage)
    assert command.due_at == START + timedelta(hours=4)
    assert state.entered_at == late


def test_a_send_behind_a_split_is_due_when_the_wait_before_it_was_over():
    graph = GRAPHS[1]
    due = START + timedelta(days=2)
    state = interpreter.start(graph, START).move("looked-again", START)
    late = due + timedelta(days=5)

    state, _ = interpreter.decide(graph, state, START)
    state, _ = interpreter.decide(graph, state, late)
    state = interpreter.answer(graph, state, 0, None, now=late)
    _, command = interpreter.decide(graph, state, late)

    assert isinstance(command, SendMessage)
    assert (command.step.id, command.due_at) == ("a-small-nudge", due)
