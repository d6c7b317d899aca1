"""A flow's text and picture say what will happen, in words for people who do not write Python."""

import os
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sekvens.flows import timetable as timetables
from sekvens.flows.asking import (
    active,
    all_of,
    any_of,
    happened,
    has_trait,
    in_stock,
    needs_again,
    not_,
    owns_product,
    price_stands,
    product_in_stock,
    received,
    subscribed,
    trait_is,
)
from sekvens.flows.builder import (
    TRANSACTIONAL,
    WORKDAYS,
    always,
    answered,
    best_time,
    case,
    clicked,
    days,
    event,
    exit_flow,
    local_time,
    send,
    split,
    wait,
    wait_for,
)
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.order_updates import ORDER_UPDATES
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.conditions import Condition
from sekvens.flows.definition import Flow
from sekvens.flows.durations import as_moment, in_words
from sekvens.flows.explain import as_mermaid, as_text
from sekvens.flows.steps import ExitReason, Step
from sekvens.flows.survey import of_no_day
from sekvens.flows.timetable import timetable
from sekvens.flows.wording import in_force, until_in_words

GOLDEN = Path(__file__).parent / "golden"


def of(*steps: Step) -> Flow:
    return replace(WELCOME, steps=steps)


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
@pytest.mark.parametrize(("form", "ending"), [(as_text, "txt"), (as_mermaid, "mmd")])
def test_a_flow_that_ships_reads_as_its_golden_file(flow: Flow, form, ending: str) -> None:
    golden = GOLDEN / f"{flow.name}.{ending}"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(form(flow), encoding="utf-8")

    assert form(flow) == golden.read_text(encoding="utf-8"), "UPDATE_GOLDEN=1 rewrites it"


def test_days_are_counted_from_the_start_whatever_its_hour() -> None:
    times = timetable(WELCOME)
    sent = ("hello", "who-we-are", "what-others-say", "a-code-for-you")

    shown = [as_moment(times[step].earliest, times[step].latest) for step in sent]

    assert shown == ["at once", "day 2", "day 4", "day 7"]


def test_no_day_is_told_of_what_only_the_facts_know_and_of_what_is_listened_for() -> None:
    assert of_no_day(WELCOME) == {"last-day"}
    assert "order-shipped" in of_no_day(ORDER_UPDATES)
    assert "order-confirmation" not in of_no_day(ORDER_UPDATES)


def test_the_cart_flow_keeps_to_its_days_on_both_ways() -> None:
    times = timetable(CART_ABANDONMENT)
    half = timedelta(hours=12)

    drawn = ("just-a-letter", "the-ride-is-free", "a-small-nudge", "something-extra")
    on_days = {"questions-answered": 1, "nothing-to-lose": 2} | dict.fromkeys(drawn, 4)
    for step_id, day in on_days.items():
        assert days(day) - half <= times[step_id].earliest <= times[step_id].latest
        assert times[step_id].latest <= days(day) + half
    assert days(5.5) <= times["last-word"].earliest <= times["last-word"].latest <= days(8.5)


def test_the_time_after_a_branch_that_leaves_is_the_other_branch_s() -> None:
    leaves = [wait("a-year", days(365)), exit_flow("out")]
    stays = case(subscribed(), wait("a-day", days(1)))

    times = timetable(of(split("who", stays, otherwise=leaves), send("hello")))

    assert times["hello"].latest == days(1)


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_an_hour_that_is_not_tried_would_have_told_nothing_new(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = timetable(flow)
    monkeypatch.setattr(timetables, "_hours_that_differ", lambda _flow: timetables.WEEK_HOURS)

    assert told == timetable.__wrapped__(flow)


def test_a_wait_until_a_weekday_can_take_a_week() -> None:
    monday = local_time("09:00", weekdays=(0,))

    times = timetable(of(wait("until-monday", days(0), until=monday), send("hello")))

    assert times["hello"].earliest == timedelta(0)
    assert times["hello"].latest == days(7) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(0), "no time"),
        (timedelta(seconds=90), "1 minute 30 seconds"),
        (timedelta(hours=4), "4 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=2.5), "2 days 12 hours"),
    ],
)
def test_a_duration_reads_as_people_say_it(duration: timedelta, words: str) -> None:
    assert in_words(duration) == words


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (subscribed(), "they want our marketing"),
        (not_(subscribed()), "they do not want our marketing"),
        (happened("Order Completed"), "they have ordered"),
        (not_(happened("Order Completed")), "they have never ordered"),
        (
            not_(happened("Product Viewed", within=days(1))),
            "they have not looked at a product in the last day",
        ),
        (happened("Quiz Won", within=days(9)), 'they have done "Quiz Won" in the last 9 days'),
        (
            not_(happened("Order Completed", times=2, each="order_id")),
            "they have ordered fewer than 2 times, counting each order once",
        ),
        (
            happened(event("Product Viewed", same="product_id"), times=3, within=days(7)),
            "they have looked at a product (the same product) at least 3 times in the last 7 days",
        ),
        (happened(clicked("hello")), "they have clicked a link in hello"),
        (
            happened(answered("still-interested", "no")),
            'they have answered "no" to still-interested',
        ),
        (active(within=days(9)), "they have given a sign of life in the last 9 days"),
        (not_(active(within=days(9))), "they have given no sign of life in the last 9 days"),
        (not_(received(5)), "they have had fewer than 5 of our marketing e-mails"),
        (not_(in_stock()), "everything in the cart is sold out"),
        (not_(owns_product()), "they do not own the product"),
        (product_in_stock(), "the product is in stock"),
        (not_(product_in_stock()), "the product is sold out"),
        (price_stands(), "its price has not gone up again"),
        (
            not_(needs_again(ahead=days(4), overdue=days(14))),
            (
                "it is not so that they need something again within 4 days, or have needed it for "
                "14 days at the most"
            ),
        ),
        (not_(has_trait("birthday")), "we do not know their birthday"),
        (trait_is("city", "Delsbo"), "their city is Delsbo"),
        (not_(trait_is("city", "Delsbo")), "their city is not Delsbo"),
        (
            all_of(subscribed(), any_of(trait_is("a", "b"), trait_is("c", "d"))),
            "they want our marketing and (their a is b or their c is d)",
        ),
        (
            not_(any_of(subscribed(), trait_is("a", "b"))),
            "it is not so that (they want our marketing or their a is b)",
        ),
        (all_of(), "always"),
        (any_of(), "never"),
    ],
)
def test_a_condition_reads_as_people_say_it(condition: Condition, words: str) -> None:
    assert in_force(condition) == words


def test_weekdays_are_named() -> None:
    assert until_in_words(local_time("09:00", WORKDAYS)).endswith(", on a working day")
    assert until_in_words(local_time("09:00", (0, 4))).endswith(", on a Monday or Friday")


def test_a_best_hour_is_told_with_its_window_and_what_it_is_until_enough_is_known() -> None:
    lunch = best_time("11:30", "13:00", otherwise="12:00", weekdays=WORKDAYS, delay_max=days(3))

    assert until_in_words(lunch) == (
        "the hour from 11:30 to 13:00 that suits them (12:00 until enough is known, "
        "at most 3 days later) where the contact lives, on a working day"
    )


def test_the_text_tells_what_the_shipped_flows_do_not_have() -> None:
    steps = (
        send("hello", purpose=TRANSACTIONAL, because="they asked for it"),
        wait_for("wins", event("Quiz Won", prize="socks"), timeout=days(1), then=[exit_flow("x")]),
        wait("a-day", days(1), restart_on="Cart Viewed"),
    )

    text = as_text(replace(WELCOME, steps=steps, entry=(), trigger_when=(), reentry=always()))

    assert "sends hello (transactional: they asked for it)" in text
    assert 'waits up to 1 day for them to do "Quiz Won" (prize is socks)' in text
    assert "leaves the flow: completed" in text
    assert "if they do not, goes on at once" in text
    assert "waits 1 day; anew when they look at the cart" in text
    assert "- everybody" in text
    assert "- again whenever it happens" in text


def test_a_flow_without_steps_is_told_all_the_same() -> None:
    assert "ends: completed" in as_text(of())
    assert "trigger --> over" in as_mermaid(of())


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_every_arrow_of_the_picture_joins_nodes_that_are_drawn(flow: Flow) -> None:
    lines = as_mermaid(flow).splitlines()[1:]
    drawn = {re.match(r"\s*(\w+)", line)[1] for line in lines if "-->" not in line}
    ends = [re.fullmatch(r"\s*(\w+) -->(?:\|\"[^\"]*\"\|)? (\w+)", line) for line in lines]
    arrows = {end.groups() for end in ends if end}

    assert {node for arrow in arrows for node in arrow} <= drawn
    assert drawn - {"trigger", "anywhere"} <= {"over"} | {end for _, end in arrows} | {"anywhere"}


def test_a_quotation_mark_cannot_break_the_picture() -> None:
    drawn = as_mermaid(of(send("hello", offer='<"#">'), exit_flow("end", ExitReason.FAILED)))

    assert 'offer #quot;#lt;#quot;#35;#quot;#gt;#quot;"]' in drawn
    assert 'step_end(["leaves: failed"])' in drawn
