"""What holdouts have shown: what came because of the e-mails, or that it is not yet known."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.experiments.plan import Plan, of_everything, of_flow
from sekvens.experiments.tables import Draw
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.lots import TREATED
from sekvens.metrics.increments import keep_days, measured_by_day
from sekvens.metrics.rules import Rules
from sekvens.staff.monday.gains import Gain, gains
from tests.unit.experimenting import Laboratory, plan, with_experiment
from tests.unit.relaying import cart_flow

RULES = Rules(zone=ZoneInfo("Europe/Stockholm"), currency="SEK")
FLOW: Plan = of_flow(cart_flow(holdout=0.5))


def told(laboratory: Laboratory) -> list[Gain]:
    """Count what holdouts have come to a year later, and tell it."""
    now = laboratory.clock.now() + timedelta(days=365)
    with laboratory.database.write() as session:
        keep_days(session, measured_by_day(session, RULES, now=now))
    with laboratory.database.read() as session:
        return list(gains(session, until=RULES.day_of(now)))


@pytest.fixture
def laboratory(database: Database, clock: FrozenClock) -> Laboratory:
    return Laboratory(database, clock)


def test_what_more_those_ordered_who_were_not_held_out_came_of_the_e_mails(laboratory: Laboratory):
    groups = laboratory.many(400, by=FLOW)
    laboratory.order(*groups[TREATED][:120], *groups[HOLDOUT][:30], after=timedelta(days=1))
    (gain,) = told(laboratory)

    assert (gain.flow, gain.contacts) == ("cart", len(groups[TREATED]))
    assert gain.since == laboratory.clock.now()
    assert gain.revenue is not None
    assert gain.revenue.is_known
    expected = 12_000 - 3_000 / len(groups[HOLDOUT]) * len(groups[TREATED])
    assert gain.revenue.value == pytest.approx(expected)


def test_where_few_have_ordered_it_is_not_known(laboratory: Laboratory):
    groups = laboratory.many(100, by=FLOW)
    laboratory.order(*groups[TREATED][:5], after=timedelta(days=1))

    assert [gain.revenue for gain in told(laboratory)] == [None]


def test_an_experiment_is_no_holdout_and_that_of_all_marketing_is_of_no_flow(
    laboratory: Laboratory,
):
    laboratory.crowd(4, by=of_everything(0.5, timedelta(days=30)))
    laboratory.crowd(4, by=plan())

    assert with_experiment().name == "cart"
    assert [gain.flow for gain in told(laboratory)] == [None]


def test_where_the_lot_did_not_do_what_it_should_nothing_is_known(laboratory: Laboratory):
    groups = laboratory.many(200, by=FLOW)
    laboratory.order(*groups[TREATED][:90], *groups[HOLDOUT][:30], after=timedelta(days=1))
    with laboratory.database.write() as session:
        for whose in groups[HOLDOUT][50:]:
            session.delete(session.get_one(Draw, (FLOW.name, whose)))

    assert [gain.revenue for gain in told(laboratory)] == [None]
