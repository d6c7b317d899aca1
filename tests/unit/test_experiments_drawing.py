"""A variant is drawn once and kept, whatever comes: another plan, a merge, an adoption."""

import threading
from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments.enroll import EntryRefusal, NotEnrolled, enroll
from sekvens.enrollments.publish import live_flow
from sekvens.enrollments.tables import Enrollment
from sekvens.experiments import looking
from sekvens.experiments.drawing import (
    is_held_out,
    is_held_out_of_everything,
    merge_draws,
    variant_of,
)
from sekvens.experiments.plan import of_everything, of_flow
from sekvens.experiments.tables import Draw
from sekvens.flows.builder import send
from sekvens.flows.experimenting import variant
from sekvens.flows.lots import EVERYTHING, draw, holdout_weights, weights_of
from tests.unit.experimenting import NAME, Laboratory, plan, way, with_experiment
from tests.unit.relaying import World

ALL = of_everything(0.3, timedelta(days=90))
LATER = timedelta(hours=1)


@pytest.fixture
def laboratory(database: Database, clock: FrozenClock) -> Laboratory:
    return Laboratory(database, clock)


@pytest.fixture
def quick(sqlite_database: Database, clock: FrozenClock) -> Laboratory:
    return Laboratory(sqlite_database, clock)


def held_out(name: str, share: float, *, held: bool) -> str:
    """Find somebody whom the lot keeps out, or lets in."""
    wanted = "holdout" if held else "treated"
    ids = (f"c-{number}" for number in range(1_000))
    return next(each for each in ids if draw(name, each, holdout_weights(share)) == wanted)


def test_what_is_drawn_is_written_down_once_and_is_what_the_lot_says(laboratory: Laboratory):
    laboratory.contacts("c-1", "c-2")
    drawn = laboratory.draw("c-1", "c-2", "c-1")

    said = [draw(NAME, each, weights_of(way())) for each in ("c-1", "c-2", "c-1")]
    assert drawn == said
    assert laboratory.draws() == {"c-1": (said[0], 1), "c-2": (said[1], 1)}
    assert laboratory.begun().state == "running"


def test_several_who_draw_at_once_come_to_the_same(laboratory: Laboratory):
    laboratory.contacts("c-1")
    drawn: list[str] = []
    threads = [
        threading.Thread(target=lambda: drawn.extend(laboratory.draw("c-1"))) for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(drawn) == 5
    assert len(set(drawn)) == 1


def test_other_weights_are_for_newcomers_alone_and_begin_a_new_round(quick: Laboratory):
    before = quick.crowd(40)
    others = [variant("loud", send("loud"), weight=1e9)]
    heavier = plan(2, others=others)
    again = quick.draw(*before["plain"], by=heavier)
    newcomers = quick.crowd(20, by=heavier)

    assert set(again) == {"plain"}
    assert list(newcomers) == ["loud"]
    rounds = {name: {quick.draws()[c][1] for c in whose} for name, whose in newcomers.items()}
    assert (quick.begun().round, rounds) == (2, {"loud": {2}})
    assert quick.draws()[before["plain"][0]] == ("plain", 1)


def test_an_older_version_that_is_still_under_way_does_not_turn_the_plan_back(quick: Laboratory):
    quick.crowd(2, by=plan(2))
    late = quick.crowd(1, by=plan(1, contacts=999))

    assert quick.begun().plan["contacts"] == 400
    [[contact_id]] = late.values()
    assert quick.draws()[contact_id][1] is None


def test_a_new_version_with_the_same_experiment_goes_on_counting(quick: Laboratory):
    quick.crowd(2)
    quick.crowd(2, by=plan(2))

    assert (quick.begun().round, quick.begun().plan["version"]) == (1, 2)
    assert {each for _, each in quick.draws().values()} == {1}


def test_who_drew_a_variant_that_is_gone_gets_the_first_one(quick: Laboratory):
    loud = quick.crowd(20)["loud"]
    [got] = set(quick.draw(*loud, by=plan(2, others=[variant("soft", send("soft"))])))

    assert got == "plain"
    assert {quick.draws()[each] for each in loud} == {("loud", 1)}


def test_an_adopted_variant_is_for_those_who_have_not_drawn(quick: Laboratory):
    drawn = quick.crowd(20)
    quick.contacts("c-new-1", "c-new-2")
    with quick.database.write() as session:
        now = quick.clock.now()
        looking.adopt(session, NAME, "loud", by="maja", now=now, anyway=True)

    assert quick.draw("c-new-1", "c-new-2") == ["loud", "loud"]
    assert set(quick.draw(*drawn["plain"])) == {"plain"}
    assert not {"c-new-1", "c-new-2"} & set(quick.draws())


def test_of_two_contacts_who_are_one_the_earlier_draw_stands(laboratory: Laboratory):
    drawn = laboratory.crowd(20)
    winner, loser, only = drawn["plain"][0], drawn["loud"][0], drawn["loud"][1]
    now = laboratory.clock.now()
    with laboratory.database.write() as session:
        session.get_one(Draw, (NAME, winner)).drawn_at = now + LATER
        merge_draws(session, winner_id=winner, loser_id=loser)
    laboratory.contacts("c-older")
    with laboratory.database.write() as session:
        merge_draws(session, winner_id="c-older", loser_id=only)
        merge_draws(session, winner_id=winner, loser_id=drawn["plain"][1])

    draws = laboratory.draws()
    assert (draws[winner], draws["c-older"]) == (("loud", 1), ("loud", 1))
    assert not {loser, only, drawn["plain"][1]} & set(draws)


def test_a_flow_with_a_holdout_enrolls_nobody_whom_the_lot_keeps_out(
    database: Database, clock: FrozenClock
):
    world = World(database, clock, with_experiment(holdout=0.3))
    out, let_in = (held_out("cart", 0.3, held=held) for held in (True, False))
    for contact_id in (out, let_in):
        world.contact(contact_id)
        world.happens(contact_id, "Product Added", cart_id="k")
        world.happens(contact_id, "Product Added", cart_id="another")
    world.expand_all()

    assert {each.contact_id for each in world.enrollments()} == {let_in}
    with database.read() as session:
        draws = session.query(Draw.contact_id, Draw.variant, Draw.round).all()
    assert sorted(tuple(each) for each in draws) == sorted(
        [(out, "holdout", 1), (let_in, "treated", 1)]
    )


def test_by_hand_too_nobody_enters_whom_the_lot_keeps_out_until_it_is_stopped(
    sqlite_database: Database, clock: FrozenClock
):
    world = World(sqlite_database, clock, with_experiment(holdout=0.3))
    out = world.contact(held_out("cart", 0.3, held=True))

    def enter() -> Enrollment | NotEnrolled:
        now = clock.now()
        with sqlite_database.write() as session:
            return enroll(session, live_flow(session, "cart"), contact_id=out, entry_key="k",
                          trigger=None, now_wall=now, now_shop=now)  # fmt: skip

    assert enter() == NotEnrolled(reason=EntryRefusal.HOLDOUT)
    with sqlite_database.write() as session:
        assert looking.stop(session, "cart", by="maja", now=clock.now()) == "treated"

    assert isinstance(enter(), Enrollment)


def test_a_holdout_of_everything_is_drawn_by_itself(quick: Laboratory):
    out, let_in = (held_out(EVERYTHING, 0.3, held=held) for held in (True, False))
    quick.contacts(out, let_in)
    with quick.database.write() as session:
        now = quick.clock.now()
        drawn = [variant_of(session, ALL, contact_id=c, now=now) for c in (out, let_in)]
        said = [is_held_out_of_everything(session, [each]) for each in (out, let_in)]

    assert (drawn, said) == (["holdout", "treated"], [True, False])
    assert quick.draw(out) == [draw(NAME, out, weights_of(way()))]


def test_a_holdout_is_drawn_with_the_share_that_the_flow_says(quick: Laboratory):
    flow = with_experiment(holdout=0.25)
    ids = [f"c-{number}" for number in range(80)]
    quick.contacts(*ids)
    with quick.database.write() as session:
        now = quick.clock.now()
        held = [c for c in ids if is_held_out(session, of_flow(flow), contact_id=c, now=now)]

    assert held == [c for c in ids if draw("cart", c, holdout_weights(0.25)) == "holdout"]
    assert 8 <= len(held) <= 32
    with quick.database.read() as session:
        assert session.query(Contact).count() == session.query(Draw).count() == 80
