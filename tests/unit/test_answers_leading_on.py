"""Where an answer leads: to what went wrong, to a review that is read first, through a quiz."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urljoin

import httpx
import pytest
from sqlalchemy import select

from sekvens.answers.queries import tallies, written
from sekvens.answers.recording import WORDS_LENGTH_MAX
from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent, Order
from sekvens.flows.asking import trait_is
from sekvens.flows.builder import answered, once_each
from sekvens.messages.compose import compose
from sekvens.messages.context import Entry
from sekvens.messages.links import answer_url, read_answer_link
from sekvens.messages.needs import Needs
from sekvens.messages.questions import QUESTIONS, TRAITS
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import read_sources, stored
from sekvens.reviews.reading import TEXT_LENGTH_MAX
from sekvens.reviews.tables import Review
from sekvens.segments.sql import holds
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, Shop, identify, track
from tests.unit.relaying import World, cart_flow
from tests.unit.serving import served, settings
from tests.unit.test_answers import link
from tests.unit.test_compose_context import API, arrange, gathered

WORDS = "Ärmarna var för korta, och svaret kom aldrig."


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(identify(locale="en-GB", first_name="Karin", last_name="Svensson"))
    return shop


def stars(shop: Shop, answer: str = "4", product_id: str = "p-1") -> str:
    api = settings().api
    whose = shop.contact_id()
    url = answer_url(
        api, contact_id=whose, message_id="m-1", question="rating", answer=answer,
        product_id=product_id,
    )  # fmt: skip
    return url.removeprefix(api.public_url)


def facts(shop: Shop, name: str = "Question Answered") -> list[dict[str, Any]]:
    query = select(ContactEvent.properties).where(ContactEvent.name == name)
    with shop.database.read() as session:
        return list(session.scalars(query.order_by(ContactEvent.id)))


def reviews(shop: Shop) -> list[tuple[Any, ...]]:
    with shop.database.read() as session:
        rows = session.scalars(select(Review).order_by(Review.id)).all()
    return [(row.product_id, row.rating, row.text, row.state) for row in rows]


async def press(client: httpx.AsyncClient, path: str, answer: str) -> tuple[httpx.Response, str]:
    """Press an answer, and tell where the next question's form leads."""
    reply = await client.post(path, data={"answer": answer})
    action = reply.text.partition('action="')[2].partition('"')[0]
    return reply, urljoin(path, action) if action else ""


async def test_a_low_number_leads_to_what_went_wrong_and_a_high_one_does_not(shop: Shop) -> None:
    async with served(shop.database) as client:
        low, leads_to = await press(client, link(shop, "3", "would-recommend"), "3")
        _, nowhere = await press(client, link(shop, "8", "would-recommend", "m-2"), "8")
        looked = await client.get(leads_to)

    assert "What went wrong?" in low.text
    assert nowhere == ""
    assert (looked.status_code, "checked>" in looked.text) == (200, False)
    assert [fact["answer"] for fact in facts(shop)] == ["3", "8"]


async def test_a_form_without_a_choice_is_asked_again_and_records_nothing(shop: Shop) -> None:
    async with served(shop.database) as client:
        _, leads_to = await press(client, link(shop, "3", "how-was-it"), "3")
        replies = [await client.post(leads_to, data={"answer": a}) for a in ("", "perhaps")]
        given = await client.post(leads_to, data={"answer": "size"})

    assert [reply.status_code for reply in replies] == [422, 422]
    assert "Choose an answer" in replies[0].text
    assert given.status_code == 200
    assert [fact["answer"] for fact in facts(shop)] == ["3", "size"]


async def test_own_words_are_kept_with_the_answer_and_may_be_added_later(shop: Shop) -> None:
    path = link(shop, "size", "what-went-wrong")
    async with served(shop.database) as client:
        for words in ("", WORDS, WORDS, ""):
            await client.post(path, data={"answer": "size", "words": words})

    assert [fact.get("words") for fact in facts(shop)] == [None, WORDS]


@pytest.mark.parametrize(
    ("posted", "kept"),
    [
        ("a\x00b\x1b[31mc\u202ed\r\ne", "ab[31mcd\ne"),
        ("<b onclick=x>Hej</b><script>1</script>", "Hej"),
        ("x" * 9000, "x" * WORDS_LENGTH_MAX),
        ("\x07 \u200e", None),
        ("🐑" * 3000, "🐑" * WORDS_LENGTH_MAX),
    ],
)
async def test_own_words_are_cleaned_and_cut(database: Database, posted: str, kept: str) -> None:
    shop = Shop(database)
    shop.post(identify())
    body = f"answer=other&words={quote(posted)}".encode()
    async with served(database) as client:
        await client.post(link(shop, "other", "what-went-wrong"), content=body)

    assert [fact.get("words") for fact in facts(shop)] == [kept]


async def test_a_question_that_has_no_field_takes_no_words(shop: Shop) -> None:
    async with served(shop.database) as client:
        await client.post(link(shop), data={"answer": "yes", "words": WORDS})

    assert [fact.get("words") for fact in facts(shop)] == [None]


async def test_own_words_never_reach_temporal(sqlite_database: Database) -> None:
    wrong = answered("what-went-wrong", "size")
    flow = cart_flow(trigger=wrong, entry_key=None, exit_when=[], reentry=once_each(), goal=None)
    world = World(sqlite_database, FrozenClock(NOON), flow)
    shop, whose = Shop(sqlite_database), world.contact("c-maja")
    url = answer_url(
        settings().api, contact_id=whose, message_id="m-1", question="what-went-wrong",
        answer="size",
    )  # fmt: skip
    async with served(sqlite_database) as client:
        await client.post(f"/a/{url.rpartition('/')[2]}", data={"words": WORDS})
    await world.relay_all()

    assert [fact["words"] for fact in facts(shop)] == [WORDS]
    assert len(world.temporal.all_executions) == 1
    assert "rmarna" not in repr([vars(each) for each in world.temporal.all_executions])


async def test_stars_lead_to_a_review_that_somebody_reads_before_it_is_shown(shop: Shop) -> None:
    async with served(shop.database) as client:
        rated = await client.post(stars(shop), data={"answer": "4"})
        before = reviews(shop)
        thanked = await client.post(stars(shop), data={"answer": "4", "words": WORDS})

    assert "<textarea" in rated.text
    assert "Thank you for your review" in thanked.text
    assert (before, reviews(shop)) == ([], [("p-1", 4, WORDS, "pending")])
    (said,) = facts(shop)
    assert (said["answer"], said["product_id"], "words" in said) == ("4", "p-1", False)
    assert shop.outbox() == ["answer/m-1/rating/of/p-1", "review/m-1/rating/of/p-1"]


async def test_a_review_sent_twice_is_one_and_a_rating_changed_later_changes_it(shop: Shop) -> None:
    async with served(shop.database) as client:
        for data in ({"words": WORDS}, {"words": WORDS}, {"answer": "2"}):
            await client.post(stars(shop), data=data)
        await client.post(stars(shop, product_id="p-2"), data={"words": "Bra."})

    assert reviews(shop) == [("p-1", 2, WORDS, "pending"), ("p-2", 4, "Bra.", "pending")]
    assert len(facts(shop, "Product Reviewed")) == 3


async def test_a_review_as_long_as_may_be_is_kept_whole(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    text = "ö🐑" * (TEXT_LENGTH_MAX // 2)
    async with served(sqlite_database) as client:
        await client.post(stars(shop), data={"answer": "5", "words": text})

    assert reviews(shop) == [("p-1", 5, text, "pending")]


async def test_a_product_of_a_very_long_id_has_a_link_that_works(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(identify())
    async with served(sqlite_database) as client:
        replies = [
            await client.get(stars(shop, product_id=each)) for each in ("p" * 4000, "åb@c/?#")
        ]

    assert [reply.status_code for reply in replies] == [200, 200]


async def test_a_quiz_is_asked_to_its_end_and_becomes_traits(shop: Shop) -> None:
    path, said = link(shop, "hands", "where-cold"), []
    async with served(shop.database) as client:
        for answer in ("hands", "outdoors", "itches"):
            reply, path = await press(client, path, answer)
            said.append(reply.text)

    contact = shop.contact()
    assert contact is not None
    assert {name: contact.traits[name] for name in TRAITS} == {
        "where_cold": "hands", "when_worn": "outdoors", "wool_on_skin": "itches",
    }  # fmt: skip
    assert ["Question 2 of 3" in said[0], "Question 3 of 3" in said[1], path] == [True, True, ""]


async def test_a_flow_may_ask_for_what_the_quiz_told(shop: Shop) -> None:
    async with served(shop.database) as client:
        await press(client, link(shop, "hands", "where-cold"), "feet")
        await press(client, link(shop, "hands", "where-cold"), "hands")

    with shop.database.read() as session:
        asked = {
            value: holds(
                session, trait_is("where_cold", value), contact_id=shop.contact_id(), now=NOON
            )
            for value in ("feet", "hands")
        }
    assert asked == {"feet": False, "hands": True}


def test_an_answer_that_the_question_does_not_have_becomes_no_trait(database: Database) -> None:
    shop = Shop(database)
    asked = [("where-cold", "knees"), ("where-cold", ["feet"]), ("how-was-it", "9"), (["x"], "1")]
    shop.post(identify(), *(track("Question Answered", question=q, answer=a) for q, a in asked))

    contact = shop.contact()
    assert contact is not None
    assert not set(contact.traits) & {*TRAITS, "how_was_it"}


def test_every_answer_leads_to_a_question_and_none_in_a_circle() -> None:
    for name in QUESTIONS:
        seen = [name]
        while following := {a.leads_to for a in QUESTIONS[seen[-1]].answers if a.leads_to}:
            (next_name,) = following
            assert next_name not in seen
            seen.append(next_name)


async def test_the_newest_answer_of_each_e_mail_is_counted_and_scored(shop: Shop) -> None:
    given = [("m-1", "3"), ("m-1", "10"), ("m-2", "9"), ("m-3", "7"), ("m-4", "0")]
    async with served(shop.database) as client:
        for message, answer in given:
            await client.post(link(shop, answer, "would-recommend", message))
        await client.post(link(shop, "size", "what-went-wrong"), data={"words": WORDS})
    with shop.database.read() as session:
        counted = {tally.question: tally for tally in tallies(session)}
        said = written(session)

    assert {v: n for v, n in counted["would-recommend"].counts.items() if n} == {
        "0": 1, "7": 1, "9": 1, "10": 1,
    }  # fmt: skip
    assert [counted[name].score for name in ("would-recommend", "rating")] == [25, None]
    assert [(one.answer, one.words) for one in said] == [("size", WORDS)]


@pytest.mark.parametrize(
    ("told", "word"), [("hands", "vantarna"), ("head", "mössa"), (None, "Vet du")]
)
def test_an_e_mail_says_what_the_quiz_told(told: str | None, word: str) -> None:
    name = "welcome/a-code-for-you"
    facts = sample_facts(sample_shop(), name=name, locale="sv", now=NOON)
    facts = replace(facts, traits={"where_cold": told})
    made = compose(stored(read_sources(name)), facts, shop=sample_shop())

    assert word in made.text


def test_a_rating_is_of_the_first_product_that_the_e_mail_is_about(database: Database) -> None:
    lines = [{"product_id": "p-7", "name": "Vanten", "price": 1, "quantity": 1}]
    with database.write() as session:
        arrange(session, traits={"where_cold": "feet", "when_worn": ["odd"]})
        session.add(
            Order(contact_id="c-one", order_id="o", products=lines, state="completed",
                  ordered_at=NOON)
        )  # fmt: skip
        of_order = gathered(session, entry=Entry(name="order_id", key="o"))
        of_nothing = gathered(session, entry=Entry(), needs=Needs(
            variables=frozenset(), blocks=frozenset({"answers"})))  # fmt: skip

    link = read_answer_link(API, of_order.answer_urls["rating"]["5"].rpartition("/")[2])
    assert link is not None
    assert (link.product_id, link.answer) == ("p-7", "5")
    assert "rating" not in of_nothing.answer_urls
    assert of_order.traits == {"where_cold": "feet", "when_worn": None, "wool_on_skin": None}
