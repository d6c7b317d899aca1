"""The demo's story: invented around purchases that are real, and the same each time."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from sekvens.demo.calls import Call
from sekvens.demo.cast import Buyer, Role, choose_cast
from sekvens.demo.orders import KRONOR_A_DOLLAR
from sekvens.demo.people import invent_people
from sekvens.demo.products import read_products
from sekvens.demo.purchases import Purchase, purchases_file, read_purchases
from sekvens.demo.settings import DRY_OFFER, write_settings
from sekvens.demo.shelf import (
    BACK_ON,
    CHEAPER,
    CHEAPER_ON,
    PRICE,
    SCARCE,
    SOLD_OUT_ON,
    Shelf,
    as_on,
)
from sekvens.demo.staffing import CODES
from sekvens.demo.story import tell
from sekvens.events.schema import KNOWN_EVENTS
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.conditions import EventPattern
from sekvens.products.feeds.item import FeedItem
from sekvens.send_time.dates import next_return
from sekvens.settings import load_settings
from tests.unit.test_demo_services import site

API = "http://127.0.0.1:8080"
#: What no shop posts: we record it when the demo's shelf changes, for who waits.
NEWS = {"Product Back In Stock", "Product Price Dropped"}
OPENS_AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def purchases() -> list[Purchase]:
    return read_purchases(purchases_file())


@pytest.fixture(scope="module")
def cast(purchases) -> list[Buyer]:
    return choose_cast(purchases)


@pytest.fixture(scope="module")
def story(cast) -> list[Call]:
    return tell(cast, read_products(API), opens_at=OPENS_AT)


def orders(story: list[Call]) -> list[Call]:
    return [call for call in story if call.event == "Order Completed"]


def test_the_purchase_lines_of_one_day_are_one_purchase(tmp_path):
    file = tmp_path / "lines.txt"
    file.write_text(" heading\r\n 00002 19970112  1   12.00\r\n 00002 19970112  5   77.00\r\n")

    (purchase,) = read_purchases(file)

    assert (purchase.quantity, purchase.dollars) == (6, Decimal("89.00"))


def test_the_same_purchases_give_the_same_story(cast, story):
    assert tell(cast, read_products(API), opens_at=OPENS_AT) == story


def test_eighty_buyers_some_with_a_past_and_a_few_who_never_bought(cast):
    roles = Counter(buyer.role for buyer in cast)
    never = {Role.SILENT, Role.LOOKER}

    assert sum(roles.values()) - roles[Role.SILENT] - roles[Role.LOOKER] == 80
    assert min(roles.values()) >= 2
    assert all(bool(buyer.purchases) != (buyer.role in never) for buyer in cast)


def test_somebody_new_comes_for_three_minutes_of_a_demo(cast):
    firsts = sorted(buyer.days[0] for buyer in cast if buyer.role is Role.NEWCOMER)
    gaps = [later - day for day, later in pairwise(firsts)]

    assert firsts[-1] >= 80
    assert max(gaps) <= 4


def test_lookers_fill_a_cart_never_buy_and_are_told_apart_by_whether_they_look_again(cast, story):
    lookers = {buyer.user_id for buyer in cast if buyer.role is Role.LOOKER}
    did = {who: [c.event for c in story if c.user_id == who] for who in lookers}

    assert all("Product Added" in events for events in did.values())
    assert not any(
        "Order Completed" in events or "Checkout Started" in events for events in did.values()
    )
    assert 1 <= sum("Cart Viewed" in events for events in did.values()) <= 3


def test_every_order_is_a_real_purchase_and_the_days_between_two_are_real(cast, story):
    told = {
        (call.user_id, call.day // 1, Decimal(str(call.data["total"]))) for call in orders(story)
    }

    bought = {
        (buyer.user_id, day, purchase.dollars * KRONOR_A_DOLLAR)
        for buyer in cast
        for purchase, day in zip(buyer.purchases, buyer.days, strict=True)
    }
    gaps = {b - a for buyer in cast for a, b in zip(buyer.days, buyer.days[1:], strict=False)}
    assert told == bought
    assert gaps == {
        (b.day - a.day).days
        for buyer in cast
        for a, b in zip(buyer.purchases, buyer.purchases[1:], strict=False)
    }


def test_somebody_does_what_starts_each_flow_within_the_first_month(story):
    early = [call for call in story if 0 <= call.day < 30]

    for flow in CATALOGUE:
        if isinstance(flow.trigger, EventPattern) and flow.trigger.name not in NEWS:
            assert any(
                flow.is_triggered_by(call.event or call.type, call.data) for call in early
            ), flow.name


def test_whom_we_have_not_seen_for_long_does_nothing_before_the_winback(cast, story):
    lapsed = {buyer.user_id for buyer in cast if buyer.role is Role.LAPSED}
    shopping = {"Order Completed", "Product Viewed", "page"}

    assert not any(
        -185 < call.day < 2 and call.user_id in lapsed and call.event in shopping for call in story
    )


def test_what_is_long_past_is_told_before_the_consent_that_lets_a_scan_find_them(cast, story):
    known = {b.user_id for b in cast if b.role not in (Role.NEWCOMER, Role.LOOKER)}
    told = [call for call in story if call.user_id in known and call.day < 0]
    consents = [call.event == "Email Subscribed" for call in told]

    assert consents == sorted(consents)
    assert max(c.due for c in told if c.event == "Order Completed") < told[-1].due


def test_the_silent_have_had_e_mails_for_long_and_gave_no_sign_of_life(cast, story):
    for buyer in (buyer for buyer in cast if buyer.role is Role.SILENT):
        past = [call for call in story if call.user_id == buyer.user_id and call.day < 0]

        assert Counter(call.event for call in past)["Email Delivered"] >= 5
        assert {call.event for call in past if call.day > -180} == {"Email Delivered"}


def test_what_becomes_of_an_order_comes_after_it_and_in_believable_order(story):
    steps = ("Order Completed", "Order Shipped", "Order Delivered", "Order Refunded")
    days = {}
    for call in story:
        if call.event in steps and call.day >= 0:
            days.setdefault(call.data["order_id"], []).append(steps.index(call.event))

    assert len(days) > 50
    assert all(told == sorted(told) for told in days.values())


def test_every_outcome_of_an_order_is_in_it_and_bad_ones_are_few(story):
    told = Counter(call.event for call in story if call.day >= 0)

    for event in ("Order Delayed", "Return Started", "Complaint Opened", "Order Refunded"):
        assert 0 < told[event] <= 0.2 * told["Order Completed"], event
    assert told["Return Started"] > told["Return Completed"]  # some are never finished


def test_birthdays_come_within_days_of_our_hearing_of_them(story):
    known = [call for call in story if call.data.get("birthday")]

    assert len(known) >= 10
    for call in known:
        heard = OPENS_AT + timedelta(days=max(0.0, call.day))
        comes = next_return(call.data["birthday"], not_before=heard.date())
        assert comes is not None
        assert comes - heard.date() < timedelta(days=30)


def test_a_cart_is_filled_before_it_is_ordered(story):
    filled = {}
    for call in story:
        if call.event == "Product Added":
            filled.setdefault(call.data["cart_id"], call.day)

    assert all(filled[call.data["cart_id"]] < call.day for call in orders(story) if call.day >= 0)


def test_the_first_sign_up_comes_at_once(story):
    days = [call.day for call in story if call.event == "Email Subscribed" and call.day >= 0]

    assert days[0] < 0.1


def test_everybody_is_known_before_they_fill_a_cart_or_order(story):
    known = set()
    for call in story:
        if call.type == "identify":
            known.add(call.user_id)
        assert call.user_id is None or call.user_id in known


def test_within_the_first_days_somebody_orders_leaves_a_cart_and_unsubscribes(story):
    early = [call for call in story if 0 <= call.day < 14]

    ordered = {call.data["cart_id"] for call in orders(early)}
    left = {c.data["cart_id"] for c in early if c.event == "Product Added"} - ordered
    assert ordered
    assert left
    assert any(call.event == "Unsubscribed" for call in early)


def test_some_more_who_want_e_mails_have_a_birthday_than_there_are_codes(story):
    subscribed = {call.user_id for call in story if call.event == "Email Subscribed"}
    left = {call.user_id for call in story if call.event == "Unsubscribed"}
    known = {call.user_id for call in story if call.data.get("birthday")}

    assert len(known & subscribed - left) >= CODES + 3


def test_in_the_story_the_codes_of_birthdays_are_those_of_a_pool(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = write_settings(site(data=tmp_path), {}, with_story=True)

    assert load_settings(told).shop.offers[DRY_OFFER].pool


def test_only_events_that_sekvens_knows_are_told(story):
    assert {call.event for call in story if call.event} <= KNOWN_EVENTS


def test_nobody_in_the_demo_can_be_reached():
    people = invent_people()

    assert len({person.email for person in people}) == 99
    assert all(person.email.endswith("@example.com") for person in people)


def test_the_shelf_changes_on_its_days_and_is_brought_once_for_each():
    brought: list[float] = []
    shelf = Shelf(opened_at=OPENS_AT, bring=brought.append)

    for hours in range(0, 24 * 12, 6):
        shelf.tend(OPENS_AT + timedelta(hours=hours))

    assert brought == [SOLD_OUT_ON, BACK_ON, CHEAPER_ON]


def test_somebody_waits_for_each_change_of_the_shelf(story):
    asked = [c for c in story if c.event == "Back In Stock Requested"]
    looked = [c for c in story if c.event == "Product Viewed" and c.data["product_id"] == CHEAPER]

    assert {c.data["product_id"] for c in asked} == {SCARCE}
    assert all(SOLD_OUT_ON < c.day < BACK_ON for c in asked)
    assert any(0 <= c.day < CHEAPER_ON for c in looked)


def test_what_sells_out_is_back_and_what_costs_less_goes_on_costing_less():
    item = FeedItem(line=1, product_id=SCARCE, title="t", price=Decimal(1495), stock=6)
    scarf = replace(item, product_id=CHEAPER)

    assert [as_on(item, day).in_stock for day in (2.9, 3.0, 5.9, 6.0)] == [True, False, False, True]
    assert [as_on(scarf, day).price for day in (8.9, 9.0, 50.0)] == [1495, PRICE, PRICE]
