"""Predictions in the database: window by window, each contact once, and by the method trusted."""

from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, func, select

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import Order
from sekvens.flows.shop_time import ShopTime
from sekvens.predictions import runs
from sekvens.predictions.expecting import ExpectedOrders
from sekvens.predictions.histories import learnt_from, of_contacts
from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.predicting import Predictor
from sekvens.predictions.tables import Prediction, PredictionModel
from sekvens.predictions.wire import Worked
from sekvens.segments.figures import foretold
from starter import main
from tests.conftest import NOON
from tests.unit.predicting import CDNOW_END, cdnow, history_of, store_orders

TODAY = NOON.toordinal()
DAY = timedelta(days=1)


def predictor(database: Database, *, later: timedelta = timedelta(0), subjects=None) -> Predictor:
    """A predictor whose batches end after one window."""
    made = Predictor(
        database=database,
        clock=FrozenClock(NOON + later),
        shop_time=ShopTime(),
        batch_max=timedelta(0),
    )
    made._subjects = subjects or (ExpectedOrders(),)
    return made


def work_out(database: Database, **given: Any) -> list[Worked]:
    """Work everything out; tell what each batch came to."""
    made, told = predictor(database, **given), [Worked()]
    while not told[-1].is_over:
        told.append(made.batch(told[-1], lambda _worked: None))
    return told[1:]


def rows(database: Database) -> dict[tuple[str, str], tuple]:
    with database.read() as session:
        return {
            (row.contact_id, row.kind): (row.value, row.falls_on, row.method)
            for row in session.scalars(select(Prediction))
        }


def regulars(count: int = 120) -> list:
    """Customers who have come back every 30 days, the last time a while ago."""
    return [
        history_of(f"c-{n:04}", [TODAY - n % 60 - 30 * back for back in range(3)])
        for n in range(count)
    ]


@pytest.fixture
def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A shop of 120 customers, looked at 50 at a time."""
    monkeypatch.setattr(runs, "WINDOW", 50)
    store_orders(database, regulars(), last_day=TODAY)
    return database


def test_everybody_who_ordered_gets_what_the_rule_says(shop: Database):
    told = work_out(shop)

    assert [worked.contacts for worked in told] == [0, 50, 100, 120]
    found = rows(shop)
    assert len(found) == 360
    # Of 300 gaps that lasted 30 days 240 closed; who orders at all did so 2.5 times in 90 days.
    assert found["c-0000", Kind.CHURN] == (0.2, None, Method.RULE)
    assert found["c-0000", Kind.ORDERS] == (2.0, None, Method.RULE)
    assert found["c-0000", Kind.NEXT_ORDER] == (None, NOON + 30 * DAY, Method.RULE)


def test_a_repeat_changes_nothing_but_the_version(shop: Database):
    work_out(shop)
    before = rows(shop)
    work_out(shop)

    assert rows(shop) == before
    with shop.read() as session:
        assert session.scalar(select(func.count(Prediction.version.distinct()))) == 1


def test_who_is_stopped_goes_on_where_it_was_and_learns_nothing_anew(shop: Database):
    made = predictor(shop)
    begun = made.batch(Worked(), lambda _worked: None)
    made.batch(begun, lambda _worked: None)

    told = work_out(shop, later=timedelta(hours=3))

    assert [worked.contacts for worked in told] == [50, 100, 120]
    assert told[0].version == begun.version
    again = work_out(shop, later=timedelta(hours=3))
    assert again[0].version != begun.version


def test_a_run_that_was_stopped_a_day_ago_is_given_up(shop: Database):
    begun = predictor(shop).batch(Worked(), lambda _worked: None)
    told = work_out(shop, later=DAY)

    assert told[0].version != begun.version
    with shop.read() as session:
        assert set(session.scalars(select(Prediction.version))) == {told[0].version}


def test_two_at_once_work_out_each_window_once(shop: Database):
    begun = predictor(shop).batch(Worked(), lambda _worked: None)
    subject = Interrupted(lambda: predictor(shop).batch(begun, lambda _worked: None))
    made = predictor(shop, subjects=(subject,))

    first = made.batch(begun, lambda _worked: None)

    assert (first.contacts, first.predicted) == (50, 50)
    assert work_out(shop)[-1].contacts == 120


class Interrupted(ExpectedOrders):
    """Lets somebody else work the first window out after it has done so itself."""

    def __init__(self, other) -> None:
        self.other = other

    def work_out(self, session, run, contact_ids):
        made = super().work_out(session, run, contact_ids)
        if self.other is not None:
            other, self.other = self.other, None
            other()
        return made


def test_of_whom_there_are_no_orders_any_more_nothing_is_predicted(shop: Database):
    work_out(shop)
    with shop.write() as session:
        session.execute(delete(Order).where(Order.contact_id == "c-0007"))
        session.get_one(Contact, "c-0008").merged_into = "c-0009"
        session.get_one(Contact, "c-0010").erased_at = NOON

    work_out(shop)

    gone = {whose for whose, _ in rows(shop)} & {"c-0007", "c-0008", "c-0010"}
    assert gone == set()


def test_a_merged_contacts_orders_are_those_of_the_one_who_stands(shop: Database):
    with shop.write() as session:
        session.get_one(Contact, "c-0008").merged_into = "c-0009"
    with shop.read() as session:
        (one,) = of_contacts(session, ["c-0009"], until=NOON)
        learnt = learnt_from(session, until=NOON, customers_max=10)

    assert len(one.days) == 6
    assert [len(each.days) for each in learnt] == [3] * 8 + [6, 3]
    assert one == learnt[8]


def test_orders_that_were_refunded_or_are_to_come_are_not_learnt_from(sqlite_database: Database):
    store_orders(sqlite_database, [history_of("a", [TODAY - 9, TODAY + 1])], last_day=TODAY)
    store_orders(sqlite_database, [history_of("b", [TODAY - 3])], last_day=TODAY, state="refunded")

    with sqlite_database.read() as session:
        (one,) = learnt_from(session, until=NOON, customers_max=10)
    assert (one.contact_id, one.days) == ("a", (TODAY - 9,))


def test_on_real_orders_the_model_predicts_and_says_when_each_lapses(sqlite_database: Database):
    early = [each.until(CDNOW_END - 180) for each in cdnow()[::20]]
    store_orders(sqlite_database, [each for each in early if each], last_day=CDNOW_END - 180)
    told = work_out(sqlite_database)

    found = rows(sqlite_database)
    by = {kind: method for (_, kind), (_, _, method) in found.items()}
    assert by[Kind.ORDERS] == by[Kind.LAPSE] == Method.MODEL
    with sqlite_database.read() as session:
        run = session.get_one(PredictionModel, told[-1].version)
        some = found[min(whose for whose, _ in found), Kind.LAPSE]
        assert foretold(session, min(whose for whose, _ in found), Kind.LAPSE) == (NOON, some[1])
    assert run.reason.startswith("the model predicts orders_in_90_days")
    assert run.backtest["kinds"]["orders_in_90_days"]["chosen"] == "bg_nbd"
    assert set(run.parameters["model"]) == {"r", "alpha", "a", "b"}


def test_old_runs_are_forgotten(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runs, "RUNS_KEPT", 2)
    for _ in range(4):
        work_out(sqlite_database)

    with sqlite_database.read() as session:
        kept = list(session.scalars(select(PredictionModel.id).order_by(PredictionModel.id)))
    assert kept == [3, 4]


def test_the_commands_say_what_is_predicted_by_what_and_why(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    store_orders(sqlite_database, regulars(), last_day=TODAY)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(sqlite_database.engine.url))

    def say(*words: str) -> str:
        result = CliRunner().invoke(main, ["predict", *words], catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    assert "nothing has been worked out yet" in say("status")
    assert "Nothing is predicted of c-0000" in say("show", "c-0000")
    assert "120 contacts looked at, something is predicted of 120" in say("run")
    assert "the shop's own gaps predict: 120 customers have ordered" in say("status")
    assert "next_order" in say("show", "c-0000")
    assert "a model needs 500" in say("backtest")
