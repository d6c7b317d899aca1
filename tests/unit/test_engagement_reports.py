"""SES's own opens and clicks: kept once with a verdict, and without who it was."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.engagement.tables import Engagement
from sekvens.feedback.intake import take_in
from sekvens.feedback.reading import read_report
from sekvens.feedback.testing import event_body
from sekvens.flows.shop_time import ShopTime
from tests.unit.engaging import BROWSER, IP, ClickOffice

APPLE = "Mozilla/5.0"
CART = "https://hallgrensylle.example/kassa?cart=secret-17"


class ReportedOffice(ClickOffice):
    """A post office whose SES tracks opens and clicks by itself."""

    def __init__(self, database: Database, **tracking: Any) -> None:
        super().__init__(database, **({"allows": None} | tracking))
        self.send()
        self.later(timedelta(minutes=10))

    def reports(self, kind: str, *, times: int = 1, sns_id: str = "sns-1", **told: Any) -> None:
        """Let SES report an open or a click, perhaps more than once."""
        part = {"ipAddress": IP, "userAgent": BROWSER, "timestamp": self.clock.now().isoformat()}
        given = {kind.lower(): part | told}
        body = event_body(self.message().id, at=self.clock.now(), event_type=kind, sns_id=sns_id,
                          **given)  # fmt: skip
        for _ in range(times):
            report = read_report(body, now=self.clock.now())
            with self.database.write() as session:
                take_in(session, [report], now=self.clock.now(), shop_time=ShopTime())

    def only(self) -> Engagement:
        (row,) = self.engagement()
        return row


def test_an_open_is_kept_once_and_steers_nothing(database: Database):
    office = ReportedOffice(database)
    office.reports("Open", times=3)
    office.settle()
    row = office.only()

    assert (row.kind, row.source, row.is_machine, row.link_id) == ("open", "ses", False, None)
    assert (row.settles_at, row.event_id) == (None, None)
    assert office.shop.outbox() == []


@pytest.mark.parametrize(("agent", "ip", "reason"), [
    (APPLE, "104.28.1.1", "no_agent"), (BROWSER, "17.1.2.3", "network"),
    ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", IP, "agent"),
])  # fmt: skip
def test_a_prefetch_is_a_machine_s_open(sqlite_database: Database, agent, ip, reason):
    office = ReportedOffice(sqlite_database)
    office.reports("Open", userAgent=agent, ipAddress=ip)

    assert office.only().reason == reason


def test_a_click_that_ses_reports_steers_as_ours_does(database: Database):
    office = ReportedOffice(database)
    office.reports("Click", link=CART, times=2)
    office.settle()

    assert [click["step"] for click in office.clicks()] == ["hello"]
    assert office.only().link_id is not None
    assert office.only().event_id is not None


def test_a_click_that_has_come_through_us_is_not_heard_twice(sqlite_database: Database):
    office = ReportedOffice(sqlite_database, allows="clicks")
    office.reports("Click", link=CART)
    office.settle()

    assert office.only().kind == "click"
    assert office.clicks() == []


def test_two_links_that_ses_reports_within_a_second_steer_nothing(sqlite_database: Database):
    office = ReportedOffice(sqlite_database)
    office.reports("Click", link=CART)
    office.reports("Click", link="https://press.example/", sns_id="sns-2")
    office.settle()

    assert office.verdicts() == ["several_links"] * 2
    assert office.clicks() == []


def test_a_click_before_anybody_can_have_read_it_is_a_scanners(sqlite_database: Database):
    office = ReportedOffice(sqlite_database)
    office.later(-timedelta(minutes=10))
    office.reports("Click", link=CART)

    assert office.verdicts() == ["too_soon"]


def test_neither_where_nor_who_nor_what_was_bought_is_kept(sqlite_database: Database):
    office = ReportedOffice(sqlite_database)
    office.reports("Click", link=CART, linkTags={"cart": ["secret-17"]})
    office.settle()
    kept = json.dumps([vars(office.only()), *office.clicks()], default=str)

    for secret in (IP, BROWSER, "secret-17", "kassa"):
        assert secret not in kept


def test_a_report_of_somebody_elses_message_is_no_engagement(sqlite_database: Database):
    office = ReportedOffice(sqlite_database)
    for message_id in ("m-unknown", None):
        body = event_body(message_id, at=office.clock.now(), event_type="Open", sns_id="sns-9")
        report = read_report(body, now=office.clock.now())
        with office.database.write() as session:
            take_in(session, [report], now=office.clock.now(), shop_time=ShopTime())

    assert office.engagement() == []


@pytest.mark.parametrize("part", [None, [], "click", {"link": 7, "userAgent": [], "ipAddress": {}}])
def test_a_report_of_a_strange_shape_is_read_all_the_same(sqlite_database: Database, part):
    office = ReportedOffice(sqlite_database)
    body = event_body(office.message().id, at=office.clock.now(), event_type="Click", click=part)
    report = read_report(body, now=office.clock.now())

    assert report.type == "Click"
    assert report.link_id is None
