"""Signing up: an address is asked first, says yes by a press, and counts, with its evidence."""

import json
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.consent import wording_digest
from sekvens.contacts.tables import Consent, ConsentChange, Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.messages.links import confirm_url
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.serving import served, settings

ADDRESS = "astrid@kund.example"
FORM = {"email": ADDRESS, "first_name": "Astrid", "locale": "sv", "consent": "yes",
        "form": "footer", "page_url": "https://shop.example/ull?email=a@b.example",
        "wording_version": "2026-03", "hosted": "yes", "website": ""}  # fmt: skip
REQUESTED = "Email Confirmation Requested"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


async def post(database: Database, clock: FrozenClock, **changes: str) -> httpx.Response:
    given = changes.pop("settings", "{}")
    async with served(database, clock, **json.loads(given)) as client:
        return await client.post("/subscribe", data=FORM | changes)


def contacts(database: Database) -> list[Contact]:
    with database.read() as session:
        return list(session.scalars(select(Contact).order_by(Contact.created_at)))


def status(database: Database) -> str | None:
    with database.read() as session:
        return session.scalar(select(Consent.status).where(Consent.purpose == "marketing"))


def happened(database: Database, name: str) -> list[dict[str, Any]]:
    with database.read() as session:
        query = select(ContactEvent.properties).where(ContactEvent.name == name)
        return list(session.scalars(query.order_by(ContactEvent.id)))


def link(database: Database, *, address: str = ADDRESS) -> str:
    contact_id = contacts(database)[0].id
    api = settings().api
    url = confirm_url(api, contact_id=contact_id, message_id="m-1", address=address)
    return url.removeprefix(api.public_url)


async def press(database: Database, clock: FrozenClock, path: str) -> httpx.Response:
    async with served(database, clock) as client:
        return await client.post(path)


async def test_a_sign_up_waits_for_its_address_to_say_yes(
    database: Database, clock: FrozenClock
) -> None:
    reply = await post(database, clock)

    assert (reply.status_code, "Titta i inkorgen" in reply.text) == (200, True)
    assert status(database) == "pending"
    assert [each.first_name for each in contacts(database)] == ["Astrid"]
    assert len(happened(database, REQUESTED)) == 1


async def test_looking_at_the_link_confirms_nothing_and_pressing_does(
    database: Database, clock: FrozenClock
) -> None:
    await post(database, clock)
    async with served(database, clock) as client:
        asked = await client.get(link(database))
        looked = status(database)
        done = await client.post(link(database))

    assert ("Ja, det är jag" in asked.text, looked) == (True, "pending")
    assert (status(database), "Ull som håller" in done.text) == ("subscribed", True)


async def test_the_evidence_says_when_where_and_to_which_words(
    database: Database, clock: FrozenClock
) -> None:
    await post(database, clock)
    await press(database, clock, link(database))

    with database.read() as session:
        last = session.scalars(select(ConsentChange).order_by(ConsentChange.id.desc())).first()
    assert last is not None
    assert (last.source, last.page_url) == ("form footer", "https://shop.example/ull")
    assert last.wording_version == "2026-03"
    wording = settings().consent.wordings["2026-03"]["sv"]
    assert last.wording_digest == wording_digest(wording)
    assert re.fullmatch("[0-9a-f]{32}", last.ip_mark or "")


async def test_pressing_twice_is_one_fact(sqlite_database: Database, clock: FrozenClock) -> None:
    await post(sqlite_database, clock)
    replies = [await press(sqlite_database, clock, link(sqlite_database)) for _ in range(2)]

    assert ["Tack" in reply.text for reply in replies] == [True, True]
    assert len(happened(sqlite_database, "Email Subscribed")) == 1


async def test_after_a_week_the_link_has_ended(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    await post(sqlite_database, clock)
    clock.move(timedelta(days=7, seconds=1))
    reply = await press(sqlite_database, clock, link(sqlite_database))

    assert "gäller inte längre" in reply.text
    assert status(sqlite_database) == "pending"


async def test_a_link_confirms_only_the_address_that_it_was_sent_to(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    await post(sqlite_database, clock)
    path = link(sqlite_database, address="somebody.else@kund.example")
    reply = await press(sqlite_database, clock, path)

    assert "no longer holds" in reply.text or "gäller inte längre" in reply.text
    assert status(sqlite_database) == "pending"


async def test_a_stranger_who_types_in_an_address_takes_nothing_from_its_owner(
    database: Database, clock: FrozenClock
) -> None:
    shop = Shop(database)
    shop.post(identify(email=ADDRESS, firstName="Doris"), track("Email Subscribed", ago=5))
    reply = await post(database, clock, first_name="Mallory")

    assert "Titta i inkorgen" in reply.text
    assert (status(database), happened(database, REQUESTED)) == ("subscribed", [])
    assert [each.first_name for each in contacts(database)] == ["Doris"]


async def test_who_has_left_is_asked_again_and_comes_back(
    database: Database, clock: FrozenClock
) -> None:
    shop = Shop(database)
    shop.post(identify(email=ADDRESS), track("Email Subscribed", ago=5))
    shop.post(track("Unsubscribed", ago=4))
    await post(database, clock)
    asked = status(database)
    await press(database, clock, link(database))

    assert (asked, status(database)) == ("pending", "subscribed")


@pytest.mark.parametrize("reason", ["complaint", "bounce", "manual"])
async def test_an_address_that_must_not_be_mailed_is_asked_nothing(
    sqlite_database: Database, clock: FrozenClock, reason: str
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify(email=ADDRESS), track("Contact Suppressed", ago=5, reason=reason))
    reply = await post(sqlite_database, clock)

    assert "Titta i inkorgen" in reply.text
    assert happened(sqlite_database, REQUESTED) == []


async def test_an_address_is_not_asked_again_at_once_nor_without_end(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    asked = []
    for _ in range(6):
        await post(sqlite_database, clock)
        await post(sqlite_database, clock)
        asked.append(len(happened(sqlite_database, REQUESTED)))
        clock.move(timedelta(minutes=11))

    assert asked == [1, 2, 3, 3, 3, 3]


async def test_one_ip_address_signs_up_only_so_many_in_an_hour(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    async with served(sqlite_database, clock, SEKVENS_CONSENT__SIGN_UPS_PER_HOUR="2") as client:
        codes = [
            (
                await client.post("/subscribe", data=FORM | {"email": f"a{n}@kund.example"})
            ).status_code
            for n in range(3)
        ]
        clock.move(timedelta(hours=1))
        later = await client.post("/subscribe", data=FORM)

    assert (codes, later.status_code) == ([200, 200, 429], 200)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"email": "astrid"}, "Adressen ser inte ut att stämma"),
        ({"consent": ""}, "Kryssa i rutan"),
        ({"wording_version": "1999"}, "Formuläret är för gammalt"),
    ],
)
async def test_what_is_missing_is_said_and_nothing_is_kept(
    sqlite_database: Database, clock: FrozenClock, changes: dict[str, str], said: str
) -> None:
    reply = await post(sqlite_database, clock, **changes)

    assert (reply.status_code, said in reply.text) == (400, True)
    assert contacts(sqlite_database) == []


async def test_a_machine_that_fills_in_every_field_is_thanked_and_forgotten(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    reply = await post(sqlite_database, clock, website="https://spam.example")

    assert (reply.status_code, contacts(sqlite_database)) == (200, [])


async def test_without_double_opt_in_a_sign_up_counts_at_once(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    single = json.dumps({"SEKVENS_CONSENT__DOUBLE_OPT_IN": "false"})
    reply = await post(sqlite_database, clock, settings=single)

    assert ("Ull som håller" in reply.text, status(sqlite_database)) == (True, "subscribed")


async def test_a_form_of_the_shops_own_leads_where_the_settings_say_and_nowhere_else(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    changes = {"SEKVENS_CONSENT__THANKS_URL": "https://shop.example/tack"}
    fields = {name: value for name, value in FORM.items() if name != "hosted"}
    async with served(sqlite_database, clock, **changes) as client:
        reply = await client.post("/subscribe", data=fields | {"redirect": "https://evil.example"})

    assert (reply.status_code, reply.headers["location"]) == (303, "https://shop.example/tack")


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://shop.example", True), ("https://x.example", False)]
)
async def test_a_script_signs_up_from_the_shops_own_pages_only(
    sqlite_database: Database, clock: FrozenClock, origin: str, *, allowed: bool
) -> None:
    body = {"email": ADDRESS, "consent": True, "locale": "sv", "anonymous_id": "visitor-1"}
    changes = {"SEKVENS_CONSENT__ORIGINS": "https://shop.example"}
    async with served(sqlite_database, clock, **changes) as client:
        asked = await client.options("/subscribe.json", headers={"origin": origin})
        reply = await client.post("/subscribe.json", json=body, headers={"origin": origin})

    assert (reply.status_code, reply.json()) == (200, {"success": True, "next": "confirm"})
    for each in (asked, reply):
        assert ("access-control-allow-origin" in each.headers) is allowed


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"email": 7}', b"\xff", b"x" * 20_000])
async def test_a_script_that_posts_nonsense_is_told_what_to_post(
    sqlite_database: Database, clock: FrozenClock, body: bytes
) -> None:
    async with served(sqlite_database, clock) as client:
        reply = await client.post("/subscribe.json", content=body)

    assert reply.status_code == 400
    assert reply.json()["code"] in ("bad_request", "email")


async def test_the_visitor_that_a_script_names_keeps_what_they_did_before(
    sqlite_database: Database, clock: FrozenClock
) -> None:
    shop = Shop(sqlite_database)
    shop.post(track("Product Viewed", None, ANON="visitor-1", ago=9))
    body = {"email": ADDRESS, "consent": True, "anonymous_id": "visitor-1"}
    async with served(sqlite_database, clock) as client:
        await client.post("/subscribe.json", json=body)

    [contact] = contacts(sqlite_database)
    with sqlite_database.read() as session:
        seen = select(ContactEvent.contact_id).where(ContactEvent.name == "Product Viewed")
        assert session.scalar(seen) == contact.id


async def test_the_wording_in_use_can_be_asked_for(sqlite_database: Database) -> None:
    async with served(sqlite_database) as client:
        reply = (await client.get("/subscribe.json", params={"locale": "en"})).json()

    assert reply["wording_version"] == "2026-03"
    assert reply["wording"].startswith("Yes, Hallgrens Ylle may write to me")
