"""`metrics` on the command line, and the pages that a dashboard reads."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.metrics import pages
from sekvens.metrics.counting import count_month
from sekvens.metrics.definitions import METRICS
from sekvens.metrics.reading import FEW, Asked, CannotTellApart, read
from sekvens.metrics.tables import MetricCount
from starter import main
from tests.unit.metering import DAY, RULES, Meter

Run = Callable[..., Result]
TODAY = date(2026, 3, 4)


@pytest.fixture
def run(tmp_path: Path, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on a shop with one letter of yesterday, not counted yet."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{shutil.copy(sqlite_file, tmp_path / 'own.db')}"
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    database = Database(url)
    meter = Meter(database, now=SystemClock().now())
    yesterday = meter.clock.now() - DAY
    meter.join({"u": yesterday})
    message = meter.claims(meter.enroll(meter.ids["u"], "after", "k", yesterday), "one")
    meter.sends(message, yesterday, locale="sv", tracked=(False, True))
    meter.reports(message, "delivered", yesterday)
    database.close()
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


def line(said: str, name: str) -> str:
    return next(each for each in said.splitlines() if each.split()[:1] == [name])


def test_numbers_are_shown_with_their_sums_and_few_are_marked(run: Run):
    before = run("metrics").output
    assert run("metrics", "refresh").exit_code == 0
    said = run("metrics").output

    assert "nothing has been counted yet" in before
    assert line(said, "delivered").split() == (
        ["delivered", "100.0%", "1", "1", "n", "<", "30,", "may", "still", "change"]
    )
    assert "0 days" not in said


def test_no_data_is_said_with_the_reason_and_opens_with_who_allows_them(run: Run):
    run("metrics", "refresh")
    said = run("metrics", "show", "open-rate", "incremental-revenue").output

    assert "no data" in line(said, "open-rate")
    assert "nobody has allowed that opens are noted" in line(said, "open-rate")
    assert line(said, "open-consent").split()[1:4] == ["0.0%", "0", "1"]
    assert "there is no holdout" in line(said, "incremental-revenue")


@pytest.mark.parametrize("form", ["csv", "json"])
def test_what_is_exported_can_be_read(run: Run, form: str):
    run("metrics", "refresh")
    said = run("metrics", "delivered", "--by", "flow", "--by", "day", "--format", form).output
    (row,) = json.loads(said) if form == "json" else list(csv.DictReader(io.StringIO(said)))

    assert (row["metric"], row["flow"], float(row["value"])) == ("delivered", "after", 1)
    assert (str(row["numerator"]), str(row["denominator"])) == ("1", "1")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("nps", "--by", "segment", "--by", "locale"), "nps is not counted by segment and locale"),
        (("email-share", "--by", "flow"), "email-share is not counted by flow"),
        (("nosuch",), "there is no metric 'nosuch'"),
        (("--by", "colour"), "'colour' is none of flow"),
        (("--by", "reason", "--by", "category"), "no metric is counted by reason and category"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_sentence(run: Run, asked: tuple[str], said: str):
    done = run("metrics", *asked)

    assert done.exit_code == 2
    assert said in done.output


def test_every_metric_is_listed(run: Run):
    said = run("metrics", "list").output

    assert all(name in said for name in METRICS)


@pytest.fixture
def counts(sqlite_database: Database) -> Database:
    """Counts written by hand: 40 letters of yesterday, 30 of a month ago."""
    many = {"flow": "f", "step_id": "s", "locale": "sv", "amount": 0}
    with sqlite_database.write() as session:
        for ago, sent, arrived in ((1, 40, 30), (31, 30, 30)):
            day = TODAY - timedelta(days=ago)
            for name, n in (("sent", sent), ("delivered", arrived)):
                session.add(MetricCount(day=day, name=name, n=n, **many))
        for bucket, n in ((0, 4), (3, 5), (9, 1)):
            day = TODAY - timedelta(days=1)
            session.add(MetricCount(day=day, name="exited", bucket=bucket, n=n, flow="f",
                                    detail="completed", amount=0))  # fmt: skip
        for reason, n in (("no_consent", 6), ("stale", 4)):
            session.add(MetricCount(day=day, name="skipped", detail=reason, n=n, **many))
        session.flush()
        count_month(session, date(2026, 2, 1))
    return sqlite_database


def numbers(database: Database, name: str, *, days: int, by: tuple[str, ...] = ()):
    asked = Asked(names=[name], since=TODAY - timedelta(days=days), until=TODAY, by=by)
    with database.read() as session:
        return read(session, asked, RULES, today=TODAY)


def test_days_outside_are_left_out_and_groups_add_up(counts: Database):
    (month,), (longer,) = (numbers(counts, "delivered", days=days) for days in (30, 32))
    groups = numbers(counts, "delivered", days=32, by=("month",))

    assert (month.value, longer.value) == (0.75, 60 / 70)
    assert [(each.group["month"], each.denominator) for each in groups] == (
        [("2026-02", 30), ("2026-03", 40)]
    )
    assert (month.is_few, numbers(counts, "time-to-exit", days=30)[0].is_few) == (False, True)
    assert FEW == 30


def test_a_quantile_is_the_day_by_which_so_many_had_left(counts: Database):
    half, most = (numbers(counts, f"time-to-exit{end}", days=9)[0] for end in ("", "-p90"))

    assert (half.value, most.value, half.denominator) == (3, 3, 10)


def test_skips_by_reason_are_parts_of_all_that_was_due(counts: Database):
    found = numbers(counts, "skipped", days=9, by=("reason",))

    assert [(each.group["reason"], each.numerator, each.denominator) for each in found] == (
        [("no_consent", 6, 50), ("stale", 4, 50)]
    )


def test_a_number_may_change_until_its_window_is_over(counts: Database):
    def grows(name: str, until: date) -> bool:
        asked = Asked(names=[name], since=date(2025, 1, 1), until=until)
        with counts.read() as session:
            return read(session, asked, RULES, today=TODAY)[0].may_grow

    assert [grows("conversion", TODAY - timedelta(days=ago)) for ago in (4, 5)] == [True, False]
    assert [grows("delivered", TODAY + timedelta(days=n)) for n in (1, 0)] == [True, False]


def test_a_page_is_read_in_one_call(counts: Database):
    period = pages.Period(since=TODAY - timedelta(days=30), until=TODAY)
    with counts.read() as session:
        shown = [
            pages.overview(session, period, RULES, today=TODAY),
            pages.flow(session, "f", period, RULES, today=TODAY),
            pages.carts(session, period, RULES, today=TODAY),
            pages.contacts(session, period, RULES, today=TODAY),
        ]
        other = pages.flow(session, "other", period, RULES, today=TODAY)

    assert all(page.tables and page.counted_at is None for page in shown)
    assert [each.value for each in shown[1].tables["by step"] if each.metric == "delivered"] == (
        [0.75]
    )
    assert not any(each.denominator for table in other.tables.values() for each in table)


def test_a_metric_that_is_not_of_flows_is_not_shown_for_one():
    with pytest.raises(CannotTellApart):
        Asked(names=["email-share"], since=TODAY, until=TODAY, flow="f")
