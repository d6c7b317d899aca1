"""The links that lead through us: on at once, to what the message led to; noted only if allowed."""

import pytest
from sqlalchemy.exc import OperationalError

from sekvens.db.session import Database
from sekvens.engagement.clicks import CLICKS_MAX, Clicks
from sekvens.engagement.machine import Asked
from sekvens.engagement.visitors import visitor_of
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.links import click_url, read_click_link, sign, unsubscribe_url
from sekvens.sections import ApiSettings
from sekvens.tracking_section import TrackingSettings
from tests.unit.engaging import BROWSER, IP, LATER, PRESS, TAGGED_NEWS, ClickOffice
from tests.unit.ingesting import NOON
from tests.unit.sending import API


async def test_a_click_leads_on_at_once_and_leaves_no_trace_in_the_browser(database: Database):
    office = ClickOffice(database)
    paths = office.links()
    async with office.reader() as reader:
        reply = await reader.get(paths["letter"])

    assert (reply.status_code, reply.headers["location"]) == (302, TAGGED_NEWS)
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cache-control"] == "no-store"
    assert "set-cookie" not in reply.headers
    assert office.verdicts() == [None]


async def test_a_click_is_noted_with_its_link_and_without_who_it_was(database: Database):
    office = ClickOffice(database)
    paths = office.links()
    async with office.reader() as reader:
        await reader.get(paths["letter-2"])
    row = office.engagement()[0]

    assert (row.kind, row.source, row.link_id) == ("click", "link", "letter-2")
    assert (row.message_id, row.contact_id) == (office.message().id, office.contact_id)
    assert (row.at, row.event_id) == (office.clock.now(), None)
    assert row.visitor is not None
    assert IP not in str(vars(row))
    assert BROWSER not in str(vars(row))


async def test_head_leads_where_get_does_and_never_counts(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    paths = office.links()
    async with office.reader() as reader:
        reply = await reader.head(paths["letter-2"])
    office.settle()

    assert (reply.status_code, reply.headers["location"]) == (302, PRESS)
    assert office.verdicts() == ["head"]
    assert office.clicks() == []


async def test_the_address_decides_nothing_but_which_link_it_is(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    paths = office.links()
    more = "?url=https://evil.example&to=//evil.example#https://evil.example"
    async with office.reader() as reader:
        reply = await reader.get(paths["letter-2"] + more, headers={"host": "evil.example"})

    assert reply.headers["location"] == PRESS


async def test_a_link_that_is_forged_cut_or_made_for_something_else_leads_nowhere(
    sqlite_database: Database,
):
    office = ClickOffice(sqlite_database)
    path, ids = office.links()["letter"], (office.message().id, "letter")
    foreign = ApiSettings(public_url=API.public_url, link_secret="f" * 32)
    leave = unsubscribe_url(API, contact_id=office.contact_id, message_id=ids[0])
    strange = [
        path[:-1], path[:20], path[:-2] + "xx", path.replace(".", "/"), path.replace(".", ""),
        "/c/" + leave.rpartition("/")[2],
        click_url(foreign, message_id=ids[0], link_id="letter").removeprefix(API.public_url),
        "/c/" + sign(API, purpose="click/1", ids=(*ids, "https://evil.example")),
        "/c/" + sign(API, purpose="click/1", ids=("m-unknown", "letter")),
        "/c/" + sign(API, purpose="click/1", ids=(ids[0], "letter-9")),
        "/c/" + "x" * 5000, "/c/%00.%00",
    ]  # fmt: skip
    async with office.reader() as reader:
        replies = [await reader.get(each) for each in strange]

    assert {reply.status_code for reply in replies} == {404}
    assert not any("location" in reply.headers for reply in replies)
    assert "känner vi inte igen" in replies[0].text
    assert office.engagement() == []


async def test_a_target_that_is_no_web_address_leads_nowhere(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    with office.database.write() as session:
        from sekvens.messages.tables import MessageLinks

        kept = session.get_one(MessageLinks, office.message().id)
        kept.targets = {"letter": "javascript:alert(1)"}
    async with office.reader() as reader:
        assert (await reader.get(path)).status_code == 404


@pytest.mark.parametrize("setting", ["consent", "never"])
async def test_whoever_took_it_back_is_led_on_and_nothing_is_written(
    sqlite_database: Database, setting
):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter-2"]
    if setting == "consent":
        office.refuses()
    async with office.reader(SEKVENS_TRACKING__CLICKS=setting) as reader:
        reply = await reader.get(path)

    assert reply.headers["location"] == PRESS
    assert office.engagement() == []


async def test_whoever_unsubscribes_has_taken_it_back_as_well(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    office.happens("Unsubscribed")
    async with office.reader() as reader:
        await reader.get(path)

    assert office.engagement() == []


async def test_a_machine_that_clicks_for_ever_is_not_noted_for_ever(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    token = office.links()["letter"].rpartition("/")[2]
    link = read_click_link(API, token)
    assert link is not None
    clicks = Clicks(database=office.database, api=API, tracking=TrackingSettings(),
                    shop_time=ShopTime())  # fmt: skip
    for _ in range(CLICKS_MAX + 5):
        clicks.note(link, Asked(agent="curl/8"), at=office.clock.now())

    assert len(office.engagement()) == CLICKS_MAX


async def test_a_click_that_cannot_be_noted_still_leads_on(sqlite_database, monkeypatch):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter-2"]

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("INSERT", {}, Exception("the disk is full"))

    monkeypatch.setattr(Clicks, "note", fail)
    async with office.reader() as reader:
        assert (await reader.get(path)).headers["location"] == PRESS


@pytest.mark.parametrize("agent", ["", "Mozilla/5.0", "curl/8.5.0"])
async def test_what_says_that_it_is_no_browser_is_a_machine(sqlite_database: Database, agent):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    async with office.reader(agent=agent) as reader:
        await reader.get(path)
    office.settle()

    assert office.verdicts()[0] in ("no_agent", "agent")
    assert office.clicks() == []


async def test_a_click_right_after_the_sending_is_a_scanners(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    office.later(-LATER)
    async with office.reader() as reader:
        await reader.get(path)

    assert office.verdicts() == ["too_soon"]


def test_a_visitor_is_another_on_the_next_day_and_nobody_within_a_private_network():
    on = [visitor_of(API, IP, at=NOON.replace(day=day)) for day in (4, 4, 5)]
    nobody = ["127.0.0.1", "10.1.2.3", "fe80::1", "unknown", None, "192.168.1.1"]

    assert on[0] == on[1] != on[2]
    assert [visitor_of(API, ip, at=NOON) for ip in nobody] == [None] * 6
    assert visitor_of(API, "2a00:1450::1", at=NOON) == visitor_of(API, "2a00:1450::2", at=NOON)
    assert visitor_of(API, f"::ffff:{IP}", at=NOON) == on[0]
