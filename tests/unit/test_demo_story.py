"""The demo's story: invented around purchases that are real, and the same each time."""

from decimal import Decimal

import pytest

from sekvens.demo.people import invent_people
from sekvens.demo.products import read_products
from sekvens.demo.purchases import Purchase, purchases_file, read_purchases
from sekvens.demo.story import STARTS_ON, Call, Customer, choose_cast, tell
from sekvens.events.schema import KNOWN_EVENTS

API = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    return read_purchases(purchases_file())


@pytest.fixture(scope="module")
def cast(purchases) -> list[Customer]:
    return choose_cast(purchases)


@pytest.fixture(scope="module")
def story(cast) -> list[Call]:
    return tell(cast, read_products(API))


def orders(story: list[Call]) -> list[Call]:
    return [call for call in story if call.event == "Order Completed"]


def test_the_purchase_lines_of_one_day_are_one_purchase(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text(" heading\r\n 00002 19970112  1   12.00\r\n 00002 19970112  5   77.00\r\n")

    (purchase,) = read_purchases(file)

    assert (purchase.quantity, purchase.dollars) == (6, Decimal("89.00"))


def test_the_same_purchases_give_the_same_story(cast, story):
    assert tell(cast, read_products(API)) == story


def test_fifty_customers_some_of_whom_came_back(cast):
    returned = sum(len(customer.purchases) > 1 for customer in cast)

    assert len(cast) == 50
    assert returned == 25


def test_every_order_is_a_real_purchase_on_its_day_and_for_its_dollars(cast, story):
    told = {
        (call.user_id, int(call.day), Decimal(str(call.data["total"]))) for call in orders(story)
    }

    bought = {
        (customer.user_id, (purchase.day - STARTS_ON).days, purchase.dollars)
        for customer in cast
        for purchase in customer.purchases
    }
    assert told == bought


def test_a_cart_is_filled_before_it_is_ordered(story):
    filled = {}
    for call in story:
        if call.event == "Product Added":
            filled.setdefault(call.data["cart_id"], call.day)

    assert all(filled[call.data["cart_id"]] < call.day for call in orders(story))


def test_the_first_call_comes_at_once_and_the_first_sign_up_with_it(story):
    sign_up = next(call for call in story if call.event == "Email Subscribed")

    assert story[0].day == 0
    assert sign_up.day < 0.1


def test_everybody_is_known_before_they_fill_a_cart_or_order(story):
    known = set()
    for call in story:
        if call.type == "identify":
            known.add(call.user_id)
        assert call.user_id is None or call.user_id in known


def test_within_the_first_days_somebody_orders_leaves_a_cart_and_unsubscribes(story):
    early = [call for call in story if call.day < 14]

    ordered = {call.data["cart_id"] for call in orders(early)}
    left = {c.data["cart_id"] for c in early if c.event == "Product Added"} - ordered
    assert ordered
    assert left
    assert any(call.event == "Unsubscribed" for call in early)


def test_only_events_that_sekvens_knows_are_told(story):
    assert {call.event for call in story if call.event} <= KNOWN_EVENTS


def test_nobody_in_the_demo_can_be_reached():
    people = invent_people()

    assert len({person.email for person in people}) == 50
    assert all(person.email.endswith("@example.com") for person in people)
