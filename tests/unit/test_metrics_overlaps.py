"""What is counted by variant and by segment stands beside the whole, and is no part of it."""

from datetime import date, timedelta

import pytest

from sekvens.db.session import Database
from sekvens.metrics import pages
from sekvens.metrics.reading import Asked, CannotTellApart, read
from sekvens.segments.tables import SegmentStay
from tests.unit.counting import add
from tests.unit.ingesting import NOON
from tests.unit.metering import DAY as A_DAY
from tests.unit.metering import END, RULES, Meter
from tests.unit.test_expiry import expire

DAY = date(2026, 5, 20)
PERIOD = pages.Period(since=date(2026, 5, 1), until=date(2026, 6, 1))


@pytest.fixture
def counts(database: Database) -> Database:
    for name, n in (("sent", 100), ("delivered", 80)):
        add(database, DAY, name, n, flow="f", step_id="s")
        for variant, share in (("plain", 0.6), ("loud", 0.25)):
            add(database, DAY, name, int(n * share), flow="f", variant=f"f/way/{variant}")
        for segment in ("vip", "loyal"):
            add(database, DAY, name, n - 10, flow="f", segment=segment)
    return database


def flow_page(database: Database) -> pages.Page:
    with database.read() as session:
        return pages.flow(session, "f", PERIOD, RULES, today=DAY + timedelta(days=1))


def test_the_page_of_a_flow_tells_variants_and_segments_apart(counts: Database):
    tables = flow_page(counts).tables

    assert {
        each.group["variant"]: (each.numerator, each.denominator)
        for each in tables["by variant"]
        if each.metric == "delivered"
    } == {"f/way/plain": (48, 60), "f/way/loud": (20, 25)}
    assert {
        each.group["segment"]: (each.numerator, each.denominator)
        for each in tables["by segment"]
        if each.metric == "delivered"
    } == {"vip": (70, 90), "loyal": (70, 90)}


def test_they_add_nothing_to_the_whole(counts: Database):
    (by_step,) = (n for n in flow_page(counts).tables["by step"] if n.metric == "delivered")

    assert (by_step.numerator, by_step.denominator) == (80, 100)


@pytest.mark.parametrize("by", [("variant", "segment"), ("segment", "step"), ("segment", "locale")])
def test_what_overlaps_is_told_apart_no_further(by: tuple[str, ...]):
    with pytest.raises(CannotTellApart, match="by segment beside flow alone"):
        Asked(names=["delivered"], since=PERIOD.since, until=PERIOD.until, by=by)


def test_a_flow_alone_can_be_asked_by_segment(counts: Database):
    asked = Asked(names=["delivered"], since=PERIOD.since, until=PERIOD.until, by=("segment",),
                  flow="other")  # fmt: skip
    with counts.read() as session:
        (nothing,) = read(session, asked, RULES, today=DAY)

    assert nothing.denominator == 0


def test_what_was_counted_by_segment_stands_when_its_stays_have_gone(database: Database):
    meter = Meter(database)
    meter.join({"maja": END - 900 * A_DAY})
    days = [END - 800 * A_DAY, END - 10 * A_DAY]
    with database.write() as session:
        session.add_all(
            SegmentStay(contact_id=meter.ids["maja"], segment="vip", since=each - A_DAY,
                        until=each + A_DAY)
            for each in days
        )  # fmt: skip
    for number, each in enumerate(days):
        letter = meter.claims(meter.enroll(meter.ids["maja"], "carts", f"k-{number}", each), "one")
        meter.sends(letter, each, locale="sv", tracked=(True, True))
    meter.refresher.refresh()
    before = meter.counted()
    meter.reports(letter, "delivered", END)
    gone = expire(database, later=END - NOON, segment_stay_days=730)
    meter.refresher.refresh(anew=True)

    assert gone == {"segment_stays": 1}
    assert [row for row in before if "vip" in row and row not in meter.counted()] == []
    by_segment = Asked(names=["delivered"], since=date(1996, 1, 1), until=date(1999, 1, 1),
                       by=("segment",))  # fmt: skip
    with database.read() as session:
        (vip,) = read(session, by_segment, RULES, today=END.date())
    assert (vip.group, vip.denominator) == ({"segment": "vip"}, 2)
