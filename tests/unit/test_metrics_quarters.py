"""The seven metrics of the board, quarter by quarter."""

from datetime import date, timedelta

import pytest

from sekvens.db.session import Database
from sekvens.metrics.calendar import NoQuarter, Quarter, next_month
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.dimensions import PERIODS, ends, period_of
from sekvens.metrics.quarters import BOLD, Board, quarters
from tests.unit.counting import add
from tests.unit.metering import RULES

Q2, Q3 = Quarter(year=2026, number=2), Quarter(year=2026, number=3)
TODAY = date(2026, 10, 20)


def board(database: Database, n: int = 4) -> Board:
    with database.read() as session:
        return quarters(session, Q3, n, RULES, today=TODAY)


def test_every_day_lies_in_the_period_that_it_is_written_as():
    for day in (date(2024, 12, 28) + timedelta(days=n) for n in range(800)):
        for period in PERIODS:
            end = ends(period_of(day, period), period)

            assert period_of(end - timedelta(days=1), period) == period_of(day, period)
            assert period_of(end, period) != period_of(day, period)


def test_a_quarter_is_read_as_it_is_written():
    for quarter in (Q2, Q3, Q3.after(1), Q3.after(2)):
        assert Quarter.read(str(quarter)) == quarter
        assert next_month(quarter.begins.replace(month=quarter.begins.month + 2)) == quarter.ends
    assert (str(Q3.after(-3)), str(Q3.after(2))) == ("2025-Q4", "2027-Q1")


@pytest.mark.parametrize("written", ["2026", "2026-Q5", "2026-Q", "26-Q1", "2026-Q01", "Q1-2026"])
def test_what_names_no_quarter_is_refused(written: str):
    with pytest.raises(NoQuarter, match="write it as 2026-Q3"):
        Quarter.read(written)


def test_the_board_shows_each_of_the_seven_in_each_quarter_though_nothing_happened(
    database: Database,
):
    shown = board(database, 5)

    assert [str(each) for each in shown.quarters][::4] == ["2025-Q3", "2026-Q3"]
    assert tuple(shown.bold) == BOLD
    for bold in shown.bold.values():
        assert [each.group for each in bold.numbers] == [
            {"quarter": str(each)} for each in shown.quarters
        ]
        assert all(each.without for each in bold.numbers)


def test_a_quarter_is_the_sum_of_its_days(database: Database):
    for day in (Q2.begins, Q2.ends - timedelta(days=1), Q3.begins, Q3.ends):
        add(database, day, "opens_allowed", 40, flow="welcome")
        add(database, day, "opened", 10, flow="welcome")

    bold = board(database).bold["open-rate"]

    assert [(each.numerator, each.denominator) for each in bold.numbers] == [
        (0, 0), (0, 0), (20, 80), (10, 40),
    ]  # fmt: skip
    assert [each.metric for each in bold.beside] == ["open-consent"] * 4
    assert {each.group["flow"] for each in bold.tables["by flow"]} == {"welcome"}


def test_only_the_cohorts_whose_time_is_not_over_may_still_change(database: Database):
    for quarter in (Q2, Q3):
        add(database, quarter.begins, "kept", 40)
        add(database, quarter.begins, "lost", 10, bucket=45)

    kept = board(database, 2).bold["kept-30-days"]
    told = {(each.metric, each.group["quarter"]): each for each in kept.tables["by cohort"]}

    assert [each.value for each in kept.numbers] == [1, 1]
    assert told["kept-90-days", "2026-Q2"].value == 0.8
    assert not told["kept-90-days", "2026-Q2"].may_grow
    assert told["kept-90-days", "2026-Q3"].may_grow
    assert not any(each.may_grow for each in board(database).bold["open-rate"].numbers)


def test_days_are_taken_together_up_to_the_day_that_counts_and_not_with_it(database: Database):
    add(database, Q2.begins, "kept", 40)
    for bucket in (0, 29, 30, 89, 90, 91, 364, 365, 900):
        add(database, Q2.begins, "lost", 10, bucket=bucket)

    told = board(database, 2).bold["kept-30-days"].tables["by cohort"]

    assert [each.numerator for each in told if each.group["quarter"] == "2026-Q2"] == [
        110, 90, 70, 60,
    ]  # fmt: skip


def test_what_stands_beside_the_seven_are_metrics_too():
    assert set(BOLD) <= set(METRICS)
