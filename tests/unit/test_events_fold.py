"""What is folded from events, in whatever order they come."""

import hashlib
import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sekvens.contacts.tables import ConsentChange, Suppression, address_hash
from sekvens.db.session import Database
from sekvens.events.schema import KNOWN_EVENTS
from sekvens.events.tables import ContactEvent, Order, Visit
from tests.unit.ingesting import NOON, Shop, identify, track


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_the_newest_word_of_consent_counts_whenever_it_comes(shop: Shop) -> None:
    shop.post(track("Email Subscribed", ago=5, source="footer", wording="Ja tack"))
    shop.post(track("Unsubscribed", ago=10))

    assert shop.consent() == "subscribed"
    with shop.database.read() as session:
        changes = session.scalars(select(ConsentChange).order_by(ConsentChange.at)).all()
    assert [(change.status, change.source) for change in changes] == [
        ("unsubscribed", "api"),
        ("subscribed", "footer"),
    ]


def test_of_two_words_at_one_instant_the_stricter_counts(shop: Shop) -> None:
    shop.post(track("Unsubscribed", ago=5), track("Email Subscribed", ago=5))

    assert shop.consent() == "unsubscribed"


def test_a_suppressed_contacts_address_is_kept_by_hash(shop: Shop) -> None:
    shop.post(identify(email="a@example.com"), track("Contact Suppressed", reason="complaint"))

    with shop.database.read() as session:
        suppression = session.get(Suppression, address_hash("A@example.com "))
    assert suppression is not None
    assert suppression.reason == "complaint"


def test_an_address_is_suppressed_however_its_domain_was_spelt(shop: Shop) -> None:
    shop.post(identify(email="Elsa@bücher.example"))
    shop.post(track("Contact Suppressed", email="Elsa@BÜCHER.example"))

    contact = shop.contact()
    assert contact is not None
    assert contact.email is not None
    with shop.database.read() as session:
        assert session.get(Suppression, address_hash(contact.email)) is not None


@pytest.mark.parametrize("posted", [7, {"a": 1}, ["a@example.com"], True, " ", None])
def test_a_suppression_without_a_usable_address_is_of_the_contacts_own(
    shop: Shop, posted: object
) -> None:
    shop.post(identify(email="a@example.com"), track("Contact Suppressed", email=posted))

    with shop.database.read() as session:
        assert session.get(Suppression, address_hash("a@example.com")) is not None


def test_a_name_keeps_nothing_that_a_mail_header_may_not_hold(shop: Shop) -> None:
    shop.post(identify(firstName="El\x1b\u202esa\r\nBcc: x", lastName="\x07"))

    contact = shop.contact()
    assert contact is not None
    assert (contact.first_name, contact.last_name) == ("Elsa Bcc: x", None)


def test_traits_are_each_as_new_as_their_newest_word(shop: Shop) -> None:
    shop.post(identify(ago=1, firstName="Astrid", locale="sv_se", shoe_size=38))
    shop.post(identify(ago=9, firstName="A.", email="a@example.com", timezone="Asia/Tokyo"))

    contact = shop.contact()
    assert contact is not None
    assert (contact.first_name, contact.email) == ("Astrid", "a@example.com")
    assert (contact.locale, contact.timezone) == ("sv-SE", "Asia/Tokyo")
    assert contact.traits["shoe_size"] == 38


def test_a_trait_that_cannot_be_used_is_ignored_and_the_rest_is_kept(shop: Shop) -> None:
    shop.post(identify(timezone="Europe/Stockholm", locale="sv"))
    shop.post(identify(timezone="Mars/Olympus", locale="no locale", firstName={"a": 1}, size=3))

    contact = shop.contact()
    assert contact is not None
    assert (contact.timezone, contact.locale) == ("Europe/Stockholm", "sv")
    assert (contact.first_name, contact.traits["size"]) == (None, 3)


def test_an_address_that_ses_would_not_take_leaves_the_contact_without(shop: Shop) -> None:
    shop.post(identify(email="astrid@"))
    without = shop.contact()
    shop.post(identify(email="astrid@example.com"))
    contact = shop.contact()

    assert without is not None
    assert contact is not None
    assert (without.email, without.traits["email_unusable"]) == (None, True)
    assert (contact.email, "email_unusable" in contact.traits) == ("astrid@example.com", False)


def test_a_null_takes_a_trait_away(shop: Shop) -> None:
    shop.post(identify(ago=2, country="SE", size=3))
    shop.post(identify(ago=1, country=None, size=None))

    contact = shop.contact()
    assert contact is not None
    assert (contact.country, contact.traits) == (None, {})


def test_a_page_is_kept_as_a_visit(shop: Shop) -> None:
    page = {"type": "page", "userId": "u", "properties": {"url": "https://s/1", "title": "Socks"}}
    shop.post(page)

    with shop.database.read() as session:
        visit = session.scalars(select(Visit)).one()
    assert (visit.url, visit.title, visit.at) == ("https://s/1", "Socks", NOON)
    assert shop.outbox() == []


def test_a_cart_adds_up_what_is_put_in_and_taken_out(shop: Shop) -> None:
    shop.post(track("Product Added", ago=9, cart_id="k", product_id="a", quantity=2))
    shop.post(track("Product Added", ago=8, cart_id="k", product_id="b", quantity="1"))
    shop.post(track("Product Added", ago=7, cart_id="k", product_id="a"))
    shop.post(track("Product Removed", ago=6, cart_id="k", product_id="a", quantity=1))

    assert shop.quantities("k") == {"a": 2, "b": 1}


def test_variants_of_a_product_are_lines_of_their_own(shop: Shop) -> None:
    shop.post(track("Product Added", ago=9, product_id="a", variant="red"))
    shop.post(track("Product Added", ago=8, product_id="a", variant="blue"))
    shop.post(track("Product Removed", ago=7, product_id="a", variant="red"))

    assert [line["variant"] for line in shop.cart().lines] == ["blue"]


@pytest.mark.parametrize("name", ["Cart Viewed", "Cart Updated", "Checkout Started"])
def test_a_whole_cart_replaces_what_was_added_up(shop: Shop, name: str) -> None:
    shop.post(track("Product Added", ago=9, product_id="a"))
    shop.post(track(name, ago=8, currency="SEK", products=[{"product_id": "b", "quantity": 3}]))

    assert shop.quantities() == {"b": 3}
    assert shop.cart().currency == "SEK"


def test_a_cart_is_emptied_when_its_last_line_goes_and_the_relay_is_told(shop: Shop) -> None:
    shop.post(track("Product Added", ago=9, ID="1", cart_id="k", product_id="a"))
    shop.post(track("Product Removed", ago=8, ID="2", cart_id="k", product_id="a"))
    shop.post(track("Product Removed", ago=7, ID="3", cart_id="k", product_id="a"))

    assert shop.cart("k").lines == []
    assert shop.outbox() == ["1", "2", "2#cart-emptied", "3"]


def test_a_removal_that_overtook_its_addition_empties_the_cart_all_the_same(shop: Shop) -> None:
    shop.post(track("Product Removed", ago=8, ID="2", product_id="a"))
    shop.post(track("Product Added", ago=9, ID="1", product_id="a"))

    assert shop.cart().lines == []
    assert shop.outbox() == ["1", "2", "2#cart-emptied"]


def whole(ID: str, ago: float, **pieces: int) -> dict[str, Any]:  # noqa: N803  as in `track`
    lines = [{"product_id": name, "quantity": number} for name, number in pieces.items()]
    return track("Cart Updated", ago=ago, ID=ID, cart_id="k", currency="SEK", products=lines)


def test_what_a_whole_cart_has_more_of_is_a_product_added(shop: Shop) -> None:
    shop.post(whole("1", 9, a=1))
    shop.post(whole("2", 8, a=1, b=2))
    shop.post(whole("3", 7, a=1, b=1))
    shop.post(whole("4", 6, a=2, b=1), whole("4", 6, a=2, b=1))

    added = [f"{number}#product-added" for number in (1, 2, 4)]
    assert sorted(shop.outbox()) == sorted(["1", "2", "3", "4", *added])
    assert shop.quantities("k") == {"a": 2, "b": 1}


def test_what_is_derived_from_whole_carts_is_not_added_up_again(shop: Shop) -> None:
    shop.post(whole("2", 7, a=3))
    shop.post(whole("1", 9, a=1))
    shop.post(track("Product Added", ago=8, cart_id="k", product_id="b"))

    assert shop.quantities("k") == {"a": 3}
    assert shop.count(ContactEvent) == 5


def test_a_cart_that_single_products_have_filled_has_nothing_added_by_the_whole(
    shop: Shop,
) -> None:
    shop.post(track("Product Added", ago=9, ID="1", cart_id="k", product_id="a"))
    shop.post(whole("2", 8, a=1))

    assert shop.outbox() == ["1", "2"]


def test_an_order_ends_the_cart_and_the_next_product_starts_a_new_one(shop: Shop) -> None:
    shop.post(track("Product Added", ago=9, product_id="a"))
    shop.post(track("Order Completed", ago=8, order_id="1"))
    ordered = shop.cart()
    shop.post(track("Product Added", ago=7, product_id="b"))

    assert (ordered.ordered, len(ordered.lines)) == (True, 1)
    assert (shop.cart().ordered, shop.quantities()) == (False, {"b": 1})


def test_an_order_that_overtook_its_cart_ends_it_all_the_same(shop: Shop) -> None:
    shop.post(track("Order Completed", ago=8, order_id="1"))
    shop.post(track("Product Added", ago=9, product_id="a"))

    assert shop.cart().ordered


def test_the_same_order_twice_is_one_order(shop: Shop) -> None:
    shop.post(track("Order Completed", ago=2, order_id="1", total=129.9, currency="SEK"))
    shop.post(track("Order Completed", ago=1, order_id="1", total="129.90", currency="SEK"))

    at = NOON - timedelta(minutes=2)
    assert shop.orders() == [("1", "completed", "129.90", "SEK", [], at)]


def test_a_late_older_event_never_overwrites_an_orders_newer_state(shop: Shop) -> None:
    shop.post(track("Order Refunded", ago=1, order_id="1"))
    shop.post(track("Order Updated", ago=2, order_id="1", total=80))
    shop.post(track("Order Completed", ago=3, order_id="1", total=100))

    at = NOON - timedelta(minutes=3)
    assert shop.orders() == [("1", "refunded", "80", None, [], at)]


@pytest.mark.parametrize("total", ["a lot", float(10**300), True, [], {}, "1e999999", ""])
def test_an_amount_that_is_none_leaves_the_order_without_a_total(shop: Shop, total: Any) -> None:
    shop.post(track("Order Completed", order_id="1", total=total))

    assert shop.orders()[0][2] is None


def test_an_id_that_no_index_would_take_is_an_id_all_the_same(shop: Shop) -> None:
    long = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(200))
    shop.post(track("Product Added", ago=2, cart_id=long, product_id="p"))
    shop.post(track("Order Completed", ago=1, cart_id=long, order_id=long))
    shop.post(track("Order Refunded", order_id=long))

    assert [order[1] for order in shop.orders()] == ["refunded"]
    assert shop.cart(hashlib.sha256(long.encode()).hexdigest()).ordered


_examples = itertools.count()
AGES = st.integers(0, 4)
HAPPENINGS = st.one_of(
    st.builds(lambda name, ago: (name, ago, {}), st.sampled_from(["Email Subscribed"]), AGES),
    st.builds(lambda name, ago: (name, ago, {}), st.sampled_from(["Unsubscribed"]), AGES),
    st.builds(
        lambda name, ago, order, total: (name, ago, {"order_id": order, "total": total}),
        st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]),
        AGES,
        st.sampled_from(["1", "2"]),
        st.integers(1, 9),
    ),
)


def test_what_a_confirmation_says_of_an_order_is_kept_and_the_newest_word_holds(
    shop: Shop,
) -> None:
    posted = {"tax": 25.8, "shipping": "59", "coupon": " DORIS10 ", "payment_method": "Swish"}
    shop.post(track("Order Completed", ago=2, order_id="1", **posted, discount=[]))
    shop.post(track("Order Updated", ago=1, order_id="1", shipping=0, payment_method=7))
    with shop.database.read() as session:
        order = session.get(Order, (shop.contact_id(), "1"))

    assert order is not None
    assert order.details == {
        "tax": "25.8",
        "shipping": "0",
        "coupon": "DORIS10",
        "payment_method": "Swish",
    }


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), happenings=st.lists(HAPPENINGS, min_size=1, max_size=6))
def test_any_order_of_the_same_events_folds_to_the_same_consent_and_orders(
    sqlite_database: Database, data: st.DataObject, happenings: list[Any]
) -> None:
    shop = Shop(sqlite_database)
    users = [f"u{next(_examples)}" for _ in range(2)]
    shuffled = data.draw(st.permutations(list(enumerate(happenings))))
    for user, order in zip(users, (list(enumerate(happenings)), shuffled), strict=True):
        for position, (name, ago, properties) in order:
            shop.post(track(name, user, ago=ago, ID=f"{position}-{user}", **properties))

    assert shop.consent(users[0]) == shop.consent(users[1])
    assert shop.orders(users[0]) == shop.orders(users[1])


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.just("x" * 9000),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("product_id"), inner),
    max_leaves=4,
)
PROPERTIES = [
    "cart_id",
    "order_id",
    "products",
    "product_id",
    "sku",
    "variant",
    "name",
    "quantity",
    "total",
    "currency",
    "email",
    "reason",
    "source",
    "url",
    "title",
]
TRAITS = ["email", "firstName", "locale", "timezone", "country", "address", "other", "x" * 101]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(KNOWN_EVENTS)),
    properties=st.dictionaries(st.sampled_from(PROPERTIES), ODD),
    traits=st.dictionaries(st.sampled_from(TRAITS), ODD),
)
def test_whatever_an_event_says_it_is_stored_and_folded(
    database: Database, name: str, properties: dict[str, Any], traits: dict[str, Any]
) -> None:
    shop, user = Shop(database), f"u{next(_examples)}"
    event = track(name, user) | {"properties": properties, "traits": traits}
    ingested = shop.post(event, identify(user, **traits), track("Product Added", user))

    assert ingested.accepted + ingested.rejected == 3
