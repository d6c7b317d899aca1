"""Entering and leaving a segment is an event, once for each time, whoever notices it first."""

from datetime import timedelta

from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.flows.conditions import EventPattern
from sekvens.flows.segments import DORMANT, LOYAL, ONE_TIME_BUYERS, enters, leaves
from sekvens.segments import watching
from sekvens.segments.tables import SegmentMembership, SegmentWatch
from sekvens.segments.watching import told_of, turns
from sekvens.shop import Level
from tests.unit.ingesting import NOON, alias, identify, track
from tests.unit.watching import Watching

ENTERED, LEFT = ("Segment Entered", "one-time-buyers"), ("Segment Left", "one-time-buyers")
LEVELS = (
    Level(id="friend", name={"sv": "Vän"}, spent_min=100, within_days=30),
    Level(id="guest", name={"sv": "Gäst"}, orders_min=1, within_days=30),
    Level(id="family", name={"sv": "Familj"}, orders_min=2, spent_min=500, within_days=30),
)


def members(shop: Watching) -> set[tuple[str, str]]:
    with shop.database.read() as session:
        query = select(SegmentMembership.contact_id, SegmentMembership.segment)
        rows = session.execute(query.where(SegmentMembership.until.is_(None)))
        return {(row.contact_id, row.segment) for row in rows}


def test_who_is_in_it_when_the_watch_begins_is_noted_and_nobody_is_told(database: Database):
    shop = Watching(database, enters(ONE_TIME_BUYERS))
    for user in ("u1", "u2", "u3"):
        shop.orders(user)
    told = shop.round(window=1, batch_max=timedelta(0))

    assert told == 0
    assert members(shop) == {(shop.contact_id(u), "one-time-buyers") for u in ("u1", "u2", "u3")}
    assert shop.entered() == []


def test_an_order_is_an_entry_at_once_and_begins_the_flow_once(database: Database):
    shop = Watching(database, enters(ONE_TIME_BUYERS))
    shop.post(identify("u"))
    shop.round()
    event = track("Order Completed", "u", order_id="o", ID="o")
    shop.post(event)
    shop.post(event)
    shop.round()

    assert shop.told("u") == [ENTERED]
    assert shop.entered() == [("flow-0", shop.contact_id("u"))]


def test_a_second_order_is_an_exit_and_a_refund_of_it_an_entry_again(sqlite_database: Database):
    shop = Watching(sqlite_database, enters(ONE_TIME_BUYERS), leaves(ONE_TIME_BUYERS))
    shop.post(identify("u"))
    shop.round()
    shop.orders("u")
    shop.orders("u", order_id="second")
    shop.post(track("Order Refunded", "u", order_id="second"))

    assert shop.told("u") == [ENTERED, LEFT, ENTERED]
    assert [name for name, _ in shop.entered()] == ["flow-0", "flow-1"]


def test_time_alone_is_noticed_by_the_next_round(sqlite_database: Database):
    shop = Watching(sqlite_database, enters(DORMANT))
    shop.post(track("Product Viewed", "u"))
    shop.round()
    shop.later(90.5)

    assert shop.round() == 1
    assert shop.round() == 0
    assert shop.told("u") == [("Segment Entered", "dormant")]


def test_whoever_dies_before_the_commit_has_told_nothing_and_the_next_one_tells_it(
    database: Database,
):
    shop = Watching(database, enters(DORMANT))
    shop.post(track("Product Viewed", "u"))
    shop.round()
    shop.later(91)
    contact_id = shop.contact_id("u")
    with database.write() as session:
        owed = turns(session, [contact_id], told_of(session, shop.brand), now=shop.now)
        again = turns(session, [contact_id], told_of(session, shop.brand), now=shop.now)
        session.rollback()

    assert (len(owed), again) == (1, [])
    assert shop.told("u") == []
    assert shop.round() == 1


def test_of_two_who_notice_it_the_slower_tells_nothing(sqlite_database: Database):
    shop = Watching(sqlite_database, enters(DORMANT))
    shop.post(track("Product Viewed", "u"))
    shop.round()
    shop.later(91)
    with sqlite_database.write() as session:
        # What the slower one read before the quicker one committed.
        args = (session, shop.contact_id("u"), ["dormant"], set(), {"dormant"}, shop.now)
        first, second = list(watching._told(*args)), list(watching._told(*args))

    assert [fact.message_id for fact in first] == [
        f"segment/dormant/{shop.contact_id('u')}/1#entered"
    ]
    assert second == []


def test_another_condition_under_the_same_name_begins_quietly(
    sqlite_database: Database, monkeypatch
):
    shop = Watching(sqlite_database, enters(ONE_TIME_BUYERS))
    shop.orders("u")
    shop.round()
    changed = LOYAL.__class__(name="one-time-buyers", says="…", condition=DORMANT.condition)
    monkeypatch.setattr(watching, "SEGMENTS", (changed,))
    shop.orders("u")
    shop.round()

    assert shop.told("u") == []
    assert members(shop) == set()


def test_what_nobody_listens_for_any_more_is_forgotten(sqlite_database: Database):
    shop = Watching(sqlite_database, enters(ONE_TIME_BUYERS))
    shop.orders("u")
    shop.round()
    with sqlite_database.write() as session:
        session.add(SegmentWatch(segment="vip", digest="old", complete_at=NOON))
        session.add(SegmentMembership(contact_id=shop.contact_id("u"), segment="vip", times=1,
                                      since=NOON))  # fmt: skip
    shop.round()

    assert {segment for _, segment in members(shop)} == {"one-time-buyers"}


def test_of_two_who_are_one_person_an_entry_is_told_once(database: Database):
    shop = Watching(database, enters(ONE_TIME_BUYERS))
    shop.post(identify("u"), identify("v"))
    shop.round()
    shop.orders("v")
    shop.post(alias("v", "u"))
    shop.round()

    assert members(shop) == {(shop.contact_id("u"), "one-time-buyers")}
    assert shop.told("u") == [ENTERED]


# Levels of loyalty.

REACHED, LAPSED = "Loyalty Level Reached", "Loyalty Level Lapsed"


def test_a_level_is_reached_by_an_order_and_only_the_highest_is_told(database: Database):
    shop = Watching(database, EventPattern(name=REACHED), levels=LEVELS)
    shop.post(identify("u"), identify("v"))
    shop.round()
    shop.orders("u", 50)
    shop.orders("u", 450)
    shop.orders("v", 5000)

    assert shop.told("u") == [(REACHED, "guest"), (REACHED, "family")]
    assert shop.told("v") == [(REACHED, "guest")]
    assert len(shop.entered()) == 2


def test_a_level_lapses_when_what_led_to_it_is_too_long_ago(sqlite_database: Database):
    shop = Watching(sqlite_database, EventPattern(name=LAPSED), levels=LEVELS)
    shop.post(identify("u"))
    shop.round()
    shop.orders("u", 450)
    shop.later(20)
    shop.orders("u", 50)
    shop.later(15)
    shop.round()
    shop.later(20)
    shop.round()

    assert shop.told("u") == [
        (REACHED, "guest"), (REACHED, "family"), (LAPSED, "guest"), (LAPSED, None),
    ]  # fmt: skip
