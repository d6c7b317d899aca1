import threading
from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.enroll import (
    EntryRefusal,
    NotEnrolled,
    enroll,
    entry_key_of,
)
from sekvens.enrollments.publish import live_flow
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent
from sekvens.flows.asking import happened, not_, subscribed
from sekvens.flows.builder import after, days, hours, once
from tests.unit.relaying import World, cart_flow

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock)
    world.contact("c-maja")
    return world


def enter(
    world: World,
    key: str | None = "k1",
    *,
    trigger: ContactEvent | None = None,
    who: str = "c-maja",
) -> Enrollment | NotEnrolled:
    """Try to enroll a contact in the live version of the cart flow."""
    now = world.clock.now()
    with world.database.write() as session:
        return enroll(
            session,
            live_flow(session, "cart"),
            contact_id=who,
            entry_key=key,
            trigger=trigger,
            now_wall=now,
            now_shop=now,
        )


def publishes(world: World, **changes: object) -> None:
    World(world.database, world.clock, cart_flow(**changes))


def test_an_entry_says_when_its_first_e_mail_is_expected(world: World) -> None:
    publishes(world)
    entered = enter(world)

    assert isinstance(entered, Enrollment)
    assert entered.next_send_at == world.clock.now() + hours(4)


def refusal(result: Enrollment | NotEnrolled) -> EntryRefusal | None:
    return result.reason if isinstance(result, NotEnrolled) else None


def test_an_enrollment_stands_at_the_first_step_and_is_owed_its_start(world: World):
    publishes(world)
    enrollment = enter(world)

    assert isinstance(enrollment, Enrollment)
    assert (enrollment.flow, enrollment.flow_version) == ("cart", 1)
    assert enrollment.step_id == "settle"
    assert enrollment.workflow_id == names.workflow_id("cart", "c-maja", "k1")
    with world.database.read() as session:
        start = session.get_one(Delivery, (enrollment.id, 0))
        assert (start.delivered_at, start.urgent) == (None, False)


@pytest.mark.parametrize(
    ("ago", "refused"), [(days(1), None), (days(1) + MINUTE, EntryRefusal.TOO_OLD)]
)
def test_a_trigger_older_than_the_flow_allows_enrolls_nobody(world: World, ago, refused):
    publishes(world)
    world.happens("c-maja", "Product Added", ago=ago, cart_id="k1")
    with world.database.read() as session:
        trigger = session.query(ContactEvent).one()

    assert refusal(enter(world, trigger=trigger)) == refused


def test_an_import_of_a_shops_past_enrolls_nobody(world: World):
    publishes(world)
    world.happens("c-maja", "Product Added", times=300, ago=days(90), cart_id="k1")
    world.expand_all()

    assert world.enrollments() == []


def test_a_contact_who_does_not_meet_the_conditions_stays_out(world: World):
    publishes(world, entry=[subscribed(), not_(happened("Order Completed", within=days(1)))])
    world.happens("c-maja", "Order Completed", ago=days(1))

    assert refusal(enter(world)) == EntryRefusal.CONDITIONS
    world.clock.move(MINUTE)
    assert refusal(enter(world)) is None


def test_a_trigger_without_the_entry_key_enrolls_nobody(world: World):
    publishes(world)

    assert refusal(enter(world, None)) == EntryRefusal.NO_ENTRY_KEY
    assert refusal(enter(world, "")) == EntryRefusal.NO_ENTRY_KEY


def test_one_who_is_under_way_does_not_enter_again_even_with_another_cart(world: World):
    publishes(world, reentry=after(timedelta(0)))
    enrollment = enter(world)
    world.set(enrollment.id, state=EnrollmentState.PARKED)

    assert refusal(enter(world, "k2")) == EntryRefusal.UNDER_WAY
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    assert refusal(enter(world, "k2")) is None


def test_where_the_flow_always_takes_them_a_second_cart_enters_beside_the_first(world: World):
    publishes(world)
    enter(world)

    assert refusal(enter(world, "k1")) == EntryRefusal.UNDER_WAY
    assert refusal(enter(world, "k2")) is None


def test_once_means_once_in_a_life(world: World):
    publishes(world, reentry=once())
    enrollment = enter(world)
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    world.clock.move(days(4000))

    assert refusal(enter(world, "k2")) == EntryRefusal.REENTRY


def test_once_holds_across_versions_and_merged_contacts(world: World):
    publishes(world, reentry=once())
    world.contact("c-old", merged_into="c-maja")
    enrollment = enter(world, who="c-old")
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    publishes(world, reentry=once(), version=2)

    assert refusal(enter(world)) == EntryRefusal.REENTRY


def test_a_gap_is_counted_from_the_last_start(world: World):
    publishes(world, reentry=after(days(7)))
    enrollment = enter(world)
    world.set(enrollment.id, state=EnrollmentState.ENDED)
    world.clock.move(days(7) - MINUTE)

    assert refusal(enter(world)) == EntryRefusal.REENTRY
    world.clock.move(MINUTE)
    assert refusal(enter(world)) is None


def test_the_same_cart_entered_again_is_another_enrollment_under_the_same_workflow_id(world: World):
    publishes(world)
    first = enter(world)
    world.set(first.id, state=EnrollmentState.ENDED)
    second = enter(world)

    assert first.id != second.id
    assert first.workflow_id == second.workflow_id


def test_an_entry_key_is_read_as_text_and_nothing_else_will_do():
    flow = cart_flow()

    assert entry_key_of(flow, {"cart_id": "k1"}) == "k1"
    assert entry_key_of(flow, {"cart_id": 17}) == "17"
    assert entry_key_of(flow, {"cart_id": {"a": 1}}) is None
    assert entry_key_of(flow, {"cart_id": "  "}) is None
    assert entry_key_of(flow, {}) is None
    assert entry_key_of(cart_flow(entry_key=None), {"cart_id": "k1"}) is None


def test_two_who_enroll_a_contact_at_once_make_one_enrollment(world: World):
    publishes(world, reentry=once())
    entering = [threading.Thread(target=enter, args=(world, f"k{n}")) for n in range(8)]
    for thread in entering:
        thread.start()
    for thread in entering:
        thread.join()

    assert len(world.enrollments()) == 1
