"""The preference page: choices without what we know, in force before they are answered."""

import re
from datetime import timedelta

import pytest

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Consent, ConsentChange, Contact, Preferences
from sekvens.db.session import Database
from sekvens.messages.links import preferences_url, unsubscribe_url
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.serving import served, settings
from tests.unit.test_barrier import dispatch
from tests.unit.waiting import a_message_leaving

#: What the sample shop's form posts when nothing is changed.
SHOWN = {"save": "yes", "often": "usual", "locale": "sv", "shows-reminders": "yes",
         "shows-news": "yes", "shows-occasions": "yes", "topic-reminders": "yes",
         "topic-news": "yes", "topic-occasions": "yes", "day": "", "month": ""}  # fmt: skip


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify(locale="sv", firstName="Astrid"), track("Email Subscribed", ago=5))
    return shop


def link(shop: Shop) -> str:
    url = preferences_url(settings().api, contact_id=shop.contact_id(), message_id="m-1")
    return url.removeprefix(settings().api.public_url)


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in SHOWN.items() if name not in names}


def preferences(shop: Shop) -> Preferences | None:
    with shop.database.read() as session:
        return session.get(Preferences, shop.contact_id())


def contact(shop: Shop) -> Contact:
    with shop.database.read() as session:
        return session.get_one(Contact, shop.contact_id())


async def save(shop: Shop, fields: dict[str, str], *, minutes: float = 0) -> str:
    async with served(shop.database, FrozenClock(NOON + timedelta(minutes=minutes))) as client:
        return (await client.post(link(shop), data=fields)).text


async def test_looking_shows_the_choices_and_changes_nothing(shop: Shop) -> None:
    async with served(shop.database) as client:
        reply = await client.get(link(shop))

    assert reply.status_code == 200
    assert reply.text.count('type="checkbox" name="topic-') == 3
    assert (preferences(shop), shop.count(ConsentChange)) == (None, 1)


async def test_a_page_of_a_link_shows_nothing_that_the_e_mail_did_not(shop: Shop) -> None:
    shop.post(identify(email="astrid@kund.example", birthday="1987-04-12"))
    async with served(shop.database) as client:
        page = (await client.get(link(shop))).text

    assert "Vi har redan ett datum" in page
    assert not re.search(r"astrid@kund|Astrid|1987|selected>(12|april)", page)


async def test_leaving_a_topic_out_is_kept_as_evidence_and_is_no_unsubscribe(shop: Shop) -> None:
    page = await save(shop, without("topic-news"))

    with shop.database.read() as session:
        left = session.get(Consent, (shop.contact_id(), "topic/news"))
    assert "Sparat" in page
    assert (left and left.status, shop.consent()) == ("unsubscribed", "subscribed")
    assert shop.count(ConsentChange) == 2


async def test_saving_twice_says_it_once(shop: Shop) -> None:
    for _ in range(2):
        await save(shop, without("topic-news") | {"often": "fewer", "pause": "yes"})

    assert shop.count(ConsentChange) == 2
    assert len(shop.outbox()) == 2


async def test_a_pause_lasts_thirty_days_and_can_be_ended(shop: Shop) -> None:
    page = await save(shop, SHOWN | {"pause": "yes"})
    paused = preferences(shop)
    await save(shop, SHOWN | {"pause": "no"}, minutes=1)
    ended = preferences(shop)

    assert paused is not None
    assert paused.paused_until == NOON + timedelta(days=30)
    assert "Pausat till och med" in page
    assert ended is not None
    assert ended.paused_until is None


async def test_fewer_is_kept_until_it_is_taken_back(shop: Shop) -> None:
    await save(shop, SHOWN | {"often": "fewer"})
    fewer = preferences(shop)
    await save(shop, SHOWN, minutes=1)
    usual = preferences(shop)

    assert fewer is not None
    assert usual is not None
    assert (fewer.fewer, usual.fewer) == (True, False)


async def test_language_and_birthday_become_traits(shop: Shop) -> None:
    page = await save(shop, SHOWN | {"locale": "en", "day": "29", "month": "02"})

    assert (contact(shop).locale, contact(shop).traits["birthday"]) == ("en", "--02-29")
    assert '<html lang="en">' in page


@pytest.mark.parametrize(
    "odd",
    [
        {"day": "31", "month": "02"},
        {"day": "99", "month": "xx"},
        {"locale": "tlh"},
        {"often": "never"},
        {"topic-nonsense": "yes", "shows-nonsense": "yes"},
        {"pause": "x" * 2000},
    ],
)
async def test_what_no_form_of_ours_posts_changes_nothing(
    sqlite_database: Database, odd: dict[str, str]
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify(locale="sv"), track("Email Subscribed", ago=5))
    await save(shop, SHOWN | odd)

    assert preferences(shop) is None
    assert (contact(shop).locale, "birthday" in contact(shop).traits) == ("sv", False)


async def test_whoever_has_left_may_come_back_and_what_they_agree_to_is_kept(shop: Shop) -> None:
    shop.post(track("Unsubscribed", ago=1))
    await save(shop, {"save": "yes", "locale": "sv"})
    silent = shop.consent()
    await save(shop, {"save": "yes", "locale": "sv", "again": "yes"})

    with shop.database.read() as session:
        last = session.query(ConsentChange).order_by(ConsentChange.id.desc()).first()
    assert (silent, shop.consent()) == ("unsubscribed", "subscribed")
    assert last is not None
    assert (last.source, bool(last.wording_digest)) == ("preference page", True)


async def test_after_a_complaint_only_a_person_brings_them_back(shop: Shop) -> None:
    shop.post(identify(email="astrid@kund.example"), track("Unsubscribed", ago=2))
    shop.post(track("Contact Suppressed", ago=1, reason="complaint"))
    page = await save(shop, {"save": "yes", "again": "yes"})

    assert shop.consent() == "unsubscribed"
    assert "för hand" in page
    assert 'name="again"' not in page


async def test_a_link_made_for_something_else_opens_no_preferences(shop: Shop) -> None:
    other = unsubscribe_url(settings().api, contact_id=shop.contact_id(), message_id="m-1")
    async with served(shop.database) as client:
        reply = await client.get("/p/" + other.rpartition("/")[2])

    assert reply.status_code == 404


async def test_the_answer_waits_for_a_message_on_its_way(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    dispatch(shop, shop.contact_id())
    async with served(sqlite_database, FrozenClock(NOON)) as client:
        with a_message_leaving(shop.database, shop.contact_id()) as left:
            await client.post(link(shop), data=SHOWN | {"pause": "yes"})
            left_before_the_answer = bool(left)

    assert left_before_the_answer
