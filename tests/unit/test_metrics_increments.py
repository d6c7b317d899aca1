"""What holdouts show, day by day: the same as when all of their contacts are measured at once."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.experiments.drawing import plan_of
from sekvens.experiments.judging import see
from sekvens.experiments.measuring import entries_of, measure
from sekvens.experiments.plan import of_everything, of_flow
from sekvens.experiments.tables import ExperimentPlan
from sekvens.flows.lots import EVERYTHING, TREATED
from sekvens.metrics.increments import keep_days, measured_by_day
from sekvens.metrics.reading import Asked, Number, read
from sekvens.metrics.refresh import Refresher
from tests.unit.experimenting import WITHIN, Laboratory
from tests.unit.ingesting import NOON
from tests.unit.metering import RULES
from tests.unit.relaying import cart_flow

NAMES = ("incremental-orders", "incremental-revenue")
ALL = of_everything(0.5, WITHIN)
EVER = {"since": date(2020, 1, 1), "until": date(2040, 1, 1)}
SEK = type(RULES)(zone=RULES.zone, currency="SEK")


def numbers(database: Database, **asked: Any) -> list[Number]:
    with database.read() as session:
        said = Asked(**({"names": NAMES} | EVER | asked))
        return read(session, said, SEK, today=SEK.day_of(NOON))


def drawn(
    database: Database, *, days: int, crowd: int = 60, lifts: Sequence[float] = (0.2, 0.6)
) -> Laboratory:
    """Let a crowd come each day, of whom these parts order: those held out, and the others."""
    lab = Laboratory(database, FrozenClock(NOON))
    for _ in range(days):
        groups = lab.many(crowd, by=ALL)
        for (_, ids), part in zip(sorted(groups.items()), lifts, strict=False):
            some = ids[: round(part * len(ids))]
            lab.order(*some[::2], after=timedelta(days=1), total="150")
            lab.order(*some[1::2], after=timedelta(days=2), total="90.50")
        lab.clock.move(timedelta(days=1))
    return lab


def counted(lab: Laboratory) -> Laboratory:
    Refresher(database=lab.database, clock=lab.clock, rules=SEK).refresh()
    return lab


def test_days_come_to_what_measuring_everybody_at_once_comes_to(database: Database):
    lab = drawn(database, days=4)
    lab.clock.move(WITHIN)
    counted(lab)

    orders, revenue = numbers(database)
    with database.read() as session:
        begun = session.get_one(ExperimentPlan, EVERYTHING)
        plan, entries = plan_of(begun), entries_of(session, begun)
        whole = measure(session, plan, entries, now=lab.clock.now(), currency="SEK")
    effects = see(plan, whole).effects[TREATED]
    for number, effect in ((orders, effects.orders), (revenue, effects.revenue)):
        assert effect is not None
        assert [number.low, number.value, number.high] == pytest.approx(
            [effect.low, effect.value, effect.high]
        )
        assert number.denominator == whole.tallies[TREATED].contacts
        assert not number.without


def test_it_is_what_one_who_is_not_held_out_orders_more(sqlite_database: Database):
    lab = counted(later(drawn(sqlite_database, days=2, lifts=(0, 1))))
    orders, revenue = numbers(sqlite_database)

    assert orders.value == 1
    assert revenue.value == pytest.approx((150 + 90.5) / 2, rel=0.02)
    assert revenue.numerator == pytest.approx(revenue.value * revenue.denominator)
    assert lab.clock.now() > NOON


def later(lab: Laboratory) -> Laboratory:
    lab.clock.move(WITHIN)
    return lab


@pytest.mark.parametrize(
    ("crowd", "lifts", "said"),
    [(60, (0.5, 0.5), "not yet known: between -"), (8, (0, 1), "not yet known: too few")],
)
def test_what_is_not_known_yet_has_no_value_and_says_so(
    sqlite_database: Database, crowd: int, lifts: Sequence[float], said: str
):
    counted(later(drawn(sqlite_database, days=2, crowd=crowd, lifts=lifts)))

    for number in numbers(sqlite_database):
        assert (number.value, number.numerator) == (None, None)
        assert number.without.startswith(said)
        assert (number.low is None) == ("too few" in said)


def test_those_whose_time_is_not_over_count_later_and_late_orders_correct_the_past(
    sqlite_database: Database,
):
    lab = drawn(sqlite_database, days=3)
    counted(lab)
    early = numbers(sqlite_database)
    counted(later(lab))
    before = numbers(sqlite_database)
    held_out = [whose for whose, (name, _) in lab.draws().items() if name != TREATED]
    lab.order(*held_out, after=-WITHIN - timedelta(hours=23), total="150")
    lab.clock.move(timedelta(days=1))
    counted(lab)
    after = numbers(sqlite_database)

    assert [(each.denominator, each.may_grow) for each in early] == [(0, True)] * 2
    assert [each.may_grow for each in before] == [False] * 2
    assert all(b.value and (a.low or 0) < (b.low or 0) for a, b in zip(after, before, strict=True))


def test_a_split_that_is_not_as_planned_shows_nothing(sqlite_database: Database):
    lab = drawn(sqlite_database, days=1, crowd=200)
    with sqlite_database.write() as session:
        now = lab.clock.now() + WITHIN
        found = measured_by_day(session, SEK, now=now)
        for row in found[EVERYTHING]:
            row["drawn"] *= 3 if row["variant"] == TREATED else 1
        keep_days(session, found)

    for number in numbers(sqlite_database):
        assert number.value is None
        assert "as often as planned" in number.without


def test_each_flow_has_its_own_holdout_and_all_marketing_another(sqlite_database: Database):
    lab = later(drawn(sqlite_database, days=1))
    lab.draw(*lab.draws(), by=of_flow(cart_flow(holdout=0.5)), at=NOON)
    counted(lab)
    by_flow = numbers(sqlite_database, by=["flow", "quarter"])

    assert {tuple(each.group.values()) for each in by_flow} == {("cart", "2026-Q1")}
    assert numbers(sqlite_database, flow="cart")[0].denominator == by_flow[0].denominator
    assert numbers(sqlite_database, flow="other")[0].without.startswith("there is no holdout")
