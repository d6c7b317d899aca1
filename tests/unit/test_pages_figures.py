"""The figures of the overview and of a flow's picture, on both databases."""

from datetime import date, timedelta

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.metrics.pages import Period
from sekvens.metrics.steps import Standing, Went, standing_by_step, went_by_step
from sekvens.metrics.today import FlowNow, today_of
from tests.unit.metering import DAY, END, HOUR, RULES, Meter

TODAY = date(1998, 8, 1)
WEEK = Period(since=date(1998, 7, 26), until=date(1998, 8, 2))


@pytest.fixture
def meter(database: Database) -> Meter:
    """Letters of today: one that led to an order, one that was skipped, one under way."""
    meter = Meter(database)
    meter.join(dict.fromkeys(("a", "b", "c"), END - 10 * DAY))
    first = meter.enroll(meter.ids["a"], "carts", "k1", END - 5 * HOUR)
    sent = meter.claims(first, "one")
    meter.sends(sent, END - 4 * HOUR, locale="sv", tracked=(True, True))
    meter.reports(sent, "delivered", END - 4 * HOUR)
    meter.does(sent, "click", END - 3 * HOUR)
    meter.settles()
    meter.post("Order Completed", END - 2 * HOUR, "a", order_id="o1", total="120.50",
               currency="USD")  # fmt: skip
    meter.ends(first, "converted", END - 2 * HOUR)
    second = meter.enroll(meter.ids["b"], "carts", "k2", END - 5 * HOUR)
    meter.skips(meter.claims(second, "one"), "filter")
    meter.enroll(meter.ids["c"], "after", "o9", END - HOUR)
    with database.write() as session:
        session.get_one(Enrollment, first).step_id = "two"
        parked = session.get_one(Enrollment, second)
        parked.state, parked.parked_at, parked.parked_code = EnrollmentState.PARKED, END, "template"
        parked.step_id = "two"
    meter.refresher.refresh()
    return meter


def test_the_day_so_far_is_what_the_ledger_and_the_orders_say(meter: Meter):
    with meter.database.read() as session:
        today = today_of(session, RULES, today=TODAY)
        yesterday = today_of(session, RULES, today=TODAY - timedelta(days=1))

    assert (today.sent, today.marketing, today.order_mail) == (1, 1, 0)
    assert (today.under_way, dict(today.skipped)) == (2, {"filter": 1})
    assert (today.orders, today.earned, today.ordered) == (1, 120.5, 120.5)
    assert today.flows == {
        "after": FlowNow(under_way=1),
        "carts": FlowNow(under_way=1, parked=1, sent=1),
    }
    assert (yesterday.sent, yesterday.earned, dict(yesterday.skipped)) == (0, 0.0, {})


def test_a_step_says_who_stands_there_and_what_went_out(meter: Meter):
    with meter.database.read() as session:
        standing = standing_by_step(session, "carts")
        went = went_by_step(session, "carts", WEEK, RULES)

    assert standing == {"two": Standing(under_way=1, parked=1)}
    assert went == {
        "one": Went(sent=1, delivered=1, clicks_allowed=1, clicked=1, converted=1, earned=120.5,
                    skipped={"filter": 1}),
        "two": Went(left={"converted": 1}),
    }  # fmt: skip


def test_another_period_has_other_figures_and_the_same_who_stand(meter: Meter):
    before = Period(since=date(1998, 7, 1), until=date(1998, 7, 26))
    with meter.database.read() as session:
        assert went_by_step(session, "carts", before, RULES) == {}
        assert standing_by_step(session, "carts")
        assert standing_by_step(session, "no-such-flow") == {}
