"""The map of a flow: what follows each step, what the flow listens for, how long it can take."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sekvens.flows.asking import subscribed
from sekvens.flows.builder import (
    TRANSACTIONAL,
    case,
    date_of,
    days,
    event,
    exit_flow,
    exit_on,
    hours,
    send,
    split,
    wait,
    wait_for,
)
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.steps import ExitReason, Step

DAY = days(1)


def of(*steps: Step) -> Graph:
    return compile_flow(replace(WELCOME, steps=steps))


def nested(depth: int) -> Flow:
    """A flow whose every branch holds another, `depth` deep."""
    steps: tuple[Step, ...] = (send("deepest"),)
    for level in range(depth):
        waits = wait_for(f"w{level}", event("X"), timeout=days(1), then=steps, otherwise=())
        steps = (send(f"s{level}"), waits)
    return replace(WELCOME, steps=steps)


def test_a_step_is_followed_by_the_next_one_and_the_last_by_nothing() -> None:
    graph = of(send("a"), wait("b", days(1)), send("c"))

    assert graph.first == "a"
    assert graph.following == {"a": "b", "b": "c", "c": None}


def test_a_branch_comes_back_to_what_follows_its_step() -> None:
    inner = split("which", case(subscribed(), send("yes")), otherwise=[send("no")])
    graph = of(wait_for("looks", event("X"), timeout=days(1), then=[inner]), send("after"))

    assert {graph.following[step] for step in ("looks", "which", "yes", "no")} == {"after"}


def test_an_empty_branch_leads_on_at_once() -> None:
    graph = of(wait_for("looks", event("X"), timeout=days(1), then=[send("yes")]), send("after"))

    assert graph.enter(graph.steps["looks"].then, "looks") == "yes"
    assert graph.enter(graph.steps["looks"].otherwise, "looks") == "after"


def test_a_duplicate_id_keeps_its_first_step() -> None:
    graph = of(send("a", offer="first"), send("a", offer="second"))

    assert graph.steps["a"].offer == "first"


def test_an_unsubscribe_ends_a_flow_that_is_marketing_only() -> None:
    reasons = [rule.reason for rule in compile_flow(WELCOME).exit_rules()]

    assert reasons == [ExitReason.CONVERTED, ExitReason.UNSUBSCRIBED, ExitReason.SUPPRESSED]


def test_an_unsubscribe_leaves_a_flow_with_a_transactional_send_alone() -> None:
    graph = of(send("a"), send("b", purpose=TRANSACTIONAL, because="a receipt"))

    assert not graph.is_marketing_only()
    assert [rule.reason for rule in graph.exit_rules()] == [ExitReason.CONVERTED]


def test_a_flow_listens_for_exits_restarts_and_what_it_waits_for_each_once() -> None:
    keys = [pattern.key for pattern in compile_flow(CART_ABANDONMENT).listens()]

    assert keys == [
        "Order Completed",
        "Checkout Started",
        "Payment Pending",
        "Cart Emptied",
        "Unsubscribed",
        "Contact Suppressed",
        "Product Added",
        "Cart Viewed",
    ]


def test_the_flow_s_own_exit_rule_wins_over_the_one_that_the_law_adds() -> None:
    own = exit_on("Unsubscribed", ExitReason.NO_LONGER_MATCHES)
    rules = compile_flow(replace(WELCOME, exit_when=(own,))).exit_rules()

    assert next(rule for rule in rules if rule.pattern.name == "Unsubscribed") == own


def test_the_longest_way_is_the_sum_of_waits_and_of_the_longest_branches() -> None:
    branch = wait_for("x", event("X"), timeout=days(2), then=[wait("y", days(3))])
    either = split("z", case(subscribed(), wait("u", hours(1))), otherwise=[exit_flow("v")])

    assert of(wait("a", days(1)), branch, either).duration_max() == days(6) + hours(1)


def test_the_next_e_mail_comes_after_the_waits_on_the_straightest_way() -> None:
    either = split("which", case(subscribed(), wait("long", days(9))), otherwise=[])
    looks = wait_for("looks", event("X"), timeout=days(2), then=[send("soon")])
    graph = of(send("a"), wait("b", days(1)), looks, either, wait("c", hours(3)), send("d"))

    assert graph.until_next_send("a") == days(0)
    assert graph.until_next_send("b") == days(3) + hours(3)
    assert graph.until_next_send("long") == days(9) + hours(3)


def test_no_next_e_mail_is_known_at_the_end_or_beyond_a_date() -> None:
    graph = of(
        send("a"),
        wait("b", days(1), until=date_of("birthday", at="09:00")),
        send("c"),
        wait("d", DAY),
    )

    assert graph.until_next_send("b") is None
    assert graph.until_next_send("d") is None
    assert graph.until_next_send(None) is None
    assert of(wait("b", DAY), exit_flow("over"), send("c")).until_next_send("b") is None


def test_behind_a_wait_come_the_sends_that_nothing_else_is_waited_for_before() -> None:
    ways = split("s", case(subscribed(), send("a"), send("b")), otherwise=[wait("w", DAY)])
    graph = of(wait("first", DAY), ways, send("z"), wait("last", DAY))

    assert graph.sends_behind("first") == {"a"}
    assert graph.sends_behind("w") == {"z"}
    assert graph.sends_behind("last") == graph.sends_behind("no-such-step") == frozenset()


def test_the_next_e_mail_is_found_however_often_branches_meet_again() -> None:
    forks = [
        split(f"s{each}", case(subscribed(), wait(f"w{each}", DAY)), otherwise=[])
        for each in range(60)
    ]

    assert of(*forks, wait("x", DAY), send("y")).until_next_send("s0") == DAY


@given(st.integers(0, 20))
def test_however_deep_every_step_is_on_the_map_and_every_way_ends(depth: int) -> None:
    graph = compile_flow(nested(depth))
    longest = len(graph.steps)

    for step_id in graph.steps:
        walked, at = 0, step_id
        while at is not None:
            walked, at = walked + 1, graph.following[at]
        assert walked <= longest
