"""An e-mail in a browser: what was sent, for whoever has the link, and nothing newer."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from sekvens.audiences.retention import Retention
from sekvens.contacts.erase import erase
from sekvens.db.session import Database
from sekvens.errors import SesRejected
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.envelope import Envelope
from sekvens.messages.links import view_url
from sekvens.messages.send import Sender
from sekvens.messages.tables import MessageCopy
from sekvens.sections import SendingSettings
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, identify
from tests.unit.sending import API, NO_CALM, PostOffice
from tests.unit.serving import served

DAY = timedelta(days=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    office = PostOffice(database)
    office.shop.post(identify("u", ago=60, firstName="Maja"))
    return office


def link(office: PostOffice) -> str:
    url = view_url(API, contact_id=office.contact_id, message_id=office.message().id)
    return url.removeprefix(API.public_url)


async def look(office: PostOffice, path: str | None = None, **changes: str) -> httpx.Response:
    async with served(office.database, office.clock, **changes) as client:
        return await client.get(path or link(office))


def copies(office: PostOffice) -> int:
    with office.database.read() as session:
        return len(session.scalars(select(MessageCopy.message_id)).all())


def retention(office: PostOffice) -> Retention:
    return Retention(
        database=office.database,
        clock=office.clock,
        shop_time=ShopTime(),
        inactive_after=timedelta(0),
        copies_kept_for=60 * DAY,
    )


async def test_the_page_is_the_e_mail_as_it_was_sent(office: PostOffice) -> None:
    office.send()
    sent = office.mail.get_body(("html",))
    page = await look(office)

    assert sent is not None
    assert page.text.split() == sent.get_content().split()
    assert link(office) in page.text


async def test_what_becomes_of_the_contact_later_is_not_shown(office: PostOffice) -> None:
    office.send()
    before = (await look(office)).text
    office.shop.post(identify("u", locale="en", firstName="Mallory"))

    assert (await look(office)).text == before


async def test_nothing_keeps_indexes_or_tells_of_the_page_and_it_runs_no_script(
    office: PostOffice,
) -> None:
    office.send()
    headers = (await look(office)).headers

    assert headers["cache-control"] == "no-store, private"
    assert headers["x-robots-tag"] == "noindex, nofollow, noarchive"
    assert headers["referrer-policy"] == "no-referrer"
    assert "sandbox" in headers["content-security-policy"]
    assert "allow-scripts" not in headers["content-security-policy"]


async def test_after_its_time_the_copy_is_gone_and_deleted(office: PostOffice) -> None:
    office.send()
    office.later(60 * DAY)
    page = await look(office)
    kept = copies(office)
    retention(office).batch(None, lambda: None)

    assert (page.status_code, "finns inte kvar" in page.text) == (410, True)
    assert (kept, copies(office)) == (1, 0)


async def test_a_copy_goes_with_the_contact(office: PostOffice) -> None:
    office.send()
    path = link(office)
    with office.database.write() as session:
        erase(session, office.contact_id, now=NOON, now_shop=NOON)

    assert (await look(office, path)).status_code == 410
    assert copies(office) == 0


async def test_a_message_that_never_left_is_not_shown(office: PostOffice) -> None:
    office.ses.faults.append(SesRejected("no"))
    office.send()

    assert (await look(office)).status_code == 410


async def test_a_link_that_is_not_ours_is_not_found(office: PostOffice) -> None:
    office.send()
    wrong = link(office)[:-1] + ("A" if link(office)[-1] != "A" else "Q")

    assert (await look(office, wrong)).status_code == 404


def test_a_shop_that_keeps_no_copies_makes_no_link_to_one(sqlite_database: Database) -> None:
    office = PostOffice(sqlite_database)
    envelope = Envelope(database=office.database, shop=sample_shop(), api=API, keeps_copies=False)
    rails = SendingSettings(**({"production": True} | NO_CALM))
    office.sender = Sender(
        database=office.database, ses=office.ses, clock=office.clock, envelope=envelope,
        sending=rails,
    )  # fmt: skip
    office.send()

    assert copies(office) == 0
    assert "/v/" not in office.mail.as_string()
    assert "/p/" in office.mail.as_string()
