"""Settling: a person's click steers after a moment, a machine's never does."""

import asyncio
from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.engagement.clicks import SETTLING
from sekvens.engagement.visitors import forget_visitors
from sekvens.enrollments.testing import FakeTemporal
from sekvens.events.relay import Relay
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.flows.builder import clicked, days, send, wait_for
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from starter import main
from tests.unit.engaging import PRESS, TAGGED_NEWS, ClickOffice
from tests.unit.sending import letters
from tests.unit.test_relay_temporal import start_of
from tests.unit.waiting import PATIENCE

MOMENT = timedelta(milliseconds=100)


def waiting_for_a_click() -> Flow:
    """Make a flow that waits for a click in its first letter."""
    wait = wait_for("a-click", clicked("hello"), timeout=days(2))
    return letters(steps=[send("hello"), wait, send("your-cart")], entry=())


async def test_a_person_s_click_becomes_a_fact_that_is_owed_to_the_relay(database: Database):
    office, woken = ClickOffice(database), []
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)
    office.later(SETTLING)
    office.settler(wake=lambda: woken.append(True)).settle_once()

    assert office.clicks() == [{
        "flow": "letters", "step": "hello", "email_id": office.message().id, "link_id": "letter",
        "link_url": TAGGED_NEWS,
    }]  # fmt: skip
    assert len(office.shop.outbox()) == 1
    assert woken == [True]


async def test_a_click_steers_no_sooner_than_it_is_settled(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)

    assert office.settle(SETTLING - MOMENT) == 0
    assert office.settle(MOMENT) == 1
    assert office.settle() == 0
    assert len(office.clicks()) == 1


@pytest.mark.parametrize("apart", [0.0, 0.3, 0.8])
async def test_several_links_in_a_second_never_steer_and_say_why(database: Database, apart):
    office = ClickOffice(database)
    paths = office.links()
    async with office.reader() as reader:
        for path in (paths["letter"], paths["letter-2"], paths["frame"]):
            await reader.get(path)
            office.later(timedelta(seconds=apart))
            office.settler().settle_once()
    office.settle()

    assert office.clicks() == []
    assert office.verdicts()[:2] == ["several_links"] * 2
    assert office.verdicts()[2] in ("several_links", "beside")


async def test_two_links_two_seconds_apart_are_a_person_who_reads_on(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    paths = office.links()
    async with office.reader() as reader:
        await reader.get(paths["letter"])
        office.settle(timedelta(seconds=2))
        await reader.get(paths["letter-2"])
    office.settle()

    assert [click["link_url"] for click in office.clicks()] == [TAGGED_NEWS, PRESS]
    assert office.verdicts() == [None, None]


async def test_the_same_link_twice_on_a_day_is_one_fact_and_on_the_next_another(
    sqlite_database: Database,
):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    async with office.reader() as reader:
        for hours in (0, 1, 24):
            office.later(timedelta(hours=hours))
            await reader.get(path)
            office.settle()

    assert len(office.clicks()) == 2
    assert [row.event_id is not None for row in office.engagement()] == [True] * 3


async def test_one_address_that_clicks_in_many_messages_at_once_steers_none(
    sqlite_database: Database,
):
    office = ClickOffice(sqlite_database)
    for number in range(5):
        office.enroll(f"e-more-{number}", office.contact_id)
        office.send(enrollment_id=f"e-more-{number}")
    office.later(timedelta(minutes=10))
    paths = [_first_path(taken.raw) for taken in office.ses.accepted]
    async with office.reader() as reader:
        for path in paths:
            await reader.get(path)
    office.settle()

    assert office.verdicts() == ["burst"] * 5
    assert office.clicks() == []


def _first_path(raw: bytes) -> str:
    text = raw.replace(b"=\r\n", b"").decode()
    return "/c/" + text.partition("/c/")[2].partition(">")[0].strip()


async def test_a_machine_that_shows_too_late_is_marked_and_the_mistake_can_be_counted(
    sqlite_database: Database, caplog
):
    office = ClickOffice(sqlite_database)
    paths = office.links()
    async with office.reader() as reader:
        await reader.get(paths["letter"])
        office.settle(timedelta(milliseconds=950))
        await reader.get(paths["letter-2"])
    office.settle()

    assert office.verdicts() == ["several_links"] * 2
    assert [row.event_id is not None for row in office.engagement()] == [True, False]
    assert "had steered before" in caplog.text


async def test_a_click_of_whoever_was_merged_away_is_the_one_persons(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)
    office.shop.post({"type": "identify", "userId": "older", "messageId": "i", "traits": {}})
    office.shop.post({"type": "alias", "previousId": "u", "userId": "older", "messageId": "a"})
    office.settle()

    assert len(office.clicks()) == 1


async def test_erasure_takes_what_was_clicked_and_where_the_links_led(database: Database):
    office = ClickOffice(database)
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)
        now = office.clock.now()
        with database.write() as session:
            erase(session, office.contact_id, now=now, now_shop=now)
        reply = await reader.get(path)

    assert (office.engagement(), office.targets()) == ([], {})
    assert reply.status_code == 404


async def test_visitors_are_forgotten_within_the_hour(database: Database):
    office = ClickOffice(database)
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)
    office.later(timedelta(minutes=61))
    with database.write() as session:
        forgotten = forget_visitors(session, now=office.clock.now())

    assert forgotten == 1
    assert office.engagement()[0].visitor is None


async def test_a_settler_that_is_told_to_stop_does_so_and_leaves_what_is_not_due(
    sqlite_database: Database,
):
    office, stop = ClickOffice(sqlite_database), asyncio.Event()
    path = office.links()["letter"]
    async with office.reader() as reader:
        await reader.get(path)
    running = asyncio.create_task(office.settler().run(stop))
    await asyncio.sleep(0.1)
    stop.set()
    await asyncio.wait_for(running, PATIENCE)

    assert office.clicks() == []
    with office.database.read() as session:
        names = session.scalars(
            select(ContactEvent.name).join(OutboxEntry, OutboxEntry.event_id == ContactEvent.id)
        ).all()
    assert names == []


async def test_a_click_is_signalled_to_the_enrollment_that_waits_for_it(database: Database):
    office, temporal = ClickOffice(database, flow=waiting_for_a_click()), FakeTemporal()
    relay = Relay(database, temporal, clock=office.clock, shop_time=ShopTime())
    path = office.links()["letter"]
    await temporal.start(start_of("letters/e-1", "e-1"))
    async with office.reader() as reader:
        await reader.get(path)
    office.settle(SETTLING)
    relay.expand_once()
    await relay.deliver_once()

    (signal,) = temporal.signals
    assert [event.matched for event in signal.events] == [(clicked("hello").key,)]


async def test_operators_see_what_people_clicked_and_what_machines_did(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    office = ClickOffice(sqlite_database)
    paths = office.links()
    async with office.reader() as reader:
        await reader.get(paths["letter"])
        office.settle(timedelta(seconds=2))
        await reader.head(paths["letter"])
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("sekvens.commands.status.REPORTED_DAYS", 36_500)
    shown, status = (
        " ".join(CliRunner().invoke(main, words).output.split())
        for words in (["show", office.contact_id], ["status"])
    )

    assert "1 click, 1 machine click (head 1)" in shown
    assert "Opens and clicks in 36500 days: 1 click, 1 machine click (head 1)" in status
