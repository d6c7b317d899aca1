"""One contact over all flows at once: what meets, meets as it does in production."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekvens.consent_section import ConsentSettings, Topic
from sekvens.enrollments.wire import EnrollmentInput
from sekvens.flows.asking import active, happened, lapsed, order_expected
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.catalogue.cart_abandonment import CART_ABANDONMENT
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.commands import SendMessage
from sekvens.flows.conditions import AllOf, AnyOf, Condition, DateWithin, Not, Received
from sekvens.flows.dealings import ClickRate, EngagementIs, Ordered, Spent, Viewed
from sekvens.flows.graph import compile_flow
from sekvens.flows.lots import EVERYTHING, draw, is_held_out
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.state import State, changed
from sekvens.flows.steps import Mode
from sekvens.flows.survey import sends
from sekvens.segments.figures import Foretold
from sekvens.segments.lasting import RECEIVED, Lasting, having_got, lasting
from sekvens.segments.memory import PastEvent, holds
from sekvens.settings import load_settings
from sekvens.simulator import entries
from sekvens.simulator.driver import run_scenario
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.foresight import live
from sekvens.simulator.invariants import Invariant, breaches
from sekvens.simulator.moments import What
from sekvens.simulator.population import people
from sekvens.simulator.scenario import PastAct, Scenario
from sekvens.simulator.stage import Stage, set_stage
from sekvens.simulator.story import Outage, Person, Population, StockChange, Story
from sekvens.simulator.telling import tell
from sekvens.simulator.timeline import trace
from tests.unit.telling_stories import HOME, START, a_stage, emails, reasons, somebody, told
from workflows.orders import send_order

DAY = timedelta(days=1)


def test_a_purchase_ends_what_sells_and_begins_what_follows():
    lived = told("subscribes", "puts a product into the cart on day 1", "buys on day 3")

    assert set(reasons(lived, What.LEFT)) >= {
        ("welcome", "converted"), ("cart-abandonment", "converted"),
    }  # fmt: skip
    after = [moment.flow for moment in lived.sent() if moment.at >= START + 3 * DAY]
    assert {"welcome", "cart-abandonment"}.isdisjoint(after)
    assert "order-updates/order-confirmation" in emails(lived)


def test_a_deeper_flow_takes_over_and_the_cap_holds_the_others():
    lived = told(
        "subscribes", "puts a product into the cart on day 1", "starts the checkout on day 2"
    )

    assert ("cart-abandonment", "superseded") in reasons(lived, What.LEFT)
    held = {reason for _, reason in reasons(lived, What.HELD)}
    assert {"priority", "frequency_cap"} <= held


def test_what_is_held_when_its_enrollment_ends_is_skipped_and_says_so():
    lived = told(
        "subscribes",
        "puts a product into the cart on day 1 at 08:00",
        "buys on day 2 at 19:00",
    )

    assert ("welcome", "exited") in reasons(lived, What.SKIPPED)
    assert "welcome/who-we-are" not in emails(lived)


def test_who_moves_gets_e_mails_by_the_clock_of_where_they_live():
    lived = told("subscribes", "moves to New York on day 1")

    zones = {email.zone for email in lived.sent()[1:]}
    assert zones == {"America/New_York"}
    assert ("welcome", "quiet_hours") in reasons(lived, What.HELD)


def test_an_act_before_an_e_mail_comes_just_before_it_and_nothing_after():
    without = told("subscribes")
    lived = told("subscribes", "unsubscribes one minute before e-mail 4")

    left = next(moment for moment in lived.moments if moment.what is What.LEFT)
    assert left.at == without.sent()[3].at - timedelta(minutes=1)
    assert emails(lived) == emails(without)[:3]


def test_an_act_about_an_e_mail_that_never_comes_is_told_as_never_done():
    lived = told("subscribes", "unsubscribes one minute before e-mail 99", "clicks e-mail 98")

    assert {act.text for act in lived.never} == {
        "unsubscribes one minute before e-mail 99", "clicks e-mail 98",
    }  # fmt: skip


def test_an_outage_delays_and_loses_nothing():
    outage = Outage(begins=START + 2 * DAY, ends=START + 2 * DAY + timedelta(hours=30))
    stage = a_stage(outages=(outage,))
    without = told("subscribes")
    lived = told("subscribes", stage=stage)

    assert ("welcome", "not_sent") in reasons(lived, What.HELD) or emails(lived) == emails(without)
    assert all(not outage.begins <= email.at < outage.ends for email in lived.sent())
    assert emails(lived) == emails(without)


def test_a_scan_finds_whom_a_state_puts_into_a_flow():
    lived = told("subscribes 100 days ago", "buys 70 days ago", birthday="03-20")

    entered = {moment.flow for moment in lived.moments if moment.what is What.ENTERS}
    assert {"winback", "birthday"} <= entered


def test_one_flow_alone_goes_as_the_driver_of_scenarios_has_it():
    graph = compile_flow(next(flow for flow in CATALOGUE if flow.name == "welcome"))
    alone = Scenario(
        flow="welcome", start=START, zone=HOME, entry_key=None, subscribed=True, traits={},
        past=(PastAct(ago=timedelta(0), name="Email Subscribed"),), events=(), outcomes={},
        offers={"welcome": a_stage().offers["welcome"]},
    )  # fmt: skip
    passage = run_scenario(graph, alone)

    lived = told("subscribes")
    sent = [(email.at, email.step) for email in lived.sent() if email.flow == "welcome"]
    assert sent == list(passage.sent)


def test_a_population_goes_the_same_way_every_time_and_nothing_happens_that_never_must():
    drawn = Population(contacts=60, seed=7)
    stage = a_stage(60)

    first = tell(stage, people(drawn, days=60), timelines=60)
    second = tell(stage, people(drawn, days=60), timelines=60)

    assert [trace(lived) for lived in first.told] == [trace(lived) for lived in second.told]
    assert first.emails > 60
    assert first.broken == []
    assert len({tuple(trace(lived)) for lived in first.told}) > 10


def test_scans_that_look_only_where_something_may_have_changed_find_what_daily_ones_find(
    monkeypatch,
):
    stage, drawn = a_stage(90), [*people(Population(contacts=40, seed=3), days=90)]
    seldom = [live(stage, person).moments for person in drawn]

    def asked_daily(_condition, _facts, *, now):
        return Lasting(answer=False, until=now, unless=frozenset())

    monkeypatch.setattr(entries, "lasting", asked_daily)

    assert [live(stage, person).moments for person in drawn] == seldom
    found = {each.flow for lived in seldom for each in lived if each.what is What.ENTERS}
    assert {"birthday", "winback"} <= found


def test_a_story_goes_the_same_way_with_a_journal_and_without(monkeypatch):
    stage, drawn = a_stage(60), [*people(Population(contacts=15, seed=5), days=60)]
    without = [live(stage, person).moments for person in drawn]

    monkeypatch.setattr(entries, "Unwritten", State)

    assert [live(stage, person).moments for person in drawn] == without
    assert sum(map(len, without)) > 100


@pytest.mark.parametrize("flow", CATALOGUE, ids=lambda flow: flow.name)
def test_a_step_is_ordered_as_the_workflow_orders_it(flow):
    graph, pinned = (
        compile_flow(flow),
        EnrollmentInput(enrollment_id="", contact_id="", flow={}, started_at=START),
    )
    for step in sends(flow):
        command = SendMessage(step=step, due_at=START, next_step="next", resume=None, skip=True)
        order = send_order(pinned, graph, command, now=START + DAY, speed=1.0)

        kept = a_stage().order_for(flow, step)
        own = changed(kept, now=START + DAY, due_at=START, started_at=START, next_step="next")
        assert replace(own, skip=True) == order


def test_a_mode_that_a_person_sets_on_another_stage_counts_there():
    stage, first = a_stage(), next(sends(WELCOME))
    assert stage.mode_of(WELCOME, first) is Mode.LIVE

    by_hand = replace(stage, by_hand={"welcome": {first.id: Mode.DRAFT}})

    assert by_hand.mode_of(WELCOME, first) is Mode.DRAFT
    assert stage.mode_of(WELCOME, first) is Mode.LIVE


# What marketing rests on, and what is in stock.


def going_by(stage: Stage, **consent: Any) -> Stage:
    return replace(stage, consent=ConsentSettings(**consent))


def test_a_purchase_is_a_basis_for_marketing_where_the_shop_goes_by_it_and_for_so_long():
    bought = ("buys a-hat 20 days ago", "puts a-scarf into the cart")
    short = going_by(a_stage(30), soft_opt_in=True, soft_opt_in_days=10)

    without = told(*bought, stage=a_stage(30))
    with_it = told(*bought, stage=going_by(a_stage(30), soft_opt_in=True))
    too_long_ago = told(*bought, stage=short)
    refunded = told(
        "buys a-hat 20 days ago", "the order is refunded 2 days ago", *bought[1:],
        stage=going_by(a_stage(30), soft_opt_in=True),
    )  # fmt: skip

    assert not any(email.marketing for email in without.sent())
    assert any(email.marketing for email in with_it.sent())
    assert breaches(with_it, going_by(a_stage(30), soft_opt_in=True)) == []
    assert {each.invariant for each in breaches(with_it, short)} == {Invariant.WITHOUT_CONSENT}
    for lived in (too_long_ago, refunded):
        assert not any(email.marketing for email in lived.sent())
        assert SkipReason.NO_CONSENT in {text for _, text in reasons(lived, What.SKIPPED)}


def test_who_has_said_no_gets_no_marketing_for_having_bought():
    stage = going_by(a_stage(30), soft_opt_in=True)

    lived = told("subscribes 9 days ago", "unsubscribes 8 days ago", "buys a-hat", stage=stage)

    assert not any(email.marketing for email in lived.sent())


def test_a_topic_that_is_left_out_is_left_out_and_comes_again_when_it_is_wanted_again():
    news = {"news": Topic(name={"sv": "Nytt"}, flows=("welcome",))}
    stage = going_by(a_stage(20), topics=news)

    left = told("subscribes", "wants nothing about news on day 1", stage=stage)
    both = ("wants nothing about news on day 1", "wants to hear about news again after 25h")
    back = told("subscribes", *both, stage=stage)
    never = told("subscribes", stage=stage)

    assert emails(left) == ["welcome/hello"]
    assert ("welcome", "unsubscribed") in reasons(left, What.LEFT)
    assert emails(back) == emails(never)


@pytest.mark.parametrize(("is_back", "comes"), [(False, 0), (True, 1)])
def test_a_cart_of_what_is_sold_out_is_not_reminded_of(is_back, comes):
    gone = StockChange(at=START + timedelta(hours=1), product="a-hat", is_sold_out=True)
    back = StockChange(at=START + timedelta(hours=2), product="a-hat", is_sold_out=False)
    stage = replace(a_stage(3), stock=(gone, back) if is_back else (gone,))

    lived = told("subscribes 30 days ago", "puts a-hat into the cart", stage=stage)
    other = told(
        "subscribes 30 days ago", "puts a-hat into the cart", "puts a-scarf into the cart",
        stage=stage,
    )  # fmt: skip

    assert emails(lived).count("cart-abandonment/your-cart-misses-you") == comes
    assert emails(other).count("cart-abandonment/your-cart-misses-you") == 1
    if not is_back:
        assert ("cart-abandonment", "no_longer_matches") in reasons(lived, What.LEFT)


@pytest.mark.parametrize(
    ("did", "hours", "gets"),
    [
        ("asks to be told of a-hat", 48, ["back-in-stock/as-you-asked"]),
        ("looks at a-hat", 48, ["back-in-stock/it-is-back"]),
        ("looks at a-hat", 3, []),
        ("looks at a-scarf", 48, []),
    ],
)
def test_who_waits_for_what_is_sold_out_is_told_when_it_is_back(did, hours, gets):
    gone = StockChange(at=START + timedelta(hours=1), product="a-hat", is_sold_out=True)
    back = replace(gone, at=gone.at + timedelta(hours=hours), is_sold_out=False)
    stage = replace(a_stage(5), stock=(gone, back))
    lived = told("subscribes 30 days ago", did, stage=stage)
    buys = told("subscribes 30 days ago", did, "buys a-hat after 40m", stage=stage)

    assert [name for name in emails(lived) if name.startswith("back")] == gets
    assert not [name for name in emails(buys) if name.startswith("back")]


# How long an answer lasts.

NAMES = ("Order Completed", "Product Viewed", "Email Subscribed")
spans = st.integers(1, 60).map(lambda number: timedelta(days=number))
leaves = st.one_of(
    st.builds(lambda name, within: happened(name, within=within), st.sampled_from(NAMES), spans),
    st.builds(lambda times, within: Received(times=times, within=within), st.integers(1, 4), spans),
    st.builds(lambda within: DateWithin(trait="birthday", within=within), spans),
    st.just(lapsed()),
    st.builds(lambda within: order_expected(within=within), spans),
    st.builds(lambda within: active(within=within), spans),
    st.builds(lambda within: Ordered(times=1, within=within), spans),
    st.builds(lambda within: Spent(measure="total", at_least=0, within=within), spans),
    st.builds(lambda within: Viewed(times=2, within=within), spans),
    st.builds(lambda within: ClickRate(at_least=50, within=within), spans),
    st.builds(EngagementIs, level=st.sampled_from(["new", "active", "cooling", "dormant"])),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(lambda one: Not(condition=one), inner),
        st.builds(lambda some: AllOf(conditions=tuple(some)), st.lists(inner, max_size=3)),
        st.builds(lambda some: AnyOf(conditions=tuple(some)), st.lists(inner, max_size=3)),
    ),
    max_leaves=4,
)


@settings(max_examples=200)
@given(
    condition=conditions,
    past=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 100 * 24)), max_size=5),
    received=st.lists(st.integers(0, 100), max_size=4),
    birthday=st.sampled_from((None, "03-20", "12-31", "02-29")),
    foretold=st.none()
    | st.builds(Foretold, st.just(START - DAY), spans.map(lambda on: START + on)),
    later=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 100 * 24)), max_size=4),
)
def test_an_answer_stands_for_as_long_as_it_is_said_to_unless_what_it_names_changes(
    condition: Condition, past, received, birthday, foretold, later
):
    facts = GrowingFacts(zone=HOME, traits={"birthday": birthday} if birthday else {})
    for name, hours in sorted(past, key=lambda each: -each[1]):
        facts.happen(PastEvent(name, {}, START - timedelta(hours=hours)))
    facts.next_order = foretold
    facts.received = sorted(START - timedelta(days=days) for days in received)

    answer, until, unless = lasting(condition, facts, now=START)

    assert answer is holds(condition, facts, now=START)
    for name, hours in later:
        if name not in unless:
            facts.happen(PastEvent(name, {}, START + timedelta(hours=hours)))
    for _ in range(2):
        if unless.isdisjoint({RECEIVED, having_got(len(facts.received) + 1)}):
            facts.receive(START + DAY)
    last = START + 120 * DAY if until is None else until
    asked = {START + timedelta(hours=hour) for hour in range(0, 120 * 24, 7)}
    assert {holds(condition, facts, now=at) for at in {*asked, last} if at <= last} == {answer}


def test_who_asks_for_five_e_mails_hears_of_the_fifth_and_of_none_before():
    facts, five = GrowingFacts(zone=HOME, traits={}), Received(times=5)
    news = []
    for number in range(5):
        unless = lasting(five, facts, now=START).unless
        facts.changed.clear()
        facts.receive(START - number * DAY)
        news.append(not facts.changed.isdisjoint(unless))

    assert news == [False, False, False, False, True]
    assert holds(five, facts, now=START)


MANY = [f"c-{number}" for number in range(40)]


def test_who_is_held_out_of_everything_gets_order_mail_and_no_marketing():
    stage = replace(a_stage(20), holdout=0.5)
    held, treated = (
        next(name for name in MANY if is_held_out(EVERYTHING, name, 0.5) is wanted)
        for wanted in (True, False)
    )
    acts = somebody("subscribes", "buys on day 3").acts
    lives = [live(stage, Person(name=name, zone=HOME, acts=acts)) for name in (held, treated)]

    got = [{email.flow for email in lived.sent()} for lived in lives]
    assert got[0] == {"order-updates"}
    assert {"welcome", "order-updates"} <= got[1]
    assert {"holdout"} == {reason for _, reason in reasons(lives[0], What.SKIPPED)}


def test_a_flow_with_a_holdout_takes_nobody_whom_the_lot_keeps_out():
    welcome = replace(WELCOME, holdout=0.5)
    story = Story(name="a-test", about="", starts=START, days=20)
    stage = set_stage(story, load_settings({}), [welcome])
    acts = somebody("subscribes").acts
    lives = {n: live(stage, Person(name=n, zone=HOME, acts=acts)) for n in MANY[:8]}

    entered = {name: bool(lived.sent()) for name, lived in lives.items()}
    assert entered == {name: not is_held_out("welcome", name, 0.5) for name in lives}
    assert set(entered.values()) == {True, False}


def test_a_contact_of_a_story_draws_by_their_name():
    acts = somebody("subscribes", "puts a product into the cart on day 1").acts
    story = Story(name="a-test", about="", starts=START, days=20)
    stage = set_stage(story, load_settings({}), [CART_ABANDONMENT])
    lives = {n: live(stage, Person(name=n, zone=HOME, acts=acts)) for n in MANY[:6]}
    names = ("holdout", "none", "free-shipping", "percentage", "gift")
    weights = tuple((name, 1.0) for name in names)

    nudged = {n: "cart-abandonment/a-small-nudge" in emails(life) for n, life in lives.items()}
    drawn = {n: draw("cart-abandonment/which-incentive", n, weights) for n in lives}
    assert nudged == {name: variant == "percentage" for name, variant in drawn.items()}
    assert set(nudged.values()) == {True, False}
