"""Experiments as people read them: in a line each, and one with its figures."""

from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.experiments.looking import UnknownExperiment
from sekvens.experiments.plan import of_flow
from sekvens.experiments.reading import Results, listed, results
from sekvens.experiments.tables import Verdict
from tests.unit.composing import sample_shop
from tests.unit.experimenting import NAME, WITHIN, Laboratory, halves, with_experiment
from tests.unit.relaying import World

HOUR = timedelta(hours=1)


@pytest.fixture
def laboratory(database: Database, clock: FrozenClock) -> Laboratory:
    World(database, clock, with_experiment())
    return Laboratory(database, clock)


def read(laboratory: Laboratory, name: str = NAME) -> Results:
    with laboratory.database.read() as session:
        return results(session, name, now=laboratory.clock.now(), shop=sample_shop())


def test_the_list_tells_how_far_each_is(laboratory: Laboratory) -> None:
    groups = laboratory.many(220)
    laboratory.many(10, by=of_flow(with_experiment(holdout=0.4)))
    laboratory.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    laboratory.clock.move(WITHIN)
    laboratory.looker().look()
    with laboratory.database.read() as session:
        held, each = listed(session)

    assert (each.drawn, each.looks_taken, each.verdict) == (220, 2, Verdict.WON)
    assert each.look is not None
    assert each.look.winner == "loud"
    assert (held.plan.is_holdout, held.drawn, held.verdict) == (True, 10, Verdict.OPEN)


def test_between_looks_nothing_more_is_seen_than_the_last_one_saw(laboratory: Laboratory) -> None:
    laboratory.many(90)
    laboratory.clock.move(WITHIN)
    before = read(laboratory)
    laboratory.many(60)
    laboratory.clock.move(WITHIN)
    laboratory.looker().look()
    after = read(laboratory)

    assert (before.seen, before.next_look, before.measured.contacts) == (None, 100, 90)
    assert after.seen is not None
    assert (after.next_look, after.measured.contacts) == (200, 150)


def test_a_holdout_is_seen_as_of_now_and_never_decided(laboratory: Laboratory) -> None:
    flow = with_experiment(holdout=0.4)
    groups = laboratory.many(300, by=of_flow(flow))
    laboratory.order(*groups["holdout"][:22], *groups["treated"][:120], after=HOUR)
    laboratory.clock.move(WITHIN)
    found = read(laboratory, "cart")

    assert (found.next_look, found.drawn) == (None, 300)
    assert found.seen is not None
    assert found.seen.effects["treated"].orderers is not None


def test_one_that_nobody_came_to_is_unknown(laboratory: Laboratory) -> None:
    with pytest.raises(UnknownExperiment):
        read(laboratory, "cart/other")
