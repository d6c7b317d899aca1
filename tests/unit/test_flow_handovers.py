"""Where one flow ends and another begins, by the real relay and the catalogue's own flows."""

from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.events import expansion
from sekvens.flows import interpreter
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.products.tables import OrderLine
from tests.unit.relaying import World

PEACE = timedelta(days=15)  #: longer than any flow about one visit wants between two entries


@pytest.fixture
def world(database: Database, clock: FrozenClock) -> World:
    world = World(database, clock, *CATALOGUE)
    world.contact("c-maja")
    return world


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a round take its time: a busy machine shall draw no line between what came together."""
    monkeypatch.setattr(expansion, "DURATION_MAX", timedelta(minutes=1))


async def ends(world: World) -> dict[str, str | None]:
    """Relay all, and tell of every enrollment why it has ended by what it was told, or None."""
    await world.relay_all()
    reasons: dict[str, str | None] = {}
    for execution in world.temporal.all_executions:
        graph = compile_flow(from_json(Flow, execution.start.input.flow))
        now = world.clock.now()
        state = interpreter.start(graph, now)
        for told in execution.events_seen():
            state = interpreter.see(
                graph, state, told.event_id, told.matched, seq=told.seq, now=now
            )
        reasons[execution.start.workflow_id.replace("/c-maja", "")] = state.exit
    return reasons


def looks(world: World, product_id: str = "mitten", *, times: int = 3) -> None:
    world.happens("c-maja", "Product Viewed", times=times, product_id=product_id)


def end_all(world: World) -> None:
    for enrollment in world.enrollments():
        world.set(enrollment.id, state=EnrollmentState.ENDED)


async def test_the_third_look_at_one_product_enrolls_and_looks_at_three_do_not(world: World):
    for product_id in ("mitten", "cap", "scarf"):
        looks(world, product_id, times=1)
    assert await ends(world) == {}

    looks(world, "cap", times=2)

    assert await ends(world) == {"browse-abandonment/cap": None}


async def test_each_deeper_flow_ends_the_shallower_one(world: World):
    looks(world)
    await ends(world)
    world.happens("c-maja", "Product Added", product_id="mitten", cart_id="k-1")
    assert await ends(world) == {
        "browse-abandonment/mitten": "superseded",
        "cart-abandonment/k-1": None,
    }

    world.happens("c-maja", "Checkout Started", cart_id="k-1")

    assert await ends(world) == {
        "browse-abandonment/mitten": "superseded",
        "cart-abandonment/k-1": "superseded",
        "checkout-abandonment/k-1": None,
    }


async def test_one_order_ends_all_that_wanted_one(world: World):
    # A checkout on the phone, a cart on the laptop, and then a look at something else.
    world.happens("c-maja", "Checkout Started", cart_id="k-1")
    world.happens("c-maja", "Product Added", product_id="cap", cart_id="k-2")
    looks(world)
    await ends(world)
    world.happens("c-maja", "Order Completed", order_id="o-1")

    reasons = await ends(world)

    wanted = ("browse-abandonment/mitten", "cart-abandonment/k-2", "checkout-abandonment/k-1")
    assert [reasons[flow] for flow in wanted] == ["converted"] * 3


async def test_a_product_in_the_cart_is_looked_at_in_peace(world: World):
    world.happens("c-maja", "Product Added", product_id="mitten", cart_id="k-1")
    looks(world, times=5)

    assert await ends(world) == {"cart-abandonment/k-1": None}


async def test_a_cart_filled_in_the_middle_of_a_checkout_is_left_to_the_checkout(world: World):
    world.happens("c-maja", "Checkout Started", cart_id="k-1")
    await ends(world)
    world.happens("c-maja", "Product Added", product_id="cap", cart_id="k-2")
    looks(world, times=5)

    assert await ends(world) == {"checkout-abandonment/k-1": None}


async def test_a_first_order_begins_its_updates_its_care_and_its_year(world: World):
    world.happens("c-maja", "Order Completed", order_id="o-1")

    assert await ends(world) == {
        "milestones/o-1": None,
        "order-updates/o-1": None,
        "post-purchase-first/o-1": None,
    }


async def test_a_newer_order_takes_over_and_leaves_the_older_one_its_updates(world: World):
    world.happens("c-maja", "Order Completed", order_id="o-1")
    await ends(world)
    world.happens("c-maja", "Order Completed", order_id="o-2")

    assert await ends(world) == {
        "milestones/o-1": None,
        "order-updates/o-1": None,
        "order-updates/o-2": None,
        "post-purchase-first/o-1": "converted",
        "post-purchase-returning/o-2": None,
    }


async def test_a_third_order_takes_over_from_the_second(world: World):
    for order_id in ("o-1", "o-2", "o-3"):
        world.happens("c-maja", "Order Completed", order_id=order_id)
        reasons = await ends(world)

    assert reasons["post-purchase-returning/o-2"] == "converted"
    assert reasons["post-purchase-returning/o-3"] is None


async def test_news_of_an_order_reach_the_updates_of_that_order_alone(world: World):
    for order_id in ("o-1", "o-2"):
        world.happens("c-maja", "Order Completed", order_id=order_id)
    [shipped] = world.happens("c-maja", "Order Shipped", order_id="o-2")
    await world.relay_all()

    told = {
        execution.start.workflow_id: [event.event_id for event in execution.events_seen()]
        for execution in world.temporal.all_executions
        if "order-updates" in execution.start.workflow_id
    }
    assert told == {"order-updates/c-maja/o-1": [], "order-updates/c-maja/o-2": [shipped]}


async def test_an_order_that_is_posted_again_enters_nothing_again(world: World):
    world.happens("c-maja", "Order Completed", order_id="o-1")
    before = await ends(world)
    world.happens("c-maja", "Order Completed", order_id="o-1")
    assert await ends(world) == before  # nor does it end what speaks of it

    end_all(world)
    world.happens("c-maja", "Order Completed", order_id="o-1")

    assert await ends(world) == before
    assert len(world.enrollments()) == 3


async def test_a_refund_ends_what_speaks_of_that_order_and_not_its_updates(world: World):
    world.happens("c-maja", "Order Completed", order_id="o-1")
    await ends(world)
    world.happens("c-maja", "Order Refunded", order_id="o-1")

    assert await ends(world) == {
        "milestones/o-1": "no_longer_matches",
        "order-updates/o-1": None,
        "post-purchase-first/o-1": "no_longer_matches",
    }


async def test_a_page_about_what_they_own_enrolls_and_about_another_product_does_not(world: World):
    with world.database.write() as session:
        session.add(
            OrderLine(
                contact_id="c-maja",
                order_id="o-1",
                product_id="mitten",
                quantity=1,
                ordered_at=world.clock.now(),
                state="completed",
            )
        )
    for product_id in ("cap", "mitten"):
        world.happens("c-maja", "page", category="warranty", product_id=product_id)

    assert await ends(world) == {"owner-visits/mitten": None}


async def test_a_return_begun_is_helped_with_and_one_finished_is_not(world: World):
    world.happens("c-maja", "Return Started", order_id="o-1")
    world.happens("c-maja", "Return Started", order_id="o-2")
    world.happens("c-maja", "Return Completed", order_id="o-2")

    assert await ends(world) == {"return-help/o-1": None, "return-help/o-2": "no_longer_matches"}


async def test_not_interested_any_more_says_goodbye_instead_of_going_on(world: World):
    answer = {"question": "still-interested", "answer": "no"}
    world.happens("c-maja", "Question Answered", **answer)

    assert await ends(world) == {"winback-goodbye": None}


async def test_the_same_cart_is_left_again_only_after_a_while(world: World):
    world.happens("c-maja", "Product Added", product_id="cap", cart_id="k-1")
    await ends(world)
    end_all(world)
    world.happens("c-maja", "Product Added", product_id="cap", cart_id="k-1")
    await ends(world)
    assert len(world.enrollments()) == 1

    world.clock.move(PEACE)
    world.happens("c-maja", "Product Added", product_id="cap", cart_id="k-1")
    await ends(world)

    assert len(world.enrollments()) == 2
