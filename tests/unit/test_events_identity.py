"""Who did it: visitors become contacts, and two names may turn out to be one person."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent, OutboxEntry, Visit
from tests.unit.ingesting import NOON, Shop, alias, identify, track


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_what_a_visitor_did_is_kept_and_owed_to_nobody_until_they_are_known(shop: Shop) -> None:
    shop.post(track("Product Added", None, ANON="a", product_id="p"))

    assert (shop.count(ContactEvent), shop.count(OutboxEntry), shop.count(Contact)) == (1, 0, 0)


@pytest.mark.parametrize(
    "known",
    [
        identify("u", anon="a"),
        track("Product Viewed", "u", ANON="a"),
        alias("a", "u"),
        {"type": "page", "userId": "u", "anonymousId": "a"},
    ],
    ids=["identify", "track", "alias", "page"],
)
def test_what_a_visitor_did_becomes_theirs_once_they_are_known(
    shop: Shop, known: dict[str, Any]
) -> None:
    shop.post(track("Product Added", None, ANON="a", ID="1", ago=9, product_id="p"))
    shop.post({"type": "page", "anonymousId": "a"}, track("Cart Viewed", None, ANON="a", ID="2"))
    shop.post(known)

    assert shop.outbox()[:2] == ["1", "2"]
    assert shop.quantities() == {"p": 1}
    assert shop.count(Visit) == (2 if known["type"] == "page" else 1)


def test_a_visitor_who_becomes_known_in_the_same_batch_keeps_what_they_did(shop: Shop) -> None:
    ingested = shop.post(
        track("Product Added", None, ANON="a", ID="1", ago=9, product_id="p"),
        identify("u", anon="a"),
        track("Product Added", None, ANON="a", ID="2", product_id="p"),
    )

    assert shop.outbox() == ["1", "2"]
    assert shop.quantities() == {"p": 2}
    assert ingested.contact_ids == (shop.contact_id(),)


def test_an_anonymous_identifys_traits_are_the_contacts_later(shop: Shop) -> None:
    shop.post(identify(None, anon="a", ago=5, firstName="Astrid"))
    shop.post(identify("u", anon="a", email="a@example.com"))

    contact = shop.contact()
    assert contact is not None
    assert (contact.first_name, contact.email) == ("Astrid", "a@example.com")


def test_a_visitor_who_gives_an_address_is_a_contact(shop: Shop) -> None:
    shop.post(track("Product Added", None, ANON="a", ID="1", product_id="p", ago=2))
    shop.post(track("Email Subscribed", None, ANON="a", ID="2", email="a@example.com"))

    visitor = shop.contact("a", "anonymous_id")
    assert visitor is not None
    assert visitor.email == "a@example.com"
    assert shop.count(OutboxEntry) == 2


def test_a_contact_by_address_is_merged_with_the_user_they_turn_out_to_be(shop: Shop) -> None:
    shop.post(track("Email Subscribed", None, ANON="a", email="a@example.com", ago=5))
    shop.now = NOON + timedelta(minutes=1)
    shop.post(track("Order Completed", "u", order_id="1"))
    ingested = shop.post(identify("u", anon="a"))

    assert shop.consent() == "subscribed"
    assert [order[0] for order in shop.orders()] == ["1"]
    assert len({shop.contact_id(), visitor_id(shop)}) == 1
    assert len(ingested.contact_ids) == 2


def visitor_id(shop: Shop) -> str:
    visitor = shop.contact("a", "anonymous_id")
    assert visitor is not None
    return visitor.id


def test_two_people_at_one_computer_stay_two(shop: Shop) -> None:
    shop.post(identify("u", anon="a"), identify("v", anon="a"))
    shop.post(track("Product Added", "v", ANON="a", product_id="p"))

    assert shop.contact_id("u") != shop.contact_id("v")
    assert shop.quantities(user="v") == {"p": 1}


def test_nobody_is_merged_because_of_an_address(shop: Shop) -> None:
    shop.post(identify("u", email="a@example.com"), identify("v", email="a@example.com"))

    assert shop.contact_id("u") != shop.contact_id("v")


def two_contacts(shop: Shop) -> tuple[str, str]:
    shop.post(
        track("Email Subscribed", "old", ago=9),
        track("Product Added", "old", ago=8, product_id="p"),
        track("Order Completed", "old", ago=7, order_id="1", total=5),
    )
    shop.now = NOON + timedelta(minutes=1)
    shop.post(
        identify("young", ago=3, firstName="Astrid", email="a@example.com"),
        track("Unsubscribed", "young", ago=20),
        track("Order Refunded", "young", ago=1, order_id="1"),
        track("Product Added", "young", ago=2, product_id="p"),
    )
    return shop.contact_id("old"), shop.contact_id("young")


def test_an_alias_merges_the_younger_contact_into_the_older(shop: Shop) -> None:
    old, young = two_contacts(shop)
    shop.now = NOON + timedelta(minutes=2)
    ingested = shop.post(alias("old", "young"))

    assert shop.contact_id("old") == shop.contact_id("young") == old
    assert set(ingested.contact_ids) == {old, young}
    with shop.database.read() as session:
        assert session.get_one(Contact, young).merged_into == old
        assert set(session.scalars(select(ContactEvent.contact_id))) == {old}


def test_of_two_merged_contacts_the_stricter_consent_stays(shop: Shop) -> None:
    two_contacts(shop)
    shop.post(alias("old", "young"))

    assert shop.consent("old") == "unsubscribed"


def test_a_merged_contacts_traits_carts_and_orders_are_those_of_both(shop: Shop) -> None:
    two_contacts(shop)
    shop.post(alias("young", "old"))

    contact = shop.contact("old")
    assert contact is not None
    assert (contact.first_name, contact.email) == ("Astrid", "a@example.com")
    assert [order[:3] for order in shop.orders("old")] == [("1", "refunded", "5")]
    assert shop.quantities(user="old") == {"p": 1}


def test_what_comes_under_a_merged_name_is_the_others(shop: Shop) -> None:
    two_contacts(shop)
    shop.post(alias("old", "young"))
    shop.post(track("Order Completed", "young", order_id="2"))

    assert [order[0] for order in shop.orders("old")] == ["1", "2"]


def test_an_alias_that_came_first_still_names_whoever_comes(shop: Shop) -> None:
    shop.post(alias("before", "u"))
    shop.post(track("Product Added", "before", product_id="p"))
    shop.post(track("Product Added", None, ANON="before", product_id="p"))

    assert shop.quantities() == {"p": 2}


def test_merges_in_a_chain_lead_to_one_contact(shop: Shop) -> None:
    shop.post(track("A", "1"), track("A", "2"), track("A", "3"))
    shop.post(alias("1", "2"), alias("2", "3"), alias("3", "1"))

    assert shop.contact_id("1") == shop.contact_id("2") == shop.contact_id("3")
    with shop.database.read() as session:
        ends = set(session.scalars(select(Contact.merged_into)))
    assert ends == {None, shop.contact_id("1")}
