"""`segments`: what is listed, counted and explained, and that each segment can be asked about."""

import os
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from sekvens.audiences.figures import compute_top_share, keep_top_shares
from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.flows.segments import LAPSING, ONE_TIME_BUYERS, SEGMENTS, VIP, in_segment
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.wording import in_force
from sekvens.segments.members import count, members
from sekvens.segments.tables import ContactSummary
from starter import main
from tests.unit.ingesting import Shop, alias, identify, track

Run = Callable[..., Result]


class RealTime(Shop):
    """A shop whose events happen around the real now, as the command line has it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.now = SystemClock().now()

    def did(self, user: str, name: str, *, days: float, **told: object) -> None:
        at = self.now - timedelta(days=days)
        self.post(track(name, user, **told) | {"timestamp": at.isoformat()})


@pytest.fixture
def shop(sqlite_database: Database) -> RealTime:
    """Three customers and a visitor."""
    shop = RealTime(sqlite_database)
    shop.did("once", "Order Completed", days=70, order_id="o1", total="499.50")
    shop.did("twice", "Order Completed", days=300, order_id="o2", total=100)
    shop.did("twice", "Order Completed", days=2, order_id="o3", total=200)
    shop.did("visitor", "Product Viewed", days=1, product_id="cap")
    return shop


@pytest.fixture
def run(shop: RealTime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SEKVENS_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(shop.database.engine.url))
    return lambda *arguments: CliRunner().invoke(main, arguments)


def test_the_list_counts_everybody_in_each_segment(run: Run):
    lines = run("segments", "list").output.splitlines()
    counts = {words[0]: words[1] for words in map(str.split, lines) if len(words) > 2}

    assert {name: counts[name] for name in ("one-time-buyers", "lapsing", "browsers", "vip")} == {
        "one-time-buyers": "1", "lapsing": "1", "browsers": "1", "vip": "0",
    }  # fmt: skip


def test_one_segment_is_counted_and_shown(shop: RealTime, run: Run):
    preview = run("segments", "preview", "one-time-buyers").output

    assert run("segments", "count", "lapsing").output.startswith("1 contact is in lapsing: whoever")
    assert preview.splitlines()[0] == "In one-time-buyers: whoever ordered once and never again."
    assert re.fullmatch(
        rf"  {shop.contact_id('once')}: 1 order for 499.50 in all, the last on \d{{4}}-.+; "
        r"last sign of life \d{4}-.+",
        preview.splitlines()[1],
    )


def test_an_explanation_says_what_lets_them_in_and_what_keeps_them_out(run: Run):
    told = [
        line.strip() for line in run("segments", "explain", "twice", "lapsing").output.split("\n")
    ]

    assert told[1:5] == [
        "not in lapsing: whoever placed their last order 60 to 180 days ago",
        "no  all of these must be so:",
        "yes   they have ordered in the last 180 days",
        "no    they have ordered in the last 60 days",
    ]


def test_a_name_that_no_segment_has_gets_the_list(run: Run):
    result = run("segments", "count", "vips")

    assert result.exit_code == 2
    assert "there is no segment 'vips'; there are new, active," in result.output


def test_a_summary_that_was_spoilt_is_added_up_anew(shop: RealTime, run: Run):
    with shop.database.write() as session:
        session.execute(update(ContactSummary).values(spent=7, orders=9, last_active_at=None))
    said = run("segments", "rebuild").output

    assert said.splitlines()[-1] == "3 contacts are added up anew."
    with shop.database.read() as session:
        row = session.get_one(ContactSummary, shop.contact_id("twice"))
        assert (row.orders, row.spent, row.last_amount) == (2, 30000, 20000)


@pytest.mark.parametrize("segment", SEGMENTS, ids=lambda segment: segment.name)
def test_every_segment_is_counted_as_its_members_are_listed(shop: RealTime, segment):
    shop.post(identify("other"), alias("other", "once"))  # somebody was merged into one of them
    with shop.database.read() as session:
        listed = list(members(session, segment.condition, now=shop.now))

        assert count(session, segment.condition, now=shop.now) == len(listed)
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", segment.name)
    assert in_force(in_segment(segment)) == f"they are in the segment {segment.name}"


def test_the_top_share_begins_at_what_the_least_of_them_has_spent(shop: RealTime):
    for number in range(40):
        told = {"order_id": f"a{number}", "total": number}
        shop.did(f"c{number}", "Order Completed", days=9, **told)
        shop.did(f"c{number}", "Order Completed", days=8, **(told | {"order_id": f"b{number}"}))
    with shop.database.write() as session:
        assert compute_top_share(session, 0.01) is None
        keep_top_shares(session, [0.05], now=shop.now, shop_time=ShopTime())

        # Of 42 customers two are a twentieth: 499.50 in all, and 300; only the latter came twice.
        assert compute_top_share(session, 0.05) == 30000
        assert list(members(session, VIP.condition, now=shop.now)) == [shop.contact_id("twice")]


def test_segments_have_names_of_their_own():
    assert len({segment.name for segment in SEGMENTS}) == len(SEGMENTS)
    assert {ONE_TIME_BUYERS, LAPSING} <= set(SEGMENTS)
