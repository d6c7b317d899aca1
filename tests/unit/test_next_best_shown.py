"""What is next best, in e-mails: with the reason, and never what is unwanted."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.ingest import record_fact
from sekvens.events.tables import ContactEvent
from sekvens.flows.asking import needs_again
from sekvens.flows.builder import days
from sekvens.messages.context import answer_urls
from sekvens.messages.facts import Facts
from sekvens.messages.links import read_answer_link
from sekvens.messages.needs import Needs
from sekvens.next_best.belongings import of_contacts
from sekvens.next_best.tables import NextBest, Why
from sekvens.predictions.tables import PredictionModel
from sekvens.products.tables import OrderLine, Product
from sekvens.segments import sql
from tests.conftest import NOON
from tests.unit.sending import API
from tests.unit.serving import served, settings
from tests.unit.test_compose_facts import Entry, read

NEXT = ("tea", Why.AGAIN), ("pot", Why.GOES_WITH), ("cup", Why.POPULAR)
IT_IS_TIME = needs_again(ahead=days(5), overdue=days(16))


@pytest.fixture
def shop(sqlite_database: Database) -> Database:
    """A customer who drinks tea, and what a run has said of them an hour ago."""
    with sqlite_database.write() as session:
        session.add(Contact(id="c", created_at=NOON, updated_at=NOON))
        session.add(Contact(id="c-new", created_at=NOON, updated_at=NOON))
        session.add_all(
            Product(id=name, titles={"sv": name, "en": name}, locale="sv", first_seen_on=NOON)
            for name in ("tea", "pot", "cup", "jug")
        )
        run = PredictionModel(
            subject="next_best", as_of=NOON, parameters={}, backtest={}, reason=""
        )
        session.add(run)
        session.flush()
        session.add_all(
            NextBest(
                contact_id="c", place=place, product_id=name, why=why, version=run.id,
                because_of="tea" if why is Why.GOES_WITH else None,
                due_on=NOON + days(3) if why is Why.AGAIN else None,
                computed_at=NOON - timedelta(hours=1),
            )
            for place, (name, why) in enumerate(NEXT, start=1)
        )  # fmt: skip
        session.add(bought("tea", ago=30 * 24))
    return sqlite_database


def bought(product_id: str, *, ago: float, whose: str = "c", state: str = "completed") -> OrderLine:
    at = NOON - timedelta(hours=ago)
    return OrderLine(contact_id=whose, order_id=f"o-{product_id}-{ago}", product_id=product_id,
                     quantity=1, ordered_at=at, state=state)  # fmt: skip


def facts(shop: Database, *variables: str, whose: str = "c") -> Facts:
    needs = Needs(variables=frozenset(variables), blocks=frozenset())
    with shop.write() as session:
        return read(session, whose, needs, Entry())


def shown(shop: Database, *variables: str, whose: str = "c") -> list[str]:
    found = facts(shop, *(variables or ("next_best",)), whose=whose).next_best
    return [each.product.product_id for each in found]


def is_time(shop: Database) -> bool:
    with shop.read() as session:
        return sql.holds(session, IT_IS_TIME, contact_id="c", now=NOON)


def test_an_e_mail_shows_what_is_next_best_with_the_reason_or_some_of_it(shop: Database):
    found = facts(shop, "next_best").next_best

    assert [(each.product.product_id, each.reason["en"]) for each in found] == [
        ("tea", "Time for it again soon"), ("pot", "Goes with tea"), ("cup", "Many have it"),
    ]  # fmt: skip
    assert shown(shop, "needed_again") == ["tea"]
    assert shown(shop, "goes_with") == ["pot"]


def test_where_nothing_is_known_it_is_what_sells_and_where_nothing_sells_nothing(shop: Database):
    assert shown(shop, whose="c-new") == ["tea"]
    assert shown(shop, "goes_with", whose="c-new") == []
    with shop.write() as session:
        session.query(OrderLine).delete()
    assert shown(shop, whose="c-new") == []


@pytest.mark.parametrize("state", ["completed", "refunded"])
def test_what_was_just_bought_or_sent_back_is_not_shown(shop: Database, state: str):
    assert is_time(shop)
    ago = 0.5 if state == "completed" else 40 * 24
    with shop.write() as session:
        session.add(bought("tea", ago=ago, state=state))

    assert shown(shop) == ["pot", "cup"]
    assert not is_time(shop)


def test_what_is_sold_out_is_not_shown_nor_is_it_time_for_it(shop: Database):
    with shop.write() as session:
        session.get_one(Product, "tea").in_stock = False

    assert shown(shop) == ["pot", "cup"]
    assert not is_time(shop)


def test_it_is_time_from_five_days_before_until_sixteen_after(shop: Database):
    times = {-13: False, -2.5: False, -2: True, 3: True, 19: True, 19.5: False}
    with shop.read() as session:
        found = {
            day: sql.holds(session, IT_IS_TIME, contact_id="c", now=NOON + timedelta(days=day))
            for day in times
        }

    assert found == times


def refuse(shop: Database, answer: str, number: int = 0, **more: Any) -> None:
    said = {"question": "not-this", "answer": answer, "product_id": "tea"}
    with shop.write() as session:
        record_fact(
            session, contact_id="c", name="Question Answered", message_id=f"a-{number}",
            properties=said, occurred_at=NOON - timedelta(minutes=9 - number), now=NOON, **more,
        )  # fmt: skip


def test_what_was_refused_is_named_neither_now_nor_by_the_next_run(shop: Database):
    refuse(shop, "never")
    with shop.read() as session:
        (theirs,) = of_contacts(session, ["c"], until=NOON)

    assert shown(shop) == ["pot", "cup"]
    assert not is_time(shop)
    assert theirs.unwanted == {"tea"}
    refuse(shop, "keep", 1)
    assert shown(shop) == ["tea", "pot", "cup"]


async def test_looking_at_the_link_refuses_nothing_and_pressing_refuses_the_product(
    shop: Database,
):
    needs = facts(shop, "goes_with")
    urls = answer_urls(settings().api, "c", "m-1", needs)["not-this"]
    path = urls["never"].removeprefix(settings().api.public_url)
    async with served(shop) as client:
        looked = await client.get(path)
        before = said(shop)
        pressed = await client.post(path, data={"answer": "never"})

    assert (looked.status_code, before, pressed.status_code) == (200, [], 200)
    assert said(shop) == [("not-this", "never", "pot")]
    assert shown(shop) == ["tea", "cup"]


def test_without_a_product_the_question_is_not_asked(shop: Database):
    assert "not-this" not in answer_urls(API, "c", "m-1", facts(shop))
    link = answer_urls(API, "c", "m-1", facts(shop, "next_best"))["not-this"]["keep"]
    read_back = read_answer_link(API, link.rpartition("/")[2])
    assert read_back is not None
    assert read_back.product_id == "tea"


def said(shop: Database) -> list[tuple[str, str, str]]:
    query = select(ContactEvent.properties).where(ContactEvent.name == "Question Answered")
    with shop.read() as session:
        return [(each["question"], each["answer"], each["product_id"])
                for each in session.scalars(query)]  # fmt: skip
