"""Backfills: who qualifies from the past, where they begin, and that nobody enters twice."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sekvens.backfills.filling import Backfill, NoBackfill, Report, Terms
from sekvens.backfills.past import Place
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments import moves
from sekvens.enrollments.publish import Change, publish
from sekvens.enrollments.tables import EnrollmentState
from sekvens.flows import interpreter
from sekvens.flows.asking import has_trait
from sekvens.flows.builder import (
    DRAFT,
    always,
    audience,
    date_of,
    days,
    hours,
    once,
    send,
    wait,
)
from sekvens.flows.codec import from_json
from sekvens.flows.commands import SendMessage, SleepUntil
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.joining import join
from sekvens.flows.moving import Policy
from sekvens.flows.state import State
from sekvens.settings import load_settings
from tests.unit.relaying import World, cart_flow, store_templates

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
STEPS = [
    wait("settle", hours(4), restart_on="Product Added"),
    send("your-cart", lateness_max=days(30)),
    wait("two-days", days(2)),
    send("questions", lateness_max=days(30)),
    wait("a-week", days(7)),
    send("last-word", lateness_max=days(30)),
]


def carts(**changes: Any) -> Flow:
    return cart_flow(**({"steps": STEPS, "reentry": once()} | changes))


@pytest.fixture
def world(sqlite_database: Database, clock: FrozenClock) -> World:
    return World(sqlite_database, clock)


def adds(world: World, who: str, *, ago: timedelta, key: str = "k1") -> None:
    world.happens(who, "Product Added", ago=ago, cart_id=key)


def goes_live(world: World, flow: Flow | None = None) -> None:
    """Publish the flow after all that has happened was relayed."""
    world.expand_all()
    world.clock.move(timedelta(minutes=1))
    with world.database.write() as session:
        now = world.clock.now()
        publish(session, flow or carts(), now=now, store_templates=store_templates)


def fill(
    world: World, place: Place = Place.SCHEDULE, *, rehearses: bool = False, **terms: Any
) -> Report:
    given = Terms(**({"since": days(30), "place": place, "an_hour": 60} | terms))
    return Backfill(world.database, world.clock, load_settings({}), "cart", given).run(
        rehearses=rehearses
    )


async def test_who_would_stand_in_the_middle_begins_there_and_gets_nothing_of_before(
    database: Database, clock: FrozenClock
):
    world = World(database, clock)
    world.contact("c-maja")
    adds(world, "c-maja", ago=days(3))
    goes_live(world)
    report = fill(world)
    await world.relay_all()

    assert report.steps == Counter({"a-week": 1})
    [row] = world.enrollments()
    assert (row.step_id, row.started_at, row.next_send_at) == (
        "a-week", NOON - days(3), NOON - days(3) + hours(4) + days(9),
    )  # fmt: skip
    [started] = world.temporal.all_executions
    begun = started.start.input
    state, graph = from_json(State, begun.state), compile_flow(carts())
    assert (state.step, state.due_at, begun.started_at) == (
        "a-week",
        row.next_send_at,
        NOON - days(3),
    )
    assert [line.text for line in state.journal] == ["enrolled in cart v1, at a-week"]
    assert isinstance(interpreter.decide(graph, state, NOON)[1], SleepUntil)
    last = interpreter.decide(graph, state, NOON + days(7))[1]
    assert isinstance(last, SendMessage)
    assert last.step.id == "last-word"


def test_who_would_have_left_or_be_through_by_now_does_not_enter(world: World):
    for who in ("c-buys", "c-is-through", "c-goes-on"):
        world.contact(who)
    adds(world, "c-buys", ago=days(3))
    world.happens("c-buys", "Order Completed", ago=days(2), order_id="1")
    adds(world, "c-is-through", ago=days(20))
    adds(world, "c-goes-on", ago=hours(1))
    goes_live(world)
    report = fill(world)

    assert report.refused == Counter({"converted": 1, "completed": 1})
    assert report.steps == Counter({"settle": 1})


def test_a_wait_that_an_event_restarted_is_counted_from_there(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=hours(6))
    adds(world, "c-maja", ago=hours(3))
    goes_live(world)

    assert fill(world).steps == Counter({"settle": 1})


def test_from_the_start_they_begin_at_the_first_step_one_after_the_other(world: World):
    for number in range(3):
        world.contact(f"c-{number}")
        adds(world, f"c-{number}", ago=days(20))
    goes_live(world)
    report = fill(world, Place.START)

    rows = sorted(world.enrollments(), key=lambda row: row.contact_id)
    now = world.clock.now()
    assert report.steps == Counter({"settle": 3})
    assert [row.due_at for row in rows] == [now + timedelta(minutes=number) for number in range(3)]
    assert {row.started_at for row in rows} == {now}
    assert report.first_emails == Counter({NOON + hours(4): 3})


def test_whoever_bought_after_they_would_have_been_through_does_not_begin_anew(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=days(20))
    world.happens("c-maja", "Order Completed", ago=days(1), order_id="1")
    goes_live(world)

    assert fill(world, Place.START).refused == Counter({"converted": 1})


@pytest.mark.parametrize("place", Place)
def test_a_second_run_enrolls_nobody_twice_though_they_have_left(world: World, place: Place):
    world.contact("c-maja")
    adds(world, "c-maja", ago=days(3))
    goes_live(world, carts(reentry=always()))
    first = fill(world, place)
    [row] = world.enrollments()
    world.set(row.id, state=EnrollmentState.ENDED, exit_reason="cancelled")
    second = fill(world, place)

    assert (first.entered, second.entered) == (1, 0)
    assert second.refused == Counter({"been_in": 1})


def test_a_rehearsal_counts_the_same_and_enrolls_nobody(world: World):
    for number in range(3):
        world.contact(f"c-{number}")
        adds(world, f"c-{number}", ago=days(3 * number) + hours(1))
    goes_live(world)
    rehearsed = fill(world, rehearses=True)
    before = world.enrollments()
    done = fill(world)

    assert before == []
    assert rehearsed == done
    assert done.steps == Counter({"settle": 1, "a-week": 2})


def test_a_backfill_that_was_stopped_goes_on_where_it_was(world: World):
    for number in range(3):
        world.contact(f"c-{number}")
        adds(world, f"c-{number}", ago=days(3))
    goes_live(world)

    assert fill(world, limit=2).entered == 2
    assert fill(world).steps == Counter({"a-week": 1})
    assert len(world.enrollments()) == 3


def test_what_is_older_than_it_looks_back_is_left_alone(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=days(3))
    goes_live(world)

    assert fill(world, since=days(2)).contacts == 0


def test_entry_conditions_hold_now_or_they_do_not_enter(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=hours(5))
    goes_live(world, carts(entry=[has_trait("birthday")]))

    assert fill(world).refused == Counter({"conditions": 1})


def test_of_whom_something_has_come_meanwhile_a_second_run_decides(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=hours(5))
    goes_live(world)
    world.happens("c-maja", "Cart Viewed", cart_id="k1")
    busy = fill(world)
    world.clock.move(timedelta(minutes=1))

    assert busy.refused == Counter({"just_active": 1})
    assert fill(world).entered == 1


async def test_a_version_that_moves_people_before_they_begin_moves_them_from_where_they_stand(
    world: World,
):
    world.contact("c-maja")
    adds(world, "c-maja", ago=days(3))
    goes_live(world)
    fill(world)
    shorter = carts(
        version=2, steps=[*STEPS[:4], send("last-word")], successors={"a-week": "last-word"}
    )
    with world.database.write() as session:
        change = Change(policy=Policy.MOVE_AT_NEXT_STEP)
        now = world.clock.now()
        publish(session, shorter, now=now, store_templates=store_templates, change=change)
    with world.database.write() as session:
        assert moves.owe_moves(session, now=now) == 1
    await world.relay_all()

    [started] = world.temporal.all_executions
    [moved] = started.events_seen()
    assert (started.start.version, started.start.input.flow["version"]) == (1, 1)
    assert moved.move is not None
    assert moved.move.flow["version"] == 2


def test_a_flow_that_starts_from_a_state_needs_no_backfill(world: World):
    quiet = audience("quiet", has_trait("birthday"))
    goes_live(world, carts(trigger=quiet, entry_key=None, steps=[send("your-cart")]))

    with pytest.raises(NoBackfill, match="audiences scan cart"):
        fill(world)


def test_whether_a_flow_is_a_draft_is_known_before_anybody_is_looked_for(world: World):
    goes_live(world, carts(mode=DRAFT))
    given = Terms(since=days(1), place=Place.START, an_hour=1)

    assert Backfill(world.database, world.clock, load_settings({}), "cart", given).is_draft()


def test_a_date_of_the_contact_is_asked_for_again():
    birthday = wait("the-day", days(1), until=date_of("birthday", at="09:00"))
    graph = compile_flow(carts(steps=[send("your-cart"), birthday]))
    state = State(step="the-day", entered_at=NOON - days(9), due_at=NOON + days(9), told=("a",))

    begun = join(graph, state, NOON)
    assert (begun.due_at, begun.entered_at, begun.told) == (None, NOON - days(1), ())


def test_a_backfilled_enrollment_hears_a_purchase_that_the_relay_had_not_read(world: World):
    world.contact("c-maja")
    adds(world, "c-maja", ago=hours(5))
    goes_live(world)
    world.happens("c-maja", "Order Completed", ago=timedelta(0), order_id="1")
    world.clock.move(timedelta(minutes=1))

    assert fill(world).refused == Counter({"converted": 1})
