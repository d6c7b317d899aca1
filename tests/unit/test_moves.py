"""Who is under way is moved to a version that says so: once, in order, and nobody is forgotten."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments import moves, position, versions
from sekvens.enrollments.publish import Change, live_flow, publish, publish_catalogue
from sekvens.enrollments.tables import Enrollment, FlowVersion
from sekvens.enrollments.testing import Fault, ProcessDied
from sekvens.enrollments.wire import EnrollmentEvent
from sekvens.errors import FlowConflict, TemporalUnavailable, UnknownFlow
from sekvens.flows.builder import event, exit_on, hours, send, wait
from sekvens.flows.definition import Flow
from sekvens.flows.moving import Policy
from sekvens.flows.steps import ExitReason
from tests.unit.relaying import World, cart_flow, store_templates

SETTLE = wait("settle", hours(2))


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock, cart_flow())
    world.contact("c-maja")
    return world


def publishes(world: World, flow: Flow, policy: Policy = Policy.MOVE_AT_NEXT_STEP) -> None:
    change = Change(policy=policy, author="kim", note="too slow")
    with world.database.write() as session:
        publish(
            session, flow, now=world.clock.now(), store_templates=store_templates, change=change
        )


def shorter(version: int = 2, **changes: object) -> Flow:
    return cart_flow(version=version, steps=[SETTLE, *cart_flow().steps[1:]], **changes)


async def under_way(world: World) -> Enrollment:
    world.happens("c-maja", "Product Added", cart_id="k1")
    await world.relay_all()
    return world.enrollments()[0]


async def moves_all(world: World) -> None:
    while world.relay().owe_moves_once():
        pass
    await world.relay_all()


def seen(world: World) -> list[EnrollmentEvent]:
    return world.temporal.all_executions[0].events_seen()


def moved_to(world: World) -> list[int]:
    return [each.move.flow["version"] for each in seen(world) if each.move]


def undoes(world: World) -> FlowVersion:
    with world.database.write() as session:
        return versions.undo(session, "cart", author=None, note=None, now=world.clock.now())


def progress(world: World) -> list[moves.Progress]:
    with world.database.read() as session:
        return moves.progress(session)


async def test_who_is_under_way_is_moved_with_all_that_the_new_version_needs(world: World):
    await under_way(world)
    publishes(world, shorter(), Policy.RECOMPUTE_WAITS)
    await moves_all(world)

    [told] = seen(world)
    assert told.move is not None
    assert told.move.flow["steps"][0]["duration"] == 7200
    assert told.move.templates == {"cart/your-cart": "digest of cart/your-cart"}
    assert told.move.policy == "recompute_waits"


async def test_with_finish_old_nobody_is_moved(world: World):
    await under_way(world)
    publishes(world, shorter(), Policy.FINISH_OLD)
    await moves_all(world)

    assert seen(world) == []
    assert world.enrollments()[0].flow_version == 1


async def test_events_are_matched_by_the_version_on_whose_side_of_the_move_they_are(world: World):
    await under_way(world)
    world.happens("c-maja", "Cart Viewed")
    world.expand_all()
    new = shorter(exit_when=[exit_on("Checkout Started", ExitReason.SUPERSEDED)])
    publishes(world, new)
    await moves_all(world)
    world.happens("c-maja", "Order Completed")  # the new version does not care
    world.happens("c-maja", "Checkout Started")
    await world.relay_all()

    kinds = ["move" if each.move else each.matched[0] for each in seen(world)]
    assert kinds == ["Cart Viewed", "move", "Checkout Started"]


async def test_who_enters_the_old_version_while_it_is_replaced_is_not_forgotten(world: World):
    enrollment = await under_way(world)
    publishes(world, shorter())
    await moves_all(world)
    world.set(enrollment.id, flow_version=1, moving_since=None)  # as if it had begun just then
    await moves_all(world)

    assert moved_to(world) == [2, 2]
    assert world.enrollments()[0].flow_version == 2


async def test_who_has_not_been_started_starts_in_the_new_version(world: World):
    world.happens("c-maja", "Product Added", cart_id="k1")
    world.expand_all()
    publishes(world, shorter())
    await moves_all(world)

    [execution] = world.temporal.all_executions
    assert execution.start.flow_version == "cart v2"
    assert execution.start.input.flow["version"] == 2


@pytest.mark.parametrize("fault", [Fault.UNREACHABLE, Fault.ANSWER_LOST, Fault.DEATH_AFTER])
async def test_a_crash_in_between_loses_no_move_and_repeats_none(world: World, fault: Fault):
    await under_way(world)
    publishes(world, shorter())
    world.relay().owe_moves_once()
    world.temporal.faults.append(fault)
    try:
        await world.relay_all()
    except* (TemporalUnavailable, ProcessDied):
        world.clock.move(timedelta(minutes=1))
    await moves_all(world)

    assert moved_to(world) == [2]


async def test_who_was_in_several_old_versions_is_moved_to_the_newest_at_once(world: World):
    await under_way(world)
    publishes(world, shorter())
    publishes(world, shorter(version=3))
    await moves_all(world)

    assert moved_to(world) == [3]


async def test_who_has_left_is_not_moved(world: World):
    enrollment = await under_way(world)
    with world.database.write() as session:
        position.close(session, enrollment.id, reason="converted", now=world.clock.now())
    publishes(world, shorter())

    assert world.relay().owe_moves_once() == 0


async def test_progress_tells_who_waits_who_is_moving_and_who_has_moved(world: World):
    enrollment = await under_way(world)
    publishes(world, shorter())
    before = progress(world)[0]
    await moves_all(world)
    during = progress(world)[0]
    with world.database.write() as session:
        now = world.clock.now()
        position.moved(session, enrollment.id, "settle", version=2, counts_from=now)
    after = progress(world)[0]

    assert (before.waiting, before.moving, before.moved) == (1, 0, 0)
    assert (during.waiting, during.moving, during.moved) == (0, 1, 0)
    assert (after.waiting, after.moving, after.moved) == (0, 0, 1)


async def test_a_move_that_an_older_worker_passed_over_is_owed_again(world: World):
    await under_way(world)
    publishes(world, shorter())
    await moves_all(world)
    world.clock.move(moves.AGAIN_AFTER + timedelta(minutes=1))
    await moves_all(world)

    assert moved_to(world) == [2, 2]
    assert [each.seq for each in seen(world)] == [1, 2]


async def test_a_moved_enrollment_is_expected_to_send_when_the_new_version_says(world: World):
    enrollment = await under_way(world)
    publishes(world, shorter(), Policy.RECOMPUTE_WAITS)
    await moves_all(world)
    with world.database.write() as session:
        began = enrollment.started_at
        position.moved(session, enrollment.id, "settle", version=2, counts_from=began)

    [row] = world.enrollments()
    assert row.moving_since is None
    assert row.next_send_at == began + hours(2)


# Publishing


async def test_a_version_that_moves_people_must_say_where_to_go_on_from_a_removed_step(
    world: World,
):
    await under_way(world)
    without = cart_flow(version=2, steps=[send("your-cart")])
    with pytest.raises(FlowConflict, match=r"no step settle \(1 there\), a-look\. .*successors="):
        publishes(world, without)

    publishes(world, without, Policy.FINISH_OLD)
    with world.database.read() as session:
        assert live_flow(session, "cart").flow.version == 2


async def test_a_step_that_a_version_removed_long_ago_needs_a_name_while_somebody_is_there(
    world: World,
):
    await under_way(world)
    publishes(world, cart_flow(version=2, steps=[send("your-cart")]), Policy.FINISH_OLD)
    with pytest.raises(FlowConflict, match=r"no step settle \(1 there\)"):
        publishes(world, cart_flow(version=3, steps=[send("your-cart"), send("thanks")]))
    named = {"settle": "your-cart", "a-look": None}
    publishes(world, cart_flow(version=4, steps=[send("your-cart")], successors=named))
    await moves_all(world)

    [told] = seen(world)
    assert told.move is not None
    assert told.move.successors == named


async def test_a_removed_step_to_which_nobody_could_come_needs_no_successor(world: World):
    publishes(world, cart_flow(version=2, steps=cart_flow().steps[1:]))  # nobody is under way
    publishes(world, cart_flow(version=3))
    enrollment = await under_way(world)
    world.set(enrollment.id, step_id="a-look")
    publishes(world, cart_flow(version=4, steps=cart_flow().steps[2:]))
    with pytest.raises(FlowConflict, match=r"no step a-look \(1 there\)\. "):
        publishes(world, cart_flow(version=5, steps=[send("thanks")]))

    world.set(enrollment.id, step_id="your-cart", flow_version=3)
    with pytest.raises(FlowConflict, match=r"no step your-cart \(1 there\), a-look\. "):
        publishes(world, cart_flow(version=5, steps=[send("thanks")]))


async def test_a_contact_s_move_is_told_while_it_waits_and_while_it_is_under_way(world: World):
    enrollment = await under_way(world)
    publishes(world, shorter())
    waiting = moves_of(world)
    while world.relay().owe_moves_once():
        pass
    moving = moves_of(world)
    world.set(enrollment.id, moving_since=None)  # its workflow has gone over

    assert waiting == {enrollment.id: (2, None)}
    assert moving == {enrollment.id: (2, world.clock.now())}
    assert moves_of(world) == {}


def moves_of(world: World) -> dict[str, tuple[int, datetime | None]]:
    with world.database.read() as session:
        return moves.moves_of(session, "c-maja")


async def test_a_flow_whose_file_is_deleted_goes_on_for_those_under_way_and_takes_newcomers(
    world: World,
):
    await under_way(world)
    world.contact("c-elsa")
    with world.database.write() as session:
        others = [replace(cart_flow(), name="other", trigger=event("Nothing"))]
        publish_catalogue(session, others, now=world.clock.now(), store_templates=store_templates)
    world.happens("c-maja", "Order Completed")
    world.happens("c-elsa", "Product Added", cart_id="k2")
    await world.relay_all()

    assert [each.matched for each in seen(world)] == [("Order Completed",)]
    assert {row.contact_id for row in world.enrollments()} == {"c-maja", "c-elsa"}


def test_a_version_keeps_who_published_it_and_why(world: World):
    publishes(world, shorter(), Policy.RECOMPUTE_WAITS)
    publishes(world, shorter(), Policy.FINISH_OLD)  # a repeat changes nothing

    with world.database.read() as session:
        newest, first = versions.history(session, "cart")
    assert (newest.policy, newest.author, newest.note) == ("recompute_waits", "kim", "too slow")
    assert (first.policy, first.author, first.note) == ("finish_old", None, None)


# Undo


async def test_undo_publishes_the_version_before_and_moves_back_who_was_moved(world: World):
    await under_way(world)
    publishes(world, shorter(), Policy.RECOMPUTE_WAITS)
    await moves_all(world)
    undone = undoes(world)
    await moves_all(world)

    assert (undone.version, undone.undoes, undone.policy) == (3, 2, "recompute_waits")
    assert moved_to(world) == [2, 3]
    told = seen(world)[-1].move
    assert told is not None
    assert told.undoes
    assert told.flow["steps"] == seen_steps(world)


def seen_steps(world: World) -> list[object]:
    return world.temporal.all_executions[0].start.input.flow["steps"]


async def test_undo_stops_a_move_that_has_not_reached_everybody(world: World):
    await under_way(world)
    publishes(world, shorter())
    undoes(world)
    await moves_all(world)

    assert moved_to(world) == []
    assert world.enrollments()[0].flow_version == 1


async def test_undo_of_an_undo_brings_the_version_back(world: World):
    publishes(world, shorter())
    undoes(world)
    again = undoes(world)

    assert again.version == 4
    assert again.definition["steps"][0]["duration"] == 7200


def test_the_first_version_cannot_be_undone_nor_a_flow_that_there_is_not(world: World):
    with pytest.raises(FlowConflict, match="its first version"):
        undoes(world)
    with world.database.write() as session, pytest.raises(UnknownFlow, match="nothing to undo"):
        versions.undo(session, "winter", author=None, note=None, now=world.clock.now())


def test_the_file_set_back_to_what_undo_published_is_that_version(world: World):
    publishes(world, shorter())
    undoes(world)
    publishes(world, cart_flow(version=3))

    with world.database.read() as session:
        assert live_flow(session, "cart").flow == cart_flow(version=3)


def test_an_edited_e_mail_is_a_version_too_and_reaches_those_who_are_moved(world: World):
    publishes(world, cart_flow(version=2))
    with world.database.write() as session:
        row = session.get_one(FlowVersion, ("cart", 2))
        edited = dict.fromkeys(row.templates, "another digest")
        publish(
            session,
            cart_flow(version=3),
            now=world.clock.now(),
            store_templates=lambda *_, **__: edited,
            change=Change(policy=Policy.MOVE_AT_NEXT_STEP),
        )
        told = versions.flow_move(session, "cart", 3)

    assert told.templates == edited


def test_a_pattern_of_a_step_that_is_new_is_listened_for_from_the_move_on(world: World):
    publishes(world, shorter(exit_when=[exit_on(event("page"), ExitReason.CONVERTED)]))

    with world.database.read() as session:
        assert [each.name for each in live_flow(session, "cart").graph.listens_to("page")]
