"""Since when somebody is in a segment, and until when, is kept of every one, and never moves."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.segments.staying import keep_stays
from sekvens.segments.tables import SegmentStay
from sekvens.shop import Level
from tests.unit.ingesting import NOON, alias, identify, track
from tests.unit.watching import Watching

GUEST = Level(id="guest", name={"sv": "Gäst"}, orders_min=1)
DAY = timedelta(days=1)


@pytest.fixture
def shop(database: Database) -> Watching:
    return Watching(database, levels=[GUEST])


def stays(shop: Watching, contact_id: str) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """List a contact's stays by segment, the oldest first."""
    query = select(SegmentStay).where(SegmentStay.contact_id == contact_id)
    found: dict[str, list[tuple[datetime, datetime | None]]] = {}
    with shop.database.read() as session:
        for row in session.scalars(query.order_by(SegmentStay.since)):
            found.setdefault(row.segment, []).append((row.since, row.until))
    return found


def goes_round(shop: Watching) -> datetime:
    """Let a day pass, and a round; tell when that was."""
    shop.later(1)
    shop.round(window=1)
    return shop.clock.now()


def test_rounds_keep_who_is_in_which_segment_though_no_flow_listens(shop: Watching):
    shop.orders("u", order_id="o")
    first = goes_round(shop)
    shop.orders("u")
    second = goes_round(shop)
    goes_round(shop)
    kept = stays(shop, shop.contact_id("u"))

    assert kept["one-time-buyers"] == [(first, second)]
    assert kept["level/guest"] == [(first, None)]
    assert shop.told("u") == []


def test_who_comes_back_has_two_stays(sqlite_database: Database):
    shop = Watching(sqlite_database)
    shop.orders("u")
    shop.orders("u", order_id="second")
    goes_round(shop)
    shop.post(track("Order Refunded", "u", order_id="second", ID="r"))
    back = goes_round(shop)
    shop.orders("u", order_id="third")
    again = goes_round(shop)
    shop.post(track("Order Cancelled", "u", order_id="third", ID="c"))
    last = goes_round(shop)

    kept = stays(shop, shop.contact_id("u"))
    assert kept["one-time-buyers"] == [(back, again), (last, None)]


def test_who_was_merged_keeps_their_own_and_is_in_what_the_other_is_in(shop: Watching):
    shop.post(identify("u", email="u@kund.example"))
    shop.later(0.1)
    shop.post(identify("v", email="v@kund.example"))
    shop.orders("v")
    first, old = goes_round(shop), shop.contact_id("v")
    shop.post(alias("u", "v"))
    shop.orders("u")
    second = goes_round(shop)

    assert shop.contact_id("v") != old
    assert stays(shop, old)["one-time-buyers"] == [(first, second)]
    assert stays(shop, shop.contact_id("u"))["level/guest"] == [(second, None)]
    assert stays(shop, old)["level/guest"] == [(first, None)]


def test_two_rounds_at_once_keep_one_stay(shop: Watching):
    shop.post(identify("u"))
    whose = shop.contact_id("u")
    for later in (timedelta(), timedelta(seconds=1)):
        with shop.database.write() as session:
            keep_stays(session, {"vip": {whose}}, among=[whose], now=NOON + later)

    assert stays(shop, whose)["vip"] == [(NOON, None)]


def test_nothing_is_kept_of_who_was_erased(sqlite_database: Database):
    shop = Watching(sqlite_database)
    shop.orders("u")
    goes_round(shop)
    whose = shop.contact_id("u")
    with sqlite_database.write() as session:
        erase(session, whose, now=shop.now, now_shop=shop.now, by="maja")
    goes_round(shop)

    assert stays(shop, whose) == {}
