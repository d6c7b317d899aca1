"""The quarterly board: what stands on it, in both languages, and what it says of nothing."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.metrics.bold import BOLD
from sekvens.settings import SAMPLE_SHOP
from tests.unit import boarding
from tests.unit.staffing import Browser, add_staff, browsing, quick_scrypt  # noqa: F401

TARGETS = """
[metrics.targets]
open-rate = 0.35
nps = { always = 90, "2025-Q4" = 10 }
repeat-purchase = 0.1
"""


@asynccontextmanager
async def reading(
    database: Database, clock: FrozenClock, folder: Path, *, language: str = "en"
) -> AsyncIterator[Browser]:
    """Open the dashboard of a shop with targets, logged in as a viewer."""
    add_staff(database)
    file = folder / "sekvens.toml"
    file.write_text(SAMPLE_SHOP.read_text("utf-8") + TARGETS, encoding="utf-8")
    async with browsing(database, clock, SEKVENS_SETTINGS=str(file)) as browser:
        browser.client.headers["accept-language"] = language
        await browser.log_in()
        yield browser


async def shown(browser: Browser, query: str = "") -> str:
    """Tell what the board says, without its markup."""
    reply = await browser.look(f"/staff/board{query}")
    assert reply.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", reply.text)).split())


async def test_each_of_the_seven_has_its_number_its_change_and_its_sums(
    database: Database, clock: FrozenClock, tmp_path: Path
):
    boarding.fill(database)
    async with reading(database, clock, tmp_path) as browser:
        html = (await browser.look("/staff/board")).text
        said = await shown(browser)

    assert sorted(re.findall(r'<h2 id="([\w-]+)">', html)) == sorted(BOLD)
    assert "50.0 % Up 16.7 points on the quarter before; 720 of 1,440." in said
    assert "Opens may be noted in 60.0 % of what was delivered." in said
    assert "+73 Up 18.4 points on the quarter before; 324 of 444." in said
    assert "The quarter is not over" in said


async def test_targets_are_told_as_met_or_not_by_quarter(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path
):
    boarding.fill(sqlite_database)
    async with reading(sqlite_database, clock, tmp_path) as browser:
        now, before = await shown(browser), await shown(browser, "?quarter=2025-Q4")

    assert "Target 35.0 % met" in now
    assert "Target +90 not met" in now
    assert "Target +10 met" in before
    assert "Target 35.0 % not met" in before
    assert "The quarter is not over" not in before


async def test_it_is_told_apart_by_reminder_value_category_cohort_and_flow(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path
):
    boarding.fill(sqlite_database)
    async with reading(sqlite_database, clock, tmp_path) as browser:
        said = await shown(browser)

    for each in (
        "your-cart-misses-you · cart-abandonment", "from SEK 250", "By category", "Mössor",
        "Signed up 30 days 90 days 180 days 365 days 2026-Q1 not yet", "After each flow, 30 days",
        "and 1 more",
    ):  # fmt: skip
        assert each in said


async def test_of_fewer_than_thirty_nothing_is_said(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path
):
    for name, n in (("second", 10), ("no_second", 12)):
        bucket = 3 if name == "second" else None
        boarding.put(sqlite_database, boarding.NOW.begins, name=name, n=n, bucket=bucket)
    async with reading(sqlite_database, clock, tmp_path) as browser:
        said = await shown(browser)

    assert "Too few to say (22); 10 of 22" in said
    assert "Target 10.0 %, too few to say" in said


async def test_the_flow_that_a_change_came_from_is_named_and_no_markup(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path
):
    evil = "<script>alert(1)</script>"
    for quarter, opened in ((boarding.NOW.after(-1), 100), (boarding.NOW, 400)):
        for flow, n in (("welcome", 100), (evil, opened)):
            told = {"flow": flow, "step_id": "s"}
            day = quarter.begins
            boarding.put(sqlite_database, day, name="opens_allowed", n=500, **told)
            boarding.put(sqlite_database, day, name="opened", n=n, **told)
    async with reading(sqlite_database, clock, tmp_path) as browser:
        html = (await browser.look("/staff/board")).text

    assert "mostly from &lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert evil not in html


@pytest.mark.parametrize(
    ("language", "said"), [("sv", "Inget har räknats"), ("en", "Nothing has been counted")]
)
async def test_without_any_counts_it_says_so_in_a_friendly_sentence(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path, language: str, said: str
):
    async with reading(sqlite_database, clock, tmp_path, language=language) as browser:
        assert said in await shown(browser)


@pytest.mark.parametrize("quarter", ["2026-Q2", "2026-Q5", "soon", "", "<b>"])
async def test_a_quarter_that_has_not_begun_or_is_none_is_not_found(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path, quarter: str
):
    async with reading(sqlite_database, clock, tmp_path) as browser:
        reply = await browser.client.get("/staff/board", params={"quarter": quarter})

    assert reply.status_code == 404
    assert "<b>" not in reply.text


async def test_swedish_has_its_own_words_and_numbers(
    sqlite_database: Database, clock: FrozenClock, tmp_path: Path
):
    boarding.fill(sqlite_database)
    async with reading(sqlite_database, clock, tmp_path, language="sv") as browser:
        said = await shown(browser)

    assert "Upp 16,7 procentenheter mot kvartalet före; 720 av 1 440." in said
    assert "Upp 18,4 enheter mot kvartalet före" in said
