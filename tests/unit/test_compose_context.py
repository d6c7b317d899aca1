"""What is read of a contact for an e-mail, from both databases."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.errors import TemplateError
from sekvens.events.tables import Cart, Order
from sekvens.flows.steps import Purpose
from sekvens.messages.context import Entry, gather
from sekvens.messages.facts import Facts
from sekvens.messages.links import read_unsubscribe_link
from sekvens.messages.needs import needs
from sekvens.messages.templates import read_sources, stored
from sekvens.sections import ApiSettings
from tests.unit.composing import EVERYTHING, NOW, sample_shop

API = ApiSettings(public_url="https://post.shop.example", link_secret="s" * 32)
LINE = {"name": "Tröjan Dellen", "price": "1895", "quantity": 2, "url": "https://shop.example/p/1"}


def arrange(session: Session, *, lines=None, **contact: Any) -> None:
    known = {"first_name": "Astrid", "locale": "sv-SE", "timezone": "Europe/Helsinki", **contact}
    session.add(Contact(id="c-one", email="a@shop.se", created_at=NOW, updated_at=NOW, **known))
    session.flush()
    if lines is not None:
        cart = Cart(contact_id="c-one", cart_id="k-1", currency="EUR", updated_at=NOW, lines=lines)
        session.add(cart)


def gathered(session: Session, **changes: Any) -> Facts:
    asked = {
        "contact_id": "c-one",
        "enrollment_id": "e-one",
        "flow": "cart-abandonment",
        "step_id": "a-small-nudge",
        "purpose": Purpose.MARKETING,
        "entry": Entry(name="cart_id", key="k-1"),
        "needs": EVERYTHING,
        "started_at": NOW - timedelta(days=4),
        "now": NOW,
        "shop": sample_shop(),
        "api": API,
        "message_id": "m-one",
        **changes,
    }
    return gather(session, **asked)


def test_contact_cart_and_orders_are_read_as_plain_values(database: Database):
    with database.write() as session:
        arrange(session, lines=[LINE])
        session.add(
            Order(contact_id="c-one", order_id="o", products=[], state="completed", ordered_at=NOW)
        )
    with database.read() as session:
        facts = gathered(session)

    assert (facts.first_name, facts.timezone, facts.has_ordered) == (
        "Astrid",
        "Europe/Helsinki",
        True,
    )
    assert facts.cart is not None
    assert (facts.cart.cart_id, facts.cart.currency) == ("k-1", "EUR")
    assert [(line.name, str(line.price), line.quantity) for line in facts.cart.lines] == [
        ("Tröjan Dellen", "1895", 2)
    ]


def test_marketing_carries_a_link_to_leave_and_other_mail_does_not(sqlite_database: Database):
    with sqlite_database.write() as session:
        arrange(session)
        marketing = gathered(session)
        other = gathered(session, purpose=Purpose.TRANSACTIONAL)

    assert marketing.unsubscribe_url is not None
    link = read_unsubscribe_link(API, marketing.unsubscribe_url.rpartition("/")[2])
    assert link is not None
    assert (link.contact_id, link.message_id) == ("c-one", "m-one")
    assert other.unsubscribe_url is None


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "   ",
        "A" * 41,
        "Vinn! https://spam.example",
        "www.spam.example",
        "Billigt på spam.se",
        "anna@shop.se",
    ],
)
def test_a_first_name_that_is_none_is_not_used(sqlite_database: Database, name):
    with sqlite_database.write() as session:
        arrange(session, first_name=name)
        facts = gathered(session)

    assert facts.first_name is None


@pytest.mark.parametrize("name", ["Åsa", "Anna  Karin", "O'Neill", "J.P.", "李", "<b>"])
def test_an_unusual_first_name_is_used(sqlite_database: Database, name):
    with sqlite_database.write() as session:
        arrange(session, first_name=name)
        facts = gathered(session)

    assert facts.first_name == " ".join(name.split())


@pytest.mark.parametrize(
    "lines",
    [None, [], ["x", None, {}, {"name": ""}, {"name": 7}, {"name": "  "}]],
    ids=["no cart", "emptied", "nothing usable"],
)
def test_a_cart_with_nothing_in_it_is_no_cart(sqlite_database: Database, lines):
    with sqlite_database.write() as session:
        arrange(session, lines=lines)
        facts = gathered(session)

    assert facts.cart is None


def test_an_entry_without_a_key_has_no_cart(sqlite_database: Database):
    with sqlite_database.write() as session:
        arrange(session, lines=[LINE])
        facts = gathered(session, entry=Entry())

    assert facts.cart is None


def test_a_long_product_name_is_cut(sqlite_database: Database):
    with sqlite_database.write() as session:
        arrange(session, lines=[{**LINE, "name": "Tröja " * 100, "quantity": -3}])
        facts = gathered(session)

    assert facts.cart is not None
    assert len(facts.cart.lines[0].name) == 200
    assert facts.cart.lines[0].quantity == 1


def test_a_contact_who_is_gone_is_an_error_with_a_remedy(sqlite_database: Database):
    with sqlite_database.write() as session:
        arrange(session)
        with pytest.raises(TemplateError, match="contact c-two of enrollment e-one is gone"):
            gathered(session, contact_id="c-two")


def test_an_e_mail_that_asks_carries_the_links_of_its_answers(sqlite_database: Database):
    asks = needs(stored(read_sources("winback/you-signed-up-once")))
    with sqlite_database.write() as session:
        arrange(session)
    with sqlite_database.read() as session:
        facts = gathered(session, needs=asks)

    assert "answers" in asks.blocks
    assert set(facts.answer_urls["still-interested"]) >= {"yes", "no"}


def test_every_e_mail_leads_to_the_preferences_and_only_a_sign_up_to_a_confirmation(
    sqlite_database: Database,
):
    confirms = needs(stored(read_sources("double-opt-in/please-confirm")))
    with sqlite_database.write() as session:
        arrange(session)
    with sqlite_database.read() as session:
        marketing = gathered(session, needs=confirms)
        mail = gathered(session, purpose=Purpose.TRANSACTIONAL, needs=confirms)

    assert all("/p/" in (facts.preferences_url or "") for facts in (marketing, mail))
    assert (marketing.confirm_url, "/confirm/" in (mail.confirm_url or "")) == (None, True)
