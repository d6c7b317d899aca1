"""What a change of a flow does to who stands in it: each answer of docs/changing-live-flows.md."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.flows import interpreter, validate_steps
from sekvens.flows.builder import (
    MARKETING,
    days,
    event,
    exit_on,
    flow,
    hours,
    listen,
    local_time,
    on,
    send,
    wait,
    wait_for,
)
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import Ask, CarryOut, Finish, SendMessage, SleepUntil
from sekvens.flows.definition import Flow
from sekvens.flows.doing import doing
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.known import Known
from sekvens.flows.moving import (
    Policy,
    Terms,
    all_successors,
    counts_from,
    landing,
    move,
    removed,
)
from sekvens.flows.outcomes import Deferred, Parked, Sent
from sekvens.flows.state import State
from sekvens.flows.steps import ExitReason, Step
from tests.unit.test_interpreter import DECISIONS_MAX, GRAPHS, START, Player

NOTHING = Known(events=frozenset(), templates={}, offers={}, locales=())
MOVE, RECOMPUTE = Policy.MOVE_AT_NEXT_STEP, Policy.RECOMPUTE_WAITS
HELLO = [send("hello"), wait("a-pause", days(4)), send("more"), wait("rest", days(1)), send("bye")]


def version(steps: Sequence[Step], number: int = 2, **given: Any) -> Graph:
    built: Flow = flow(
        "letters",
        version=number,
        purpose=MARKETING,
        trigger=event("Email Subscribed"),
        steps=steps,
        **given,
    )
    return compile_flow(built)


OLD = version(HELLO, 1)
TWO_DAYS = days(2)


def waiting(graph: Graph = OLD, *, step: str = "a-pause") -> State:
    """Stand at a step since START, as the interpreter does after its first look."""
    state = State(step=step, entered_at=START)
    return interpreter.decide(graph, state, START)[0]


def moved(
    new: Graph,
    policy: Policy = MOVE,
    *,
    after: timedelta = TWO_DAYS,
    state: State | None = None,
    old: Graph = OLD,
    successors: Mapping[str, str | None] | None = None,
) -> State:
    terms = Terms(policy=policy, successors=successors or {})
    return move(old, new, state or waiting(), terms, START + after)


def walk(graph: Graph, state: State, now: datetime) -> list[tuple[timedelta, str]]:
    """Walk on to the end: which e-mails leave when, counted from START."""
    sent: list[tuple[timedelta, str]] = []
    for _ in range(DECISIONS_MAX):
        state, command = interpreter.decide(graph, state, now)
        match command:
            case Finish():
                return sent
            case SleepUntil(until=until):
                assert until is not None
                now = until
            case SendMessage():
                sent.append((now - START, command.step.id))
                state = interpreter.settle(graph, state, Sent(message_id="m"), now)
            case Ask():
                instant = command.question.not_before  # type: ignore[union-attr]
                state = interpreter.answer(graph, state, None, instant, now=now)
            case _:
                raise AssertionError(command)
    raise AssertionError("no end")


def sent_after_move(
    new: Graph,
    policy: Policy = MOVE,
    *,
    after: timedelta = TWO_DAYS,
    **given: Any,
) -> list[tuple[timedelta, str]]:
    return walk(new, moved(new, policy, after=after, **given), START + after)


# Waits


def shorter(length: timedelta) -> Graph:
    return version([send("hello"), wait("a-pause", length), *HELLO[2:]])


def test_a_running_wait_ends_as_it_would_have_when_they_move_at_the_next_step():
    assert sent_after_move(shorter(days(1)))[0] == (days(4), "more")
    assert sent_after_move(shorter(days(9)))[0] == (days(4), "more")


def test_a_shortened_wait_is_counted_from_when_it_began():
    assert sent_after_move(shorter(days(3)), RECOMPUTE)[0] == (days(3), "more")


def test_a_shortened_wait_that_is_over_already_ends_at_once():
    assert sent_after_move(shorter(days(1)), RECOMPUTE)[0] == (days(2), "more")


def test_whoever_goes_on_at_once_is_not_late():
    new = shorter(hours(1))
    _, command = interpreter.decide(new, moved(new, RECOMPUTE), START + days(2))

    assert isinstance(command, SendMessage)
    assert command.due_at == START + days(2)


def test_a_lengthened_wait_is_counted_from_when_it_began():
    assert sent_after_move(shorter(days(6)), RECOMPUTE)[0] == (days(6), "more")


def test_a_wait_whose_time_did_not_change_is_not_counted_anew():
    restarted = wait("a-pause", days(4), restart_on="page")
    held = replace(waiting(), due_at=START + days(5))  # as a local time would have made it

    assert moved(version([restarted]), RECOMPUTE, state=held).due_at == held.due_at


def test_a_wait_until_a_time_of_day_asks_again_and_for_no_moment_that_has_passed():
    new = version([send("hello"), wait("a-pause", days(1), until=local_time("09:00")), send("x")])
    _, command = interpreter.decide(new, moved(new, RECOMPUTE), START + days(2))

    assert isinstance(command, Ask)
    assert command.question.not_before == START + days(2)  # type: ignore[union-attr]


def test_a_wait_for_has_its_timeout_counted_anew():
    old = version([wait_for("look", event("page"), timeout=days(4), otherwise=[send("x")])], 1)
    new = version([wait_for("look", event("page"), timeout=days(3), otherwise=[send("x")])])
    state = waiting(old, step="look")

    assert sent_after_move(new, RECOMPUTE, old=old, state=state) == [(days(3), "x")]
    assert sent_after_move(new, MOVE, old=old, state=state) == [(days(4), "x")]


def listening(lasts: timedelta, *, number: int = 2) -> Graph:
    answer = on(event("page"), wait("in-it", days(1)), send("seen"))
    other = on(event("Cart Viewed"))
    return version([listen("news", answer, other, lasts=lasts), send("x")], number)


def test_a_listen_lasts_as_long_as_the_new_version_says_from_within_an_answer_too():
    old, new = listening(days(8), number=1), listening(days(5))
    state = interpreter.see(old, waiting(old, step="news"), "e", ("page",), seq=1, now=START)
    state, _ = interpreter.decide(old, state, START)

    assert state.step == "in-it"
    assert sent_after_move(new, RECOMPUTE, old=old, state=state)[-1] == (days(5), "x")
    assert sent_after_move(new, MOVE, old=old, state=state)[-1] == (days(8), "x")


def test_a_listen_that_is_taken_away_is_over_for_whoever_stood_in_it():
    old, new = listening(days(8), number=1), version([send("x"), *listening(days(2)).flow.steps])
    state = interpreter.see(old, waiting(old, step="news"), "e", ("page",), seq=1, now=START)
    inside = interpreter.decide(old, state, START)[0]
    left = move(old, version([send("x")]), inside, Terms(policy=RECOMPUTE), START)

    assert left.listens_until is None
    assert moved(new, RECOMPUTE, old=old, state=inside).listens_until is not None


# Steps


def test_a_step_that_is_added_ahead_is_met_and_one_behind_is_not():
    new = version([send("early"), *HELLO[:2], send("extra"), *HELLO[2:]])

    assert [step for _, step in sent_after_move(new)] == ["extra", "more", "bye"]


def test_reordered_steps_are_walked_in_the_new_order_from_where_one_stands():
    new = version([send("more"), wait("rest", days(1)), *HELLO[:2], send("bye")])

    assert [step for _, step in sent_after_move(new)] == ["bye"]


def test_a_removed_step_ahead_is_never_met():
    assert [step for _, step in sent_after_move(version([*HELLO[:2], send("bye")]))] == ["bye"]


def test_a_removed_step_where_somebody_stands_leads_to_its_successor_when_the_wait_is_over():
    new = version([send("hello"), send("more"), wait("rest", days(1)), send("bye")])
    given = {"successors": {"a-pause": "bye"}}

    assert sent_after_move(new, MOVE, **given) == [(days(4), "bye")]
    assert sent_after_move(new, RECOMPUTE, **given) == [(days(2), "bye")]


def test_what_a_removed_wait_held_back_is_not_late_when_it_comes():
    new = version([send("more")])
    state = moved(new, successors={"a-pause": "more"})
    _, command = interpreter.decide(new, state, START + days(4))

    assert doing(new, state, START + days(2)).startswith("waits until 2026-03-08 12:00 UTC, then")
    assert isinstance(command, SendMessage)
    assert command.due_at == START + days(4)


def test_without_a_successor_the_next_old_step_that_is_left_is_where_one_goes_on():
    assert sent_after_move(version([send("hello"), send("bye")])) == [(days(4), "bye")]


def test_a_successor_may_be_the_end():
    new = version([send("hello"), send("bye")])

    assert sent_after_move(new, successors={"a-pause": None}) == []


def test_a_renamed_wait_goes_on_under_its_new_name():
    new = version([send("hello"), wait("a-break", days(4)), *HELLO[2:]])
    given = {"successors": {"a-pause": "a-break"}}

    assert sent_after_move(new, MOVE, **given)[0] == (days(4), "more")
    assert sent_after_move(new, RECOMPUTE, **given)[0] == (days(4), "more")


def test_a_step_of_another_kind_is_another_step_whatever_its_id():
    new = version([send("hello"), send("a-pause"), send("more")])

    assert removed(OLD, new) == ["a-pause", "rest", "bye"]
    assert landing(OLD, new, "a-pause", {}) == "more"


def test_successors_lead_on_through_versions():
    second = version([send("b")], 2, successors={"a": "b"}).flow
    third = version([send("c")], 3, successors={"b": "c", "d": None}).flow

    assert all_successors([OLD.flow, second, third]) == {"a": "c", "b": "c", "d": None}


# What else changes


def test_a_parked_e_mail_is_tried_again_with_the_new_version():
    state = State(step="more", entered_at=START)
    parked = interpreter.settle(OLD, state, Parked(reason="template"), START)
    state = moved(version(HELLO), state=parked)

    assert state.parked is None
    assert isinstance(interpreter.decide(OLD, state, START)[1], SendMessage)


def test_an_e_mail_that_is_held_stays_held_as_long():
    state = State(step="more", entered_at=START)
    held = interpreter.settle(OLD, state, Deferred(until=START + days(3), reason="x"), START)

    assert sent_after_move(version(HELLO), RECOMPUTE, state=held)[0] == (days(3), "more")


def test_exit_rules_change_with_the_version():
    new = version(HELLO, exit_when=[exit_on("page", ExitReason.CONVERTED)])
    state = interpreter.see(new, moved(new), "e", ("page",), seq=1, now=START + days(2))

    assert state.exit is ExitReason.CONVERTED


def test_whoever_has_left_stays_away():
    left = waiting().leave(ExitReason.CONVERTED, START)

    assert moved(version([send("x")]), state=left) == left


# Undo


def undone(state: State, new: Graph, after: timedelta, policy: Policy = RECOMPUTE) -> State:
    return move(new, OLD, state, Terms(policy=policy, undoes=True), START + after)


@pytest.mark.parametrize("length", [days(3), days(9)])
def test_undo_gives_a_wait_its_old_end_back(length: timedelta):
    new = shorter(length)
    state = undone(moved(new, RECOMPUTE, after=hours(1)), new, hours(2))

    assert state.due_at == START + days(4)


def test_undo_puts_back_whoever_has_not_gone_on_from_a_removed_step():
    new = version([send("hello"), send("more"), wait("rest", days(1)), send("bye")])
    state = undone(moved(new, successors={"a-pause": "bye"}), new, days(3), MOVE)

    assert (state.step, state.due_at) == ("a-pause", START + days(4))
    assert walk(OLD, state, START + days(3))[0] == (days(4), "more")


def test_undo_leaves_whoever_has_gone_on_where_they_are():
    new = shorter(days(1))
    gone_on, _ = interpreter.decide(new, moved(new, RECOMPUTE), START + days(2))
    state = undone(gone_on, new, days(2))

    assert state.step == "more"


def test_undo_takes_whoever_stands_at_an_added_step_on_to_the_next_that_was_there():
    new = version([*HELLO[:2], send("extra"), *HELLO[2:]])
    state = undone(State(step="extra", entered_at=START), new, hours(1))

    assert state.step == "more"


# Of any flows


class Mover(Player):
    """Is moved now and then in mid-passage, and has a ledger: no step is sent twice."""

    versions: list[Graph]

    def _sleep(self, command: SleepUntil) -> None:
        super()._sleep(command)
        self._move_perhaps()

    def _act(self, command: SendMessage | CarryOut) -> None:
        super()._act(command)
        self._move_perhaps()

    def _move_perhaps(self) -> None:
        if self.seq < 30 and self.data.draw(st.integers(0, 2)) == 0:
            self._move(self.data.draw(st.sampled_from(self.versions)))

    def _move(self, new: Graph) -> None:
        steps = [*new.steps, None]
        terms = Terms(
            policy=self.data.draw(st.sampled_from([MOVE, RECOMPUTE])),
            successors={
                each: self.data.draw(st.sampled_from(steps)) for each in removed(self.graph, new)
            },
            undoes=self.data.draw(st.booleans()),
        )
        self.state = move(self.graph, new, self.state, terms, self.now)
        self.graph = new
        step, due = self.state.step, self.state.due_at
        assert step is None or self.state.exit or step in new.steps
        assert self.state.exit or self.state.parked is None
        assert self.state.exit or counts_from(new, self.state) is not None
        assert from_json(State, to_json(self.state)) == self.state
        assert due is None or due.tzinfo is UTC


def versions_of(graph: Graph, data: st.DataObject) -> list[Graph]:
    """Draw versions of a flow: steps left out, in another order, or all of another flow's."""
    steps, others = graph.flow.steps, data.draw(st.sampled_from(GRAPHS)).flow.steps
    left_out = [step for step in steps if data.draw(st.booleans())]
    mixed = data.draw(st.permutations(steps))
    return [
        compile_flow(replace(graph.flow, version=number, steps=tuple(drawn)))
        for number, drawn in enumerate([left_out, mixed, others, steps], start=2)
    ]


@settings(max_examples=80)
@given(st.sampled_from(GRAPHS), st.data())
def test_whatever_the_versions_a_moved_enrollment_stands_on_a_step_and_comes_to_an_end(
    graph: Graph, data: st.DataObject
):
    player = Mover(graph, data)
    player.versions = versions_of(graph, data)

    assert player.play().exit in [*ExitReason]


# Faults of successors


@pytest.mark.parametrize(
    ("successors", "said"),
    [
        ({"gone": "nowhere"}, "'nowhere', the successor of 'gone', is no step of this version"),
        ({"hello": "hello"}, "'hello', the successor of 'hello', is no step of this version"),
    ],
)
def test_a_successor_that_leads_nowhere_is_a_fault(successors: dict[str, str], said: str):
    graph = version(HELLO, successors=successors)

    assert [problem for _, problem, _ in validate_steps.successors(graph.flow, NOTHING)] == [said]


def test_successors_that_lead_on_are_no_fault():
    graph = version(HELLO, successors={"gone": "bye", "gone-too": None})

    assert not list(validate_steps.successors(graph.flow, NOTHING))
