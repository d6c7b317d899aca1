"""Whatever dies, and wherever: the relay's promise, under faults chosen at random."""

import asyncio
import shutil
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.testing import Fault, ProcessDied
from sekvens.enrollments.turns import Turn, try_turn
from sekvens.errors import TemporalUnavailable
from tests.conftest import NOON
from tests.unit.relaying import World, cart_flow

#: What a contact may do next, and what the relay may do next.
DEEDS = ("Product Added", "Cart Viewed", "Order Completed", "Product Viewed")
MOVES = ("expand", "deliver", "deliver", "wait")


class DyingDatabase(Database):
    """Dies before or after a commit, when its plan says so; None is a commit that goes well."""

    plan: deque[str | None]

    @contextmanager
    def write(self) -> Iterator[Session]:
        fate = self.plan.popleft() if self.plan else None
        with super().write() as session:
            yield session
            if fate == "before commit":
                raise ProcessDied
        if fate == "after commit":
            raise ProcessDied


async def act(world: World, move: str) -> None:
    """Let a new relay process do one thing, and die if it must."""
    with suppress(ProcessDied, BaseExceptionGroup, TemporalUnavailable):
        if move == "expand":
            world.relay().expand_once()
        elif move == "deliver":
            await world.relay().deliver_once()
        else:
            world.clock.move(timedelta(seconds=31))


@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(
    story=st.lists(st.one_of(st.sampled_from(DEEDS), st.sampled_from(MOVES)), max_size=25),
    faults=st.lists(st.one_of(st.none(), st.sampled_from(Fault)), max_size=12),
    deaths=st.lists(st.sampled_from([None, "before commit", "after commit"]), max_size=12),
)
def test_no_event_is_lost_repeated_or_reordered_whatever_dies(sqlite_file, story, faults, deaths):
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(sqlite_file, folder)
        database = DyingDatabase(f"sqlite:///{path}")
        database.plan = deque()
        world = World(database, FrozenClock(NOON), cart_flow())
        world.contact("c-maja")
        posted = [("Product Added", *world.happens("c-maja", "Product Added", cart_id="k1"))]
        world.temporal.faults.extend(faults)
        database_deaths = deque(deaths)
        for move in story:
            if move in DEEDS:
                posted.append((move, *world.happens("c-maja", move, cart_id="k1")))
            else:
                database.plan.extend(database_deaths)
                database_deaths.clear()
                asyncio.run(act(world, move))
                database_deaths, database.plan = database.plan, deque()
        world.temporal.faults.clear()
        world.clock.move(timedelta(minutes=10))
        asyncio.run(world.relay_all())

        [execution] = world.temporal.all_executions
        heard = [event_id for name, event_id in posted[1:] if name != "Product Viewed"]
        assert [e.event_id for e in execution.events_seen()] == heard
        database.close()


async def test_several_relays_at_once_start_and_signal_everybody_once_and_in_order(
    postgres_url: str, clock: FrozenClock
):
    database = Database(postgres_url)
    metadata.drop_all(database.engine)
    metadata.create_all(database.engine)
    world = World(database, clock, cart_flow())
    contacts = [world.contact(f"c-{number}") for number in range(40)]
    posted: dict[str, list[str]] = {contact_id: [] for contact_id in contacts}
    stop = asyncio.Event()
    relaying = [asyncio.create_task(world.relay().run(stop)) for _ in range(3)]
    for _ in range(5):
        for contact_id in contacts:
            happens = asyncio.to_thread(world.happens, contact_id, "Product Added", cart_id="k")
            posted[contact_id] += await happens
        clock.move(timedelta(seconds=2))
    for _ in range(20):
        await asyncio.sleep(0.1)
        clock.move(timedelta(seconds=2))
    stop.set()
    await asyncio.gather(*relaying)
    database.close()

    seen = {each.start.input.contact_id: each for each in world.temporal.all_executions}
    assert len(world.temporal.all_executions) == len(contacts)
    for contact_id in contacts:
        assert [e.event_id for e in seen[contact_id].events_seen()] == posted[contact_id][1:]


def test_the_relay_leaves_the_events_of_a_running_expansion_alone(
    postgres_url: str, clock: FrozenClock
):
    database = Database(postgres_url)
    metadata.drop_all(database.engine)
    metadata.create_all(database.engine)
    world = World(database, clock, cart_flow())
    world.happens(world.contact("c-maja"), "Product Added", cart_id="k")
    with database.write() as session:
        assert try_turn(session, Turn.EXPAND)
        assert world.relay().expand_once() == 0

    assert world.relay().expand_once() == 1
    database.close()
