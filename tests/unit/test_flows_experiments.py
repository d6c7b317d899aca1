"""Experiments in flows: what they say, where they lead, and what is wrong with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sekvens.flows import interpreter
from sekvens.flows.builder import (
    MARKETING,
    TRANSACTIONAL,
    clicked,
    days,
    event,
    exit_on,
    flow,
    goal,
    hours,
    send,
    wait,
    wait_for,
)
from sekvens.flows.changes import changes
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import Ask, SendMessage, WhichVariant
from sekvens.flows.definition import Flow
from sekvens.flows.doing import doing
from sekvens.flows.experimenting import (
    CLICKS,
    ORDERS,
    REVENUE,
    experiment,
    holdout,
    subjects,
    variant,
)
from sekvens.flows.explain import as_mermaid, as_text
from sekvens.flows.graph import compile_flow
from sekvens.flows.known import Known
from sekvens.flows.steps import ExitReason, Experiment, Step
from sekvens.flows.validate import validate
from sekvens.simulator.driver import run_scenario
from sekvens.simulator.scenario import Scenario

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
LETTERS = [f"letters/{name}" for name in ("hello", "one", "two", "three", "receipt")]
KNOWN = Known(
    events=frozenset({"Email Subscribed", "Order Completed", "Email Link Clicked"}),
    templates={"sv": frozenset(LETTERS)},
    second_subjects={"sv": frozenset({"letters/hello"})},
    offers={},
    locales=("sv",),
)


def ways(**changes: Any) -> Experiment:
    given: dict[str, Any] = {"contacts": 2_000} | changes
    return experiment(
        "way",
        variant("plain", send("one")),
        variant("slow", wait("a-day", days(1)), send("two"), weight=2),
        holdout(),
        **given,
    )


def letters(*steps: Step, **changes: Any) -> Flow:
    given: dict[str, Any] = {
        "version": 1,
        "purpose": MARKETING,
        "trigger": event("Email Subscribed"),
        "exit_when": [exit_on("Order Completed", ExitReason.CONVERTED)],
        "goal": goal("Order Completed", within=days(5)),
        "steps": list(steps) or [ways(), send("three")],
    }
    return flow("letters", **(given | changes))


def faults(*steps: Step, **changes: Any) -> list[str]:
    found = validate(letters(*steps, **changes), KNOWN)
    return [f"{fault.step}: {fault.problem}" for fault in found]


def test_an_experiment_asks_for_the_variant_and_tells_all_that_the_draw_needs():
    graph = compile_flow(letters())
    state, command = interpreter.decide(graph, interpreter.start(graph, NOON), NOON)

    assert isinstance(command, Ask)
    question = command.question
    assert isinstance(question, WhichVariant)
    assert from_json(WhichVariant, to_json(question)) == question
    assert (question.flow, question.version, question.within) == ("letters", 1, days(5))
    assert [(v.name, v.weight, v.steps) for v in question.step.variants] == [
        ("plain", 1, ()), ("slow", 2, ()), ("holdout", 1, ()),
    ]  # fmt: skip
    assert question.next_steps == ("one", "a-day", "three")
    assert doing(graph, state, NOON) == "decides at way"


@pytest.mark.parametrize(
    ("branch", "step", "note"),
    [(0, "one", "plain"), (1, "a-day", "slow"), (2, "three", "holdout"), (None, "one", "plain")],
)
def test_the_answer_leads_into_the_variant_and_the_journal_says_which(
    branch: int | None, step: str, note: str
):
    graph = compile_flow(letters())
    state = interpreter.answer(graph, interpreter.start(graph, NOON), branch, None, now=NOON)

    assert state.step == step
    assert state.journal[-1].text == f"way: variant {note}"


@pytest.mark.parametrize(
    ("name", "sent"),
    [("plain", ["one", "three"]), ("slow", ["two", "three"]), ("holdout", ["three"])],
)
def test_a_scenario_says_which_variant_is_drawn(name: str, sent: list[str]):
    told = Scenario(
        flow="letters", start=NOON, zone="Europe/Stockholm", entry_key=None, subscribed=True,
        traits={}, past=(), events=(), outcomes={}, offers={}, variants={"way": name},
    )  # fmt: skip
    passage = run_scenario(compile_flow(letters()), told, through_json=True)

    assert [step for _, step in passage.sent] == sent
    assert passage.state.exit is ExitReason.COMPLETED


def test_a_second_subject_is_the_same_e_mail_with_another_subject():
    compared = letters(subjects("subject", send("hello"), contacts=2_000))
    first, second = (each.steps[0] for each in compared.steps[0].variants)  # type: ignore[union-attr]
    graph = compile_flow(compared)
    state = interpreter.answer(graph, interpreter.start(graph, NOON), 1, None, now=NOON)
    _, command = interpreter.decide(graph, state, NOON)

    assert isinstance(command, SendMessage)
    assert command.step == second
    assert compared.template_of(second) == compared.template_of(first) == "letters/hello"
    assert (first.has_second_subject, second.has_second_subject) == (False, True)
    assert validate(compared, KNOWN) == []


def test_it_is_told_in_words_and_drawn():
    text, picture = as_text(letters(holdout=0.1)), as_mermaid(letters())

    assert (
        "draws a variant by lot (compared by who order, 2,000 contacts, 10 looks, a person adopts)"
        in text
    )
    assert "for 50 %, slow:" in text
    assert "for 25 %, holdout, goes on at once" in text
    assert "The lot keeps 10 % out, and they stay out: for comparison." in text
    assert 'step_way -->|"50 % slow"| step_a_day' in picture
    assert 'step_way -->|"25 % holdout"| step_three' in picture


def test_a_change_of_weights_is_told_when_a_version_is_compared():
    old, new = compile_flow(letters()), compile_flow(letters(ways(contacts=4_000), send("three")))

    assert [change.step for change in changes(old, new, (), {})] == ["way"]


def test_the_longest_variant_counts_and_the_soonest_e_mail_is_expected():
    graph = compile_flow(letters())

    assert graph.duration_max() == days(1)
    assert graph.until_next_send("way") == timedelta(0)


def test_the_same_e_mail_in_two_variants_is_no_repetition_and_behind_them_it_is():
    def when(name: str, length: timedelta) -> Any:
        return variant(name, wait(f"{name}-wait", length), send(name, template="letters/one"))

    pair = experiment("when", when("soon", hours(1)), when("late", hours(9)), contacts=500)

    assert faults(pair) == []
    assert faults(pair, send("one")) == ["one: it sends letters/one like soon, word for word"]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (experiment("way", variant("a", send("one")), contacts=500), "it compares nothing"),
        (
            experiment("way", variant("a", send("one")), variant("a", send("two")), contacts=500),
            "2 of its variants are called 'a'",
        ),
        (
            experiment("way", variant("a", send("one")), variant("B", send("two")), contacts=500),
            "'B' is no name for a variant",
        ),
        (
            experiment("way", variant("a", send("one")), holdout(0.0), contacts=500),
            "nobody can draw 'holdout' with a weight of 0.0",
        ),
        (ways(contacts=199), "199 contacts show nothing"),
        (ways(looks=61), "it cannot be looked at 61 times"),
        (
            ways(measure=CLICKS),
            "it counts clicks, and holdout sends nothing that can be clicked",
        ),
    ],
)
def test_what_cannot_be_drawn_or_decided_is_a_fault(wrong: Experiment, problem: str):
    assert f"way: {problem}" in faults(wrong)


def test_order_mail_is_withheld_from_nobody():
    receipt = send("receipt", purpose=TRANSACTIONAL, because="it is the receipt")
    inside = experiment("way", variant("all", receipt), holdout(), contacts=500, measure=REVENUE)

    assert faults(inside) == ["way: one of its variants withholds a transactional e-mail"]
    assert faults(receipt, holdout=0.1) == [
        "None: its holdout would keep transactional e-mails from those who are to have them"
    ]
    assert faults(send("one"), holdout=0.6) == ["None: its holdout 0.6 is no share of contacts"]
    assert faults(ways(measure=ORDERS), holdout=0.5) == []


def test_a_step_may_listen_for_what_one_variant_sends():
    looked = wait_for("a-click", clicked("one"), timeout=days(1), then=[send("three")])

    assert faults(ways(), looked) == []
