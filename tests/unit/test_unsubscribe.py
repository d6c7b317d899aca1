"""The unsubscribe link: looking changes nothing, pressing does, in the contact's language."""

from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import ConsentChange
from sekvens.db.session import Database
from sekvens.messages.links import unsubscribe_url
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.serving import served, settings
from tests.unit.test_barrier import dispatch
from tests.unit.waiting import a_message_leaving


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify(locale="en-GB"), track("Email Subscribed", ago=5))
    return shop


def link(shop: Shop, user: str = "u") -> str:
    url = unsubscribe_url(settings().api, contact_id=shop.contact_id(user), message_id="m-1")
    return url.removeprefix(settings().api.public_url)


async def test_looking_at_the_link_asks_and_changes_nothing(shop: Shop) -> None:
    async with served(shop.database) as client:
        reply = await client.get(link(shop))

    assert reply.status_code == 200
    assert '<form method="post">' in reply.text
    assert shop.consent() == "subscribed"


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=One-Click"])
async def test_pressing_unsubscribes_before_it_answers(shop: Shop, body: bytes) -> None:
    async with served(shop.database) as client:
        reply = await client.post(link(shop), content=body)

    assert (reply.status_code, "Done." in reply.text) == (200, True)
    assert shop.consent() == "unsubscribed"
    assert len(shop.outbox()) == 2


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (b"List-Unsubscribe=One-Click", "one-click unsubscribe"),
        (
            b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n',
            "one-click unsubscribe",
        ),
        (b"", "unsubscribe link"),
    ],
)
async def test_the_evidence_tells_a_mail_client_from_the_page(
    sqlite_database: Database, body: bytes, source: str
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify(), track("Email Subscribed", ago=5))
    async with served(sqlite_database) as client:
        await client.post(link(shop), content=body)

    with sqlite_database.read() as session:
        last = session.query(ConsentChange).order_by(ConsentChange.id.desc()).first()
    assert last is not None
    assert last.source == source


async def test_pressing_twice_is_one_fact_and_the_same_answer(shop: Shop) -> None:
    async with served(shop.database) as client:
        replies = [await client.post(link(shop)) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert shop.count(ConsentChange) == 2


async def test_whoever_subscribed_again_may_leave_again_by_the_same_link(
    sqlite_database: Database,
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    clock = FrozenClock(NOON)
    async with served(sqlite_database, clock) as client:
        await client.post(link(shop))
        clock.move(timedelta(minutes=2))
        shop.now = clock.now()
        shop.post(track("Email Subscribed", ago=-1))
        again = shop.consent()
        await client.post(link(shop))

    assert (again, shop.consent()) == ("subscribed", "unsubscribed")


@pytest.mark.parametrize(("locale", "word"), [("sv", "avsluta"), ("en-US", "unsubscribe")])
async def test_the_page_speaks_the_contacts_language(
    sqlite_database: Database, locale: str, word: str
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify(locale=locale))
    async with served(sqlite_database) as client:
        reply = await client.get(link(shop))

    assert word in reply.text
    assert f'<html lang="{locale[:2]}">' in reply.text


async def test_a_link_that_is_not_ours_is_not_found(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    async with served(sqlite_database) as client:
        replies = [
            await client.request(method, path)
            for method in ("GET", "POST")
            for path in ("/u/nonsense", link(shop)[:-1] + "x", "/u/" + "a" * 5000)
        ]

    assert {reply.status_code for reply in replies} == {404}


async def test_a_contact_who_is_gone_is_answered_all_the_same(sqlite_database: Database) -> None:
    url = unsubscribe_url(settings().api, contact_id="c-gone", message_id="m-1")
    async with served(sqlite_database) as client:
        reply = await client.post(url.removeprefix(settings().api.public_url))

    assert reply.status_code == 200


async def test_pages_load_nothing_are_not_indexed_and_tell_nobody_where_one_came_from(
    sqlite_database: Database,
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    async with served(sqlite_database) as client:
        headers = (await client.get(link(shop))).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'nonce-")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-robots-tag"] == "noindex"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_answer_waits_for_a_message_on_its_way(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    dispatch(shop, shop.contact_id())
    async with served(sqlite_database) as client:
        with a_message_leaving(shop.database, shop.contact_id()) as left:
            await client.post(link(shop))
            left_before_the_answer = bool(left)

    assert left_before_the_answer
