"""The answer links: looking changes nothing, pressing records the answer once."""

from typing import Any

import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.messages.links import answer_url, unsubscribe_url
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.tables import MessageState
from tests.unit.ingesting import NOON, Shop, alias, identify
from tests.unit.serving import served, settings
from tests.unit.test_barrier import dispatch
from tests.unit.waiting import a_message_leaving


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify(locale="en-GB"))
    return shop


def link(
    shop: Shop, answer: str = "yes", question: str = "still-interested", message: str = "m-1"
) -> str:
    api = settings().api
    url = answer_url(
        api, contact_id=shop.contact_id(), message_id=message, question=question, answer=answer
    )
    return url.removeprefix(api.public_url)


def answers(shop: Shop) -> list[tuple[Any, ...]]:
    query = select(ContactEvent).where(ContactEvent.name == "Question Answered")
    with shop.database.read() as session:
        rows = session.scalars(query.order_by(ContactEvent.id)).all()
    keys = ("question", "answer", "flow", "step")
    return [tuple(row.properties[key] for key in keys) for row in rows]


async def test_looking_shows_every_answer_with_the_one_that_was_clicked(shop: Shop) -> None:
    async with served(shop.database) as client:
        reply = await client.get(link(shop, "7", "how-was-it"))

    assert (reply.status_code, reply.text.count('type="radio"')) == (200, 11)
    assert 'value="7" checked' in reply.text
    assert reply.text.count("checked>") == 1


async def test_looking_records_nothing_and_runs_no_script(shop: Shop) -> None:
    async with served(shop.database) as client:
        reply = await client.get(link(shop))

    assert answers(shop) == []
    assert "<script" not in reply.text
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; style-src")


async def test_pressing_records_the_answer_and_owes_it_to_the_relay(shop: Shop) -> None:
    async with served(shop.database) as client:
        reply = await client.post(link(shop), data={"answer": "yes"})

    assert (reply.status_code, "Thank you" in reply.text) == (200, True)
    assert answers(shop) == [("still-interested", "yes", None, None)]
    assert shop.outbox() == ["answer/m-1/still-interested"]


async def test_an_answer_says_which_flow_and_step_asked(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    dispatch(shop, shop.contact_id(), MessageState.ACCEPTED)
    async with served(sqlite_database) as client:
        await client.post(link(shop, message="m-1"), data={"answer": "yes"})

    assert [row[2:] for row in answers(shop)] == [("f", "s")]


async def test_the_same_answer_twice_is_one_fact(shop: Shop) -> None:
    async with served(shop.database) as client:
        replies = [await client.post(link(shop), data={"answer": "yes"}) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert len(answers(shop)) == 1


async def test_whoever_changes_their_mind_on_the_page_says_something_new(shop: Shop) -> None:
    async with served(shop.database) as client:
        for answer in ("yes", "no", "no", "yes"):
            reply = await client.post(link(shop, "yes"), data={"answer": answer})

    assert [row[1] for row in answers(shop)] == ["yes", "no", "yes"]
    assert "Yes, please" in reply.text


async def test_a_machine_that_presses_for_ever_is_not_listened_to_for_ever(
    sqlite_database: Database,
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    async with served(sqlite_database) as client:
        for number in range(30):
            await client.post(link(shop), data={"answer": ("yes", "no")[number % 2]})

    assert len(answers(shop)) == 11


@pytest.mark.parametrize("body", [b"", b"answer=perhaps", b"answer=" + b"x" * 5000, b"\xff&%00="])
async def test_a_form_that_says_nothing_of_use_means_the_answer_that_was_clicked(
    sqlite_database: Database, body: bytes
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    async with served(sqlite_database) as client:
        await client.post(link(shop, "no"), content=body)

    assert [row[1] for row in answers(shop)] == ["no"]


async def test_the_same_question_in_another_message_is_another_answer(shop: Shop) -> None:
    async with served(shop.database) as client:
        await client.post(link(shop, message="m-1"))
        await client.post(link(shop, message="m-2"))

    assert len(answers(shop)) == 2


async def test_an_answer_of_whoever_was_merged_away_is_the_one_persons(
    sqlite_database: Database,
) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify("v"), identify("u"))
    url = link(shop)
    shop.post(alias("u", "v"))
    async with served(sqlite_database) as client:
        await client.post(url)
        await client.post(url)

    assert len(answers(shop)) == 1
    assert shop.outbox("v") == ["answer/m-1/still-interested"]


@pytest.mark.parametrize(("locale", "word"), [("sv", "Skicka svaret"), ("en-US", "Send my")])
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
    api, whose = settings().api, shop.contact_id()
    leave = unsubscribe_url(api, contact_id=whose, message_id="m-1").rpartition("/")[2]
    strange = [link(shop, "perhaps"), link(shop, "yes", "who-knows"), link(shop)[:-1] + "x"]
    async with served(sqlite_database) as client:
        replies = [
            await client.request(method, path)
            for method in ("GET", "POST")
            for path in (*strange, "/a/nonsense", f"/a/{leave}")
        ]

    assert {reply.status_code for reply in replies} == {404}
    assert answers(shop) == []


async def test_a_contact_who_is_gone_is_thanked_all_the_same(sqlite_database: Database) -> None:
    url = answer_url(
        settings().api,
        contact_id="c-gone",
        message_id="m-1",
        question="what-went-wrong",
        answer="size",
    )
    async with served(sqlite_database) as client:
        reply = await client.post(url.removeprefix(settings().api.public_url))

    assert reply.status_code == 200


async def test_the_thanks_wait_for_a_message_on_its_way(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    dispatch(shop, shop.contact_id())
    async with served(sqlite_database, FrozenClock(NOON)) as client:
        with a_message_leaving(shop.database, shop.contact_id()) as left:
            await client.post(link(shop))
            left_before_the_thanks = bool(left)

    assert left_before_the_thanks


def test_every_question_and_answer_is_written_in_both_languages() -> None:
    for question in QUESTIONS.values():
        texts = [question.text, *(text for text in (question.lowest, question.highest) if text)]
        texts += [text for answer in question.answers for text in (answer.label, answer.then)]

        assert all(set(text) == {"sv", "en"} and all(text.values()) for text in texts)
