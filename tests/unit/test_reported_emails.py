"""What other systems report of e-mail: replies end flows that say so, deliveries enroll nobody."""

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.tables import Delivery
from sekvens.flows.builder import event, exit_on
from sekvens.flows.steps import ExitReason
from tests.unit.relaying import World, cart_flow


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    asked = cart_flow(
        exit_when=[
            exit_on("Order Completed", ExitReason.CONVERTED),
            exit_on("Email Replied", ExitReason.CANCELLED),
        ]
    )
    return World(database, clock, asked)


async def test_a_reply_ends_a_flow_that_says_so_at_once(world: World) -> None:
    world.contact("c-1")
    world.happens("c-1", "Product Added", cart_id="1")
    await world.relay_all()
    world.happens("c-1", "Email Replied", case_id="t-1")
    world.expand_all()

    with world.database.read() as session:
        (owed,) = session.query(Delivery).filter_by(urgent=True)
    assert owed.message_id == "event-2"
    await world.deliver_all(passes=1)
    assert [len(signal.events) for signal in world.temporal.signals] == [1]


@pytest.mark.parametrize(("name", "enrolled"), [("Email Delivered", 0), ("Product Viewed", 1)])
async def test_what_another_system_sent_enrolls_nobody(
    database: Database, clock: FrozenClock, name: str, enrolled: int
) -> None:
    world = World(database, clock, cart_flow(trigger=event(name), entry_key=None))
    world.contact("c-1")
    world.happens("c-1", name)
    world.expand_all()

    assert len(world.enrollments()) == enrolled
