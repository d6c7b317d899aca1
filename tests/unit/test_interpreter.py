"""Properties of the interpreter: it ends, it obeys exits, and what comes twice changes nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.flows import interpreter
from sekvens.flows.asking import subscribed
from sekvens.flows.builder import (
    MARKETING,
    best_time,
    case,
    date_of,
    days,
    enroll,
    event,
    exit_flow,
    exit_on,
    flow,
    hours,
    listen,
    on,
    rest,
    send,
    set_trait,
    split,
    wait,
    wait_for,
)
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import (
    Ask,
    CarryOut,
    Finish,
    NextBestTime,
    NextDate,
    NextLocalTime,
    SendMessage,
    SleepUntil,
    WhichVariant,
)
from sekvens.flows.doing import doing
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.outcomes import (
    Deferred,
    Done,
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
DAY = days(1)
#: Everything that a flow can be made of, in the orders that are hardest to get right.
EVERYTHING = flow(
    "everything",
    version=1,
    purpose=MARKETING,
    trigger=event("Order Completed"),
    entry_key="order_id",
    exit_when=[exit_on(event("Order Completed", other="order_id"), ExitReason.CONVERTED)],
    steps=[
        send("first"),
        listen(
            "news",
            on(event("Order Shipped", same="order_id"), send("shipped"), wait("a-day", days(1))),
            on(event("Cart Viewed"), split("who", case(subscribed()), otherwise=[rest("r", DAY)])),
            on(event("Cart Viewed", colour="red"), set_trait("red", "colour", "red")),
            on(event("Product Added")),
            on(event("Cart Emptied"), exit_flow("emptied")),
            lasts=days(30),
        ),
        send("first-again", retells="first"),
        wait("the-day", until=date_of("birthday", at="09:00")),
        listen("more", on(event("Product Viewed"), enroll("over", "welcome")), lasts=days(2)),
        wait_for("back", event("Cart Viewed"), timeout=days(2), then=[send("back-again")]),
    ],
)
GRAPHS = [compile_flow(each) for each in (*CATALOGUE, EVERYTHING)]
BY_NAME = {graph.flow.name: graph for graph in GRAPHS}

#: More decisions than any passage can need: the longest flow with every send held back many times.
DECISIONS_MAX = 2_000

acts = st.sampled_from(
    ["Order Completed", "Unsubscribed", "Product Added", "Product Viewed", "Cart Viewed",
     "Cart Emptied", "Order Shipped", "Order Delivered", "page", "nothing",
     "retry", "skip", "exit"],
)  # fmt: skip
#: What an event tells of itself: of this entry, of another one, or of none.
told = st.sampled_from([{}, {"order_id": "o-1", "product_id": "o-1", "colour": "red"},
                        {"order_id": "o-2", "product_id": "o-2"}])  # fmt: skip
outcomes = st.sampled_from(["sent", "skipped", "deferred", "in doubt", "parked", "left"])


class Drawing:
    """What was drawn, to be drawn once more."""

    def __init__(self, data: st.DataObject | None, drawn: tuple[Any, ...] = ()) -> None:
        self._data, self._drawn, self._left = data, list(drawn), iter(drawn)

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        if self._data is None:
            return next(self._left)
        self._drawn.append(self._data.draw(strategy))
        return self._drawn[-1]

    def again(self) -> "Drawing":
        return Drawing(None, tuple(self._drawn))


class Player:
    """Drives a graph with drawn events, outcomes and answers, and writes down what happens."""

    def __init__(
        self, graph: Graph, data: Drawing | st.DataObject, *, through_json: bool = False
    ) -> None:
        self.graph, self.data, self.through_json = graph, data, through_json
        self.now, self.seq = START, 0
        self.state = interpreter.start(graph, START)
        self.log: list[str] = []

    def play(self) -> State:
        for _ in range(DECISIONS_MAX):
            if self.through_json:  # as a continue-as-new does
                self.state = from_json(State, to_json(self.state))
            self.state, command = interpreter.decide(self.graph, self.state, self.now)
            match command:
                case Finish():
                    return self.state
                case SleepUntil():
                    self._sleep(command)
                case SendMessage() | CarryOut():
                    self._act(command)
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
        told_by_it = self.data.draw(told)
        matched = tuple(
            pattern.key
            for pattern in self.graph.listens()
            if pattern.matches(act, told_by_it, entry_key="o-1")
        )
        if self.data.draw(st.integers(0, 5)) == 0:  # a backend signals it by itself, first
            self.state = interpreter.see(
                self.graph, self.state, f"event-{self.seq}", (act,), seq=None, now=self.now
            )
        for _ in range(self.data.draw(st.integers(1, 2))):  # now and then delivered twice
            self.state = interpreter.see(
                self.graph, self.state, f"event-{self.seq}", matched, seq=self.seq, now=self.now
            )
        if self.state.exit:
            self.log.append("exit")

    def _act(self, command: SendMessage | CarryOut) -> None:
        self.log.append(f"send {command.step.id}")
        if self.data.draw(st.integers(0, 4)) == 0:
            self.happen(self.data.draw(acts))  # while the message is on its way
        outcome = self._carried_out() if isinstance(command, CarryOut) else self._sent(command)
        self.state = interpreter.settle(self.graph, self.state, outcome, self.now)

    def _carried_out(self) -> Outcome:
        kind = "done" if self.seq > 30 else self.data.draw(st.sampled_from(["done", "held", "up"]))
        held = Deferred(until=self.now + timedelta(hours=2), reason="database")
        return {"done": Done(), "held": held, "up": Parked(reason="flow")}[kind]

    def _sent(self, command: SendMessage) -> Outcome:
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
        if isinstance(command.question, NextDate) and self.data.draw(st.integers(0, 3)) == 0:
            pass  # nobody told us the date
        elif isinstance(command.question, NextLocalTime | NextBestTime | NextDate):
            instant = command.question.not_before + timedelta(
                hours=self.data.draw(st.integers(0, 23))
            )
        elif isinstance(command.question, WhichVariant):
            branch = self.data.draw(st.integers(0, len(command.question.step.variants) - 1))
        else:
            index = self.data.draw(st.integers(0, len(command.question.conditions)))
            branch = index if index < len(command.question.conditions) else None
        self.state = interpreter.answer(self.graph, self.state, branch, instant, now=self.now)


@settings(max_examples=150)
@given(st.sampled_from(GRAPHS), st.data())
def test_any_order_of_events_and_outcomes_comes_to_an_end(graph: Graph, data: st.DataObject):
    state = Player(graph, data).play()

    assert state.exit in [*ExitReason]


@settings(max_examples=150)
@given(st.sampled_from(GRAPHS), st.data())
def test_nothing_is_sent_after_an_exit(graph: Graph, data: st.DataObject):
    player = Player(graph, data)

    player.play()

    after_exit = player.log[player.log.index("exit") :] if "exit" in player.log else []
    assert not [line for line in after_exit if line.startswith("send")]


@settings(max_examples=100)
@given(st.sampled_from(GRAPHS), st.data())
def test_a_state_read_back_from_its_json_is_the_same_state(graph: Graph, data: st.DataObject):
    state = Player(graph, data).play()

    assert from_json(State, to_json(state)) == state
    assert len(state.journal) <= JOURNAL_MAX


class Echo(Player):
    """Is told each event once more, in mid-passage, as if the flow listened for all of it."""

    def happen(self, act: str) -> None:
        super().happen(act)
        everything = tuple(pattern.key for pattern in self.graph.listens())
        for seq in {1, self.seq}:
            again = interpreter.see(
                self.graph, self.state, f"event-{seq}", everything, seq=seq, now=self.now
            )
            assert again == self.state


@settings(max_examples=100)
@given(st.sampled_from(GRAPHS), st.data())
def test_an_event_that_was_seen_changes_nothing_when_it_comes_again(
    graph: Graph, data: st.DataObject
):
    assert Echo(graph, data).play().exit


def test_a_local_time_that_an_outage_has_eaten_is_asked_for_again():
    graph = BY_NAME["welcome"]
    state = interpreter.start(graph, START)
    late = START + timedelta(days=4)
    worked_out = START + timedelta(days=2)

    state = interpreter.settle(graph, state, Sent(message_id="m-1", resume_at=worked_out), late)
    _, command = interpreter.decide(graph, state, late)

    assert isinstance(command, Ask)
    assert isinstance(command.question, NextLocalTime)
    assert command.question.not_before > late


def test_a_wait_until_the_best_time_asks_once_and_ends_at_the_answer():
    window = best_time("08:00", "20:00", otherwise="10:00")
    steps = [wait("a-day", timedelta(days=1), until=window)]
    graph = compile_flow(replace(EVERYTHING, steps=tuple(steps)))
    state, asked = interpreter.decide(graph, interpreter.start(graph, START), START)
    at = START + timedelta(days=1, hours=7)

    state = interpreter.answer(graph, state, None, at, now=START)

    question = NextBestTime(not_before=START + timedelta(days=1), best_time=window)
    assert asked == Ask(step_id="a-day", question=question)
    assert interpreter.decide(graph, state, START)[1] == SleepUntil(step_id="a-day", until=at)
    assert isinstance(interpreter.decide(graph, state, at)[1], Finish)


def test_the_first_reason_to_leave_stands():
    state = interpreter.start(GRAPHS[0], START).leave(ExitReason.CONVERTED, START)

    again = state.leave(ExitReason.UNSUBSCRIBED, START)

    assert again == state


def test_a_retry_of_what_is_not_parked_changes_nothing():
    state = interpreter.start(GRAPHS[0], START)

    assert interpreter.operate(state, "retry", START) == state
    assert interpreter.operate(state, "skip", START) == state


def test_a_send_was_due_when_its_wait_was_over_however_late_the_worker_wakes():
    graph = BY_NAME["cart-abandonment"]
    state = interpreter.start(graph, START)
    late = START + timedelta(days=3)

    state, _ = interpreter.decide(graph, state, START)
    state, command = interpreter.decide(graph, state, late)

    assert isinstance(command, SendMessage)
    assert command.due_at == START + timedelta(hours=4)
    assert state.entered_at == late


def test_a_send_behind_a_split_is_due_when_the_wait_before_it_was_over():
    graph = BY_NAME["cart-abandonment"]
    due = START + timedelta(days=2)
    state = interpreter.start(graph, START).move("looked-again", START)
    late = due + timedelta(days=5)

    state, _ = interpreter.decide(graph, state, START)
    state, _ = interpreter.decide(graph, state, late)
    state = interpreter.answer(graph, state, 0, None, now=late)
    state = interpreter.answer(graph, state, 1, None, now=late)  # of the experiment behind it
    _, command = interpreter.decide(graph, state, late)

    assert isinstance(command, SendMessage)
    assert (command.step.id, command.due_at) == ("just-a-letter", due)


@settings(max_examples=100)
@given(st.sampled_from(GRAPHS), st.data())
def test_a_passage_that_is_written_out_and_read_back_at_every_step_is_the_same(
    graph: Graph, data: st.DataObject
):
    drawing = Drawing(data)
    once = Player(graph, drawing).play()

    assert Player(graph, drawing.again(), through_json=True).play() == once


HEARD = ("Order Shipped&order_id=<entry>",)


def at_the_news(*, seq: int = 0) -> tuple[Graph, State]:
    """An enrollment that listens."""
    graph = BY_NAME["everything"]
    state = interpreter.start(graph, START)
    state, _ = interpreter.decide(graph, state, START)
    state = interpreter.settle(graph, state, Sent(message_id="m-1"), START)
    state, command = interpreter.decide(graph, state, START)
    assert isinstance(command, SleepUntil)
    return graph, replace(state, seq=seq)


def test_what_came_before_a_listen_is_reached_is_answered_when_it_is():
    graph = BY_NAME["everything"]
    state = interpreter.start(graph, START)

    state = interpreter.see(graph, state, "event-1", HEARD, seq=1, now=START)
    state = interpreter.settle(graph, state, Sent(message_id="m-1"), START + DAY)
    state, command = interpreter.decide(graph, state, START + DAY)

    assert isinstance(command, SendMessage)
    assert (command.step.id, command.due_at) == ("shipped", START + DAY)


def test_what_came_twice_is_answered_once():
    graph, state = at_the_news()
    state = interpreter.see(graph, state, "event-1", HEARD, seq=1, now=START)
    state, _ = interpreter.decide(graph, state, START)
    state = interpreter.see(graph, state, "event-2", HEARD, seq=2, now=START)

    assert state.answered == HEARD
    assert state.heard == ()


def test_what_was_answered_is_not_said_to_be_listened_for():
    graph, state = at_the_news()
    before = doing(graph, state, START)
    after = doing(graph, replace(state, answered=HEARD), START)

    assert "listens in news for Order Shipped or Cart Viewed or Product Added" in before
    assert "listens in news for Cart Viewed or Product Added" in after


def test_answers_wait_their_turn_in_the_order_in_which_they_were_asked_for():
    graph, state = at_the_news()
    for seq, key in enumerate([HEARD, ("Product Added",), ("Cart Viewed",)], start=1):
        state = interpreter.see(graph, state, f"event-{seq}", key, seq=seq, now=START)
    state, command = interpreter.decide(graph, state, START)

    assert isinstance(command, SendMessage)
    assert state.heard == ("Product Added", "Cart Viewed")


def test_a_listen_ends_after_its_time_though_answers_took_some_of_it():
    graph, state = at_the_news()
    state = interpreter.see(graph, state, "event-1", HEARD, seq=1, now=START + 29 * DAY)
    state, _ = interpreter.decide(graph, state, START + 29 * DAY)
    state = interpreter.settle(graph, state, Sent(message_id="m-2"), START + 29 * DAY)
    state, command = interpreter.decide(graph, state, START + 30 * DAY + hours(1))

    assert isinstance(command, SendMessage)
    assert command.step.id == "first-again"


def test_the_relay_tells_what_a_direct_signal_of_the_same_event_could_not():
    graph, state = at_the_news()
    both = ("Cart Viewed", "Cart Viewed&colour=red")
    state = interpreter.see(graph, state, "event-1", ("Cart Viewed",), seq=None, now=START)

    state = interpreter.see(graph, state, "event-1", both, seq=1, now=START)

    assert state.heard == both
    assert interpreter.see(graph, state, "event-1", both, seq=None, now=START) == state


def test_an_e_mail_that_never_left_is_not_told_again():
    graph = compile_flow(
        replace(EVERYTHING, steps=(send("first"), send("first-again", retells="first")))
    )
    state = interpreter.start(graph, START)
    stale = Skipped(reason=SkipReason.STALE)

    never, _ = interpreter.decide(graph, interpreter.settle(graph, state, stale, START), START)
    sent = interpreter.settle(graph, state, Sent(message_id="m-1"), START)

    assert never.exit is ExitReason.COMPLETED
    assert isinstance(interpreter.decide(graph, sent, START)[1], SendMessage)


def test_a_date_that_nobody_told_ends_the_enrollment():
    graph = BY_NAME["birthday"]
    state, command = interpreter.decide(graph, interpreter.start(graph, START), START)
    state = interpreter.answer(graph, state, None, None, now=START)

    assert isinstance(command, Ask)
    assert state.exit is ExitReason.NO_LONGER_MATCHES
    assert [entry.text for entry in state.journal[-2:]] == [
        "until-the-day: no such date",
        "left: no_longer_matches",
    ]


def test_nothing_is_heard_after_the_end():
    graph, state = at_the_news()
    left = interpreter.operate(state, "exit", START)

    assert interpreter.see(graph, left, "event-1", HEARD, seq=1, now=START) == left
