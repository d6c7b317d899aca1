import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.tables import EnrollmentState
from sekvens.enrollments.testing import Fault, ProcessDied
from sekvens.errors import TemporalUnavailable
from sekvens.flows.builder import event
from tests.unit.relaying import World, cart_flow


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock, cart_flow())
    world.contact("c-maja")
    return world


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so, ten seconds at most."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110  the fake has nothing to wait on
            await asyncio.sleep(0.05)


async def test_a_trigger_starts_a_workflow_with_everything_pinned(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1", title="Lovikka mitten")
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert execution.start.workflow_id == "cart/c-maja/k1"
    assert execution.start.flow_version == "cart v1"
    assert execution.start.input.templates == {"cart/your-cart": "digest of cart/your-cart"}
    assert execution.start.input.flow["name"] == "cart"
    assert execution.signals == []
    assert "Lovikka" not in repr(execution.start)


async def test_only_events_that_the_flow_listens_for_become_signals(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-maja", "Product Viewed", times=20)
    [order] = world.happens("c-maja", "Order Completed")
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert [e.event_id for e in execution.events_seen()] == [order]
    assert execution.events_seen()[0].matched == ("Order Completed",)


async def test_an_event_of_a_stranger_reaches_nobody_else(world: World):
    world.contact("c-bengt")
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-bengt", "Order Completed")
    await world.relay_all()

    assert world.temporal.signals == []


async def test_an_enrollment_hears_what_its_own_version_listens_for(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    World(world.database, world.clock, cart_flow(version=2, exit_when=[], steps=[]))
    world.happens("c-maja", "Order Completed")
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert [e.matched for e in execution.events_seen()] == [("Order Completed",)]


async def test_a_pattern_with_properties_matches_only_those(world: World):
    World(world.database, world.clock, cart_flow(version=2, trigger=event("Seen", colour="red")))
    world.happens("c-maja", "Seen", cart_id="k1", colour="blue")
    world.happens("c-maja", "Seen", cart_id="k2", colour="red")
    await world.relay_all()

    assert [e.workflow_id for e in world.enrollments()] == ["cart/c-maja/k2"]


async def test_a_thousand_triggers_of_one_cart_make_one_enrollment(world: World):
    world.happens("c-maja", "Product Added", times=1000, cart_id="k1")
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert [e.seq for e in execution.events_seen()] == list(range(1, 1000))
    assert len(execution.signals) == 2


async def test_a_flood_of_events_to_one_contact_becomes_few_signals(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    posted = world.happens("c-maja", "Cart Viewed", times=2000)
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert [e.event_id for e in execution.events_seen()] == posted
    assert len(execution.signals) <= 5


async def test_ordinary_events_keep_the_pace_and_an_exit_event_does_not_wait(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-maja", "Cart Viewed")
    world.expand_all()
    relay = world.relay()
    assert await relay.deliver_once() == 1
    world.clock.move(timedelta(milliseconds=200))
    world.happens("c-maja", "Cart Viewed")
    world.expand_all()
    assert await relay.deliver_once() == 0
    world.happens("c-maja", "Order Completed")
    world.expand_all()

    assert await relay.deliver_once() == 1
    assert len(world.temporal.signals) == 2


async def test_a_flood_of_exit_events_keeps_a_pace_too(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    relay = world.relay()
    for _ in range(40):
        world.happens("c-maja", "Order Completed")
        world.expand_all()
        await relay.deliver_once()
        world.clock.move(timedelta(milliseconds=10))

    assert len(world.temporal.signals) <= 5


async def test_an_exit_event_overtakes_a_backlog_of_starts(world: World):
    world.happens("c-maja", "Product Added", cart_id="k0")
    await world.relay_all()
    for number in range(100):
        world.happens(world.contact(f"c-{number}"), "Product Added", cart_id="k")
    world.expand_all()
    world.clock.move(timedelta(seconds=5))
    world.happens("c-maja", "Order Completed")
    world.expand_all()
    await world.relay().deliver_once()

    assert len(world.temporal.signals) == 1


async def test_the_events_of_a_merged_contact_reach_the_enrollments_of_both(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    world.contact("c-old", merged_into="c-maja")
    world.happens("c-old", "Order Completed")
    world.happens("c-old", "Product Added", cart_id="k2")
    await world.relay_all()

    first, second = (execution for execution in world.temporal.all_executions)
    assert [e.matched for e in first.events_seen()] == [("Order Completed",), ("Product Added",)]
    assert second.start.workflow_id == "cart/c-maja/k2"


async def test_a_parked_enrollment_still_hears_and_an_ended_one_does_not(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-maja", "Product Added", cart_id="k2")
    await world.relay_all()
    parked, ended = world.enrollments()
    world.set(parked.id, state=EnrollmentState.PARKED)
    world.set(ended.id, state=EnrollmentState.ENDED)
    world.happens("c-maja", "Order Completed")
    await world.relay_all()

    assert len(world.temporal.of(parked.id)[0].events_seen()) == 2
    assert world.temporal.of(ended.id)[0].events_seen() == []


async def test_an_enrollment_that_ended_before_its_start_is_never_started(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.expand_all()
    [enrollment] = world.enrollments()
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    await world.deliver_all(passes=3)

    assert world.temporal.all_executions == []
    assert world.enrollments()[0].due_at is None


async def test_a_crash_after_temporal_accepted_starts_nobody_twice(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-maja", "Order Completed")
    world.expand_all()
    world.temporal.faults.append(Fault.DEATH_AFTER)
    with pytest.raises(BaseExceptionGroup) as died:
        await world.relay().deliver_once()
    world.clock.move(timedelta(seconds=31))
    await world.deliver_all(passes=2)

    assert died.value.subgroup(ProcessDied) is not None
    [execution] = world.temporal.all_executions
    assert len(execution.events_seen()) == 1


async def test_a_lost_answer_starts_and_signals_nobody_twice(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.happens("c-maja", "Order Completed")
    world.expand_all()
    world.temporal.faults.extend([Fault.ANSWER_LOST, None, Fault.ANSWER_LOST])
    for _ in range(2):
        with pytest.raises(TemporalUnavailable):
            await world.relay().deliver_once()
    await world.deliver_all(passes=2)

    [execution] = world.temporal.all_executions
    assert len(execution.signals) == 2
    assert len(execution.events_seen()) == 1


async def test_a_start_waits_while_another_enrollment_holds_its_workflow_id(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    [first] = world.enrollments()
    world.set(first.id, state=EnrollmentState.ENDED)  # its workflow is about to close
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    assert len(world.temporal.all_executions) == 1
    world.temporal.close("cart/c-maja/k1")
    await world.deliver_all(passes=5)

    started = [execution.start.input.enrollment_id for execution in world.temporal.all_executions]
    assert started == [first.id, *(e.id for e in world.enrollments() if e.id != first.id)]


async def test_a_workflow_that_is_gone_is_reported_and_not_tried_for_ever(
    world: World, caplog: pytest.LogCaptureFixture
):
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    world.temporal.close("cart/c-maja/k1")
    world.happens("c-maja", "Order Completed")
    await world.relay_all()

    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.action == "enrollment_missing"
    assert world.enrollments()[0].due_at is None


async def test_what_temporal_refuses_is_kept_and_holds_up_nobody_else(world: World):
    for contact_id in ("c-a", "c-b"):
        world.happens(world.contact(contact_id), "Product Added", cart_id="k1")
    world.expand_all()
    world.temporal.faults.append(Fault.REFUSED)
    relay = world.relay()

    assert await relay.deliver_once() == 1
    assert await relay.deliver_once() == 0
    world.clock.move(timedelta(seconds=3))
    assert await relay.deliver_once() == 1
    assert len(world.temporal.all_executions) == 2


async def test_an_outage_of_temporal_is_told_in_a_sentence_and_loses_nothing(
    world: World, caplog: pytest.LogCaptureFixture
):
    world.temporal.is_down = True
    stop = asyncio.Event()
    relaying = asyncio.create_task(world.relay().run(stop))
    world.happens("c-maja", "Product Added", cart_id="k1")
    await until(lambda: "temporal_unavailable" in {each.action for each in caplog.records})
    world.temporal.is_down = False
    await until(lambda: world.temporal.all_executions)
    stop.set()
    await relaying

    assert len(world.temporal.all_executions) == 1
    assert all(record.exc_info is None for record in caplog.records)


async def test_a_running_relay_brings_a_purchase_to_the_workflow_within_a_second(world: World):
    stop = asyncio.Event()
    relaying = asyncio.create_task(world.relay().run(stop))
    world.happens("c-maja", "Product Added", cart_id="k1")
    await asyncio.sleep(1)  # the relay is idle again, and looks seldom
    await asyncio.to_thread(world.happens, "c-maja", "Order Completed")
    await asyncio.sleep(0.9)
    stop.set()
    await relaying

    assert len(world.temporal.signals) == 1


async def test_what_one_relay_has_leased_no_other_delivers_until_the_lease_is_over(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.expand_all()
    dead, alive = world.relay(), world.relay()
    assert len(dead._lease()) == 1

    assert await alive.deliver_once() == 0
    world.clock.move(timedelta(seconds=30))
    assert await alive.deliver_once() == 1


class AbsentDatabase(Database):
    """Cannot be reached while `is_down`."""

    is_down = False

    @contextmanager
    def read(self) -> Iterator[Session]:
        if self.is_down:
            raise OperationalError("SELECT 1", {}, ConnectionError())
        with super().read() as session:
            yield session


class BrokenDatabase(Database):
    """A database that fails on every question, with words that quote what was asked about."""

    address = "elsa@example.com"

    @contextmanager
    def read(self) -> Iterator[Session]:
        raise ValueError(self.address) from KeyError(self.address)
        yield


async def test_a_bug_is_logged_with_its_place_and_without_what_it_quotes(
    tmp_path: Path, clock: FrozenClock, caplog: pytest.LogCaptureFixture
):
    database = BrokenDatabase(f"sqlite:///{tmp_path / 'sekvens.db'}")
    metadata.create_all(database.engine)
    stop = asyncio.Event()
    relaying = asyncio.create_task(World(database, clock, cart_flow()).relay().run(stop))
    await until(lambda: "the relay met a bug" in caplog.text)
    stop.set()
    await relaying
    database.close()

    assert all(word in caplog.text for word in ("ValueError", "KeyError", "in _lease"))
    assert database.address not in caplog.text


async def test_an_outage_of_the_database_is_told_in_a_sentence_and_loses_nothing(
    tmp_path: Path, clock: FrozenClock, caplog: pytest.LogCaptureFixture
):
    database = AbsentDatabase(f"sqlite:///{tmp_path / 'sekvens.db'}")
    metadata.create_all(database.engine)
    world = World(database, clock, cart_flow())
    world.happens(world.contact("c-maja"), "Product Added", cart_id="k1")
    database.is_down = True
    stop = asyncio.Event()
    relaying = asyncio.create_task(world.relay().run(stop))
    await asyncio.sleep(0.3)
    database.is_down = False
    await until(lambda: world.temporal.all_executions)
    stop.set()
    await relaying
    database.close()

    assert len(world.temporal.all_executions) == 1
    assert {record.action for record in caplog.records} >= {"database_unavailable"}
    assert all(record.exc_info is None for record in caplog.records)


def test_an_outage_of_the_relay_makes_no_trigger_too_old(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.clock.move(timedelta(days=5))
    world.expand_all()

    assert [e.entry_key for e in world.enrollments()] == ["k1"]


def test_old_news_enrolls_nobody_when_it_is_told(world: World):
    world.happens("c-maja", "Product Added", ago=timedelta(days=5), cart_id="k1")
    world.expand_all()

    assert world.enrollments() == []


async def test_a_message_id_that_could_be_an_address_reaches_temporal_as_a_hash(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    world.happens("c-maja", "Order Completed", message_id="maja@example.com")
    await world.relay_all()

    [execution] = world.temporal.all_executions
    assert [event.event_id[:2] for event in execution.events_seen()] == ["h-"]
