"""Who is served first when much is waiting: purchases, order mail, and the many before the one."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments import enroll
from sekvens.events import agenda, expansion
from sekvens.events.expansion import Pass
from sekvens.events.tables import OutboxEntry
from sekvens.flows.asking import happened, not_
from sekvens.flows.builder import TRANSACTIONAL, event, flow, send
from sekvens.flows.graph import compile_flow
from tests.unit.relaying import World, cart_flow

RECEIPT = flow(
    "receipt",
    version=1,
    purpose=TRANSACTIONAL,
    trigger=event("Order Completed"),
    entry_key="order_id",
    steps=[send("thanks")],
)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pass take what it reads, however busy the machine is."""
    monkeypatch.setattr(expansion, "DURATION_MAX", timedelta(minutes=1))


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock, cart_flow(), RECEIPT)
    world.contact("c-maja")
    return world


def many(world: World, count: int) -> list[str]:
    return [world.contact(f"c-{number}") for number in range(count)]


def waiting(world: World) -> list[str]:
    with world.database.read() as session:
        query = select(OutboxEntry.contact_id).order_by(OutboxEntry.event_id)
        return list(session.scalars(query))


async def test_a_purchase_overtakes_a_long_outbox(world: World):
    world.happens("c-maja", "Product Added", cart_id="k")
    await world.relay_all()
    for contact_id in many(world, agenda.CONTACTS_MAX):
        world.happens(contact_id, "Product Viewed", times=3)
    world.happens("c-maja", "Order Completed", order_id="o-1")
    relay = world.relay()
    relay.expand_once()
    await relay.deliver_once()

    [execution] = world.temporal.executions["cart/c-maja/k"]
    assert [e.matched for e in execution.events_seen()] == [("Order Completed",)]
    assert len(waiting(world)) == 3 * agenda.CONTACTS_MAX


async def test_a_purchase_overtakes_nothing_of_the_same_person(world: World):
    world.contact("c-old", merged_into="c-maja")
    world.happens("c-maja", "Product Added", cart_id="k")
    await world.relay_all()
    for contact_id in many(world, agenda.CONTACTS_MAX):
        world.happens(contact_id, "Product Viewed", times=3)
    added = world.happens("c-maja", "Product Added", cart_id="k", times=5)
    looked = world.happens("c-old", "Cart Viewed", times=5)
    ordered = world.happens("c-maja", "Order Completed", order_id="o-1")
    relay = world.relay()
    relay.expand_once()
    relay.expand_once()
    await world.relay_all()

    [execution] = world.temporal.executions["cart/c-maja/k"]
    assert [e.event_id for e in execution.events_seen()] == [*added, *looked, *ordered]


def test_nobody_waits_behind_the_flood_of_one_contact(world: World):
    world.happens("c-maja", "Product Viewed", times=3000)
    others = many(world, 10)
    for contact_id in others:
        world.happens(contact_id, "Product Added", cart_id="k")
    relay = world.relay()
    relay.expand_once()
    relay.expand_once()

    assert {each.contact_id for each in world.enrollments()} == set(others)
    assert len(waiting(world)) > 1000


def test_a_flood_is_worked_off_all_the_same(world: World):
    world.happens("c-maja", "Product Viewed", times=1000)
    relay = world.relay()
    for number in range(40):
        world.happens(world.contact(f"c-{number}"), "Product Added", cart_id="k", times=5)
        relay.expand_once()
        relay.expand_once()

    assert waiting(world).count("c-maja") == 0


def test_what_was_committed_late_is_found_in_its_turn(world: World):
    relay = world.relay()
    world.happens("c-maja", "Product Viewed", times=300)
    relay.expand_once()
    relay._agenda._seen = 10**9  # as if all that follows had been looked at before it was there
    world.happens("c-maja", "Product Added", cart_id="k")
    while relay.expand_once():
        pass

    assert len(world.enrollments()) == 1


def test_an_agenda_that_is_all_wrong_holds_up_nobody(world: World):
    relay = world.relay()
    relay._agenda._waiting = {f"c-gone-{number}": 5 for number in range(100)}
    relay._agenda._pressing = dict.fromkeys(relay._agenda._waiting)
    relay._agenda._total = 500
    world.happens("c-maja", "Product Added", cart_id="k")

    assert relay.expand_once() == 1
    assert waiting(world) == []


async def test_order_mail_begins_before_marketing_that_waits(world: World):
    for contact_id in many(world, 100):
        world.happens(contact_id, "Product Added", cart_id="k")
    world.expand_all()
    world.clock.move(timedelta(seconds=5))
    world.happens("c-maja", "Order Completed", order_id="o-1")
    world.expand_all()
    await world.relay().deliver_once()

    assert len(world.temporal.executions["receipt/c-maja/o-1"]) == 1


async def test_what_a_purchase_begins_waits_until_what_it_ends_is_through(
    database: Database, clock: FrozenClock
):
    after = cart_flow(trigger=event("Order Completed"), entry_key="order_id", exit_when=[])
    world = World(database, clock, cart_flow(), RECEIPT, flow_named(after, "after"))
    world.happens(world.contact("c-maja"), "Product Added", cart_id="k")
    await world.relay_all()
    world.happens("c-maja", "Order Completed", order_id="o-1")
    world.expand_all()
    relay = world.relay()
    await relay.deliver_once()

    assert len(world.temporal.signals) == 1
    assert len(world.temporal.executions["receipt/c-maja/o-1"]) == 1
    assert world.temporal.executions["after/c-maja/o-1"] == []
    world.clock.move(timedelta(seconds=1))
    await relay.deliver_once()
    assert len(world.temporal.executions["after/c-maja/o-1"]) == 1


def flow_named(given, name: str):
    steps = [send("later")]
    return flow(name, version=1, purpose=given.purpose, trigger=given.trigger,
                entry_key=given.entry_key, steps=steps)  # fmt: skip


async def test_an_exit_does_not_wait_for_the_batch_that_is_in_flight(world: World):
    world.happens("c-maja", "Product Added", cart_id="k")
    await world.relay_all()
    for contact_id in many(world, 100):
        world.happens(contact_id, "Product Added", cart_id="k")
    world.expand_all()
    relay = world.relay()
    for _ in range(32):  # all that may be in flight is, and stays
        await relay._in_flight.acquire()
    world.happens("c-maja", "Order Completed", order_id="o-1")
    world.expand_all()

    assert await relay.deliver_once(exits_only=True) == 1
    assert len(world.temporal.signals) == 1
    assert await relay.deliver_once(exits_only=True) == 0


async def test_while_the_workers_are_behind_marketing_is_not_begun_and_all_else_goes_on(
    world: World,
):
    world.happens("c-maja", "Product Added", cart_id="k")
    world.happens(world.contact("c-early"), "Product Added", cart_id="k")
    await world.relay_all()
    for contact_id in many(world, 140):
        world.happens(contact_id, "Product Added", cart_id="k")
    world.expand_all()
    relay = world.relay()
    world.temporal.tasks_waiting = 101
    first = await relay.deliver_once()
    world.happens("c-maja", "Order Completed", order_id="o-1")
    world.happens("c-early", "Cart Viewed")
    world.expand_all()

    assert [first, await relay.deliver_once()] == [64, 3]
    assert len(world.temporal.signals) == 2
    assert len(world.temporal.executions["receipt/c-maja/o-1"]) == 1
    assert await relay.deliver_once() == 0
    world.temporal.tasks_waiting = 100
    world.clock.move(timedelta(seconds=1))
    assert await relay.deliver_once() == 64


async def test_a_relay_with_little_to_do_asks_nobody_how_busy_the_workers_are(world: World):
    world.temporal.tasks_waiting = 10**6
    world.happens("c-maja", "Product Added", cart_id="k")
    await world.relay_all()

    assert len(world.temporal.all_executions) == 1


def test_of_a_flood_that_enrolls_nobody_the_first_is_asked_about(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
):
    refusing = cart_flow(trigger_when=[not_(happened("Product Added"))])
    world = World(database, clock, refusing)
    world.happens(world.contact("c-maja"), "Product Added", times=150, cart_id="k")
    asked: list[str] = []
    holds = enroll.sql.holds

    def counted(*args: Any, **kwargs: Any):
        asked.append(kwargs["contact_id"])
        return holds(*args, **kwargs)

    # The question itself is what must not be repeated, and nothing else tells of it.
    monkeypatch.setattr(enroll.sql, "holds", counted)
    world.expand_all()

    assert asked == ["c-maja"]
    assert world.enrollments() == []


def test_an_old_trigger_settles_nothing_for_a_new_one(world: World):
    world.happens("c-maja", "Product Added", ago=timedelta(days=5), cart_id="k")
    world.happens("c-maja", "Product Added", cart_id="k")
    world.expand_all()

    assert len(world.enrollments()) == 1


@pytest.mark.parametrize(
    ("taken", "left", "batch", "following"),
    [(70, 130, 200, 70), (3, 197, 200, 25), (200, 0, 200, 400), (500, 0, 500, 500), (9, 0, 70, 70)],
)
def test_a_pass_reads_what_the_last_one_managed(taken: int, left: int, batch: int, following: int):
    became = Pass(taken=("c-maja",) * taken, left=("c-maja",) * left)

    assert became.next_batch(batch) == following


def test_what_a_pass_cannot_reach_is_hardly_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    for contact_id in many(world, 300):
        world.happens(contact_id, "Product Added", cart_id="k")
    monkeypatch.setattr(expansion, "DURATION_MAX", timedelta(0))  # one event in each pass
    read: list[int] = []
    waiting_of = expansion._waiting

    def counted(*args: Any):
        entries = waiting_of(*args)
        read.append(len(entries))
        return entries

    monkeypatch.setattr(expansion, "_waiting", counted)
    relay = world.relay()
    relay._agenda.out_of_turn = list  # type: ignore[method-assign]
    for _ in range(10):
        relay.expand_once()

    assert read == [200, *[expansion.BATCH_MIN] * 9]


def test_what_a_graph_listens_for_is_worked_out_once():
    graph = compile_flow(cart_flow())

    assert graph.listens() is graph.listens()
    assert graph.exit_rules() is graph.exit_rules()
    assert [p.key for p in graph.listens_to("Order Completed")] == ["Order Completed"]
    assert graph.listens_to("Product Viewed") == ()
