from dataclasses import asdict
from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact, Identity, IdentityKind
from sekvens.db.session import Database
from sekvens.enrollments import queries
from sekvens.enrollments.tables import EnrollmentState
from sekvens.messages.tables import Message, MessageState
from tests.unit.relaying import World, cart_flow


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock, cart_flow())
    world.contact("c-maja")
    world.contact("c-old", merged_into="c-maja")
    with database.write() as session:
        session.get_one(Contact, "c-maja").email = "maja@shop.example"
        for kind, value in ((IdentityKind.USER_ID, "u-1"), (IdentityKind.ANONYMOUS_ID, "a-1")):
            session.add(Identity(kind=kind, value=value, contact_id="c-old"))
    return world


@pytest.mark.parametrize("name", ["c-maja", "c-old", "u-1", "a-1", " Maja@Shop.example "])
def test_a_contact_is_found_by_every_name_it_has(world: World, name: str):
    with world.database.read() as session:
        found = queries.find_contact(session, name)

        assert found is not None
        assert found.id == "c-maja"


def test_a_name_that_nobody_has_finds_nobody(world: World):
    with world.database.read() as session:
        assert queries.find_contact(session, "u-2") is None


def test_a_contacts_enrollments_messages_and_events_are_listed_with_the_aliases(world: World):
    world.happens("c-old", "Product Added", cart_id="k1")
    world.happens("c-maja", "Product Viewed")
    world.expand_all()
    [enrollment] = world.enrollments()
    with world.database.write() as session:
        session.add(skipped_message(world, enrollment.id))
    with world.database.read() as session:
        messages = queries.messages_of(session, "c-maja")
        events = queries.recent_events_of(session, "c-maja")

        assert [e.id for e in queries.enrollments_of(session, "c-maja")] == [enrollment.id]
        assert [message.skip_reason for message in messages] == ["stale"]
        assert [event.name for event in events] == ["Product Viewed", "Product Added"]


def test_enrollments_are_counted_by_step_and_by_the_reason_they_left_for(world: World):
    for key in ("k1", "k2", "k3"):
        world.happens("c-maja", "Product Added", cart_id=key)
    world.expand_all()
    gone, parked, _ = world.enrollments()
    world.set(gone.id, state=EnrollmentState.ENDED, exit_reason="converted", step_id=None)
    world.set(parked.id, state=EnrollmentState.PARKED, parked_at=world.clock.now())
    with world.database.read() as session:
        counts = queries.counts_by_step(session, "cart")

        assert [(c.state, c.step_id, c.exit_reason, c.enrollments) for c in counts] == [
            ("active", "settle", None, 1),
            ("ended", None, "converted", 1),
            ("parked", "settle", None, 1),
        ]
        assert [each.id for each in queries.parked(session)] == [parked.id]


async def test_the_backlog_says_how_far_the_relay_is_behind(world: World):
    came_at = world.clock.now()
    world.happens("c-maja", "Product Added", times=3, cart_id="k1")
    world.clock.move(timedelta(minutes=5))
    with world.database.read() as session:
        before = queries.backlog(session, now=world.clock.now())
    world.expand_all()
    with world.database.read() as session:
        between = queries.backlog(session, now=world.clock.now())
    await world.deliver_all(passes=5)
    with world.database.read() as session:
        after = queries.backlog(session, now=world.clock.now())

    nothing = {"events": 0, "oldest_event_at": None, "enrollments": 0, "oldest_owed_at": None}
    assert asdict(before) == nothing | {"events": 3, "oldest_event_at": came_at}
    assert asdict(between) == nothing | {"enrollments": 1, "oldest_owed_at": came_at}
    assert asdict(after) == nothing


def skipped_message(world: World, enrollment_id: str) -> Message:
    return Message(
        id="m-1",
        enrollment_id=enrollment_id,
        step_id="your-cart",
        contact_id="c-maja",
        flow="cart",
        flow_version=1,
        template="cart/your-cart",
        template_digest="d1",
        purpose="marketing",
        state=MessageState.SKIPPED,
        skip_reason="stale",
        claimed_at=world.clock.now(),
    )
