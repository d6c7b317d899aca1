"""Questions about products: bestsellers, what is new, what goes with what, drops and prices."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sekvens.db.session import Database
from sekvens.products import picks
from sekvens.products.facts import ProductFacts
from sekvens.products.queries import (
    bestsellers,
    drops,
    lowest_price_30_days,
    products_by_id,
    related,
)
from sekvens.products.tables import Product, ProductPrice, ProductVariant
from tests.unit.ingesting import NOON, Shop, track

DAY = timedelta(days=1)
_orders = itertools.count()


@pytest.fixture
def shop(database: Database) -> Shop:
    """A shop with the products a to e; e is sold out."""
    with database.write() as session:
        for product_id in "abcde":
            session.add(
                Product(
                    id=product_id,
                    titles={"sv": product_id.upper()},
                    locale="sv",
                    price="80",
                    regular_price="100" if product_id == "a" else None,
                    currency="SEK",
                    in_stock=product_id != "e",
                    first_seen_on=NOON - 99 * DAY,
                )
            )
    return Shop(database)


def order(shop: Shop, user: str, *product_ids: str, days_ago: float = 0, **more: Any) -> str:
    order_id = more.pop("order_id", None) or f"o{next(_orders)}"
    products = [{"product_id": product_id} for product_id in product_ids]
    event = more.pop("event", "Order Completed")
    ago = days_ago * 24 * 60
    shop.post(track(event, user, ago=ago, order_id=order_id, products=products))
    return order_id


def ids(found: tuple[ProductFacts, ...]) -> str:
    return "".join(facts.product_id for facts in found)


def selling(shop: Shop, **more: Any) -> str:
    with shop.database.read() as session:
        return ids(bestsellers(session, **({"limit": 9, "since": NOON - 30 * DAY} | more)))


def going_with(shop: Shop, *product_ids: str, **more: Any) -> str:
    with shop.database.read() as session:
        return ids(related(session, to=product_ids, **({"limit": 9} | more)))


def test_bestsellers_are_what_most_orders_contain(shop: Shop) -> None:
    order(shop, "u", "a", "b", "e")
    order(shop, "v", "b", "e", "unknown")
    order(shop, "w", "c", "c", "c", days_ago=40)

    assert selling(shop) == "ba"
    assert (selling(shop, exclude=["b"]), selling(shop, limit=1)) == ("a", "b")


def test_an_order_that_was_refunded_or_cancelled_sells_nothing(shop: Shop) -> None:
    refunded, cancelled = order(shop, "u", "a", days_ago=2), order(shop, "v", "b", days_ago=2)
    order(shop, "u", event="Order Refunded", order_id=refunded)
    order(shop, "v", event="Order Cancelled", order_id=cancelled)
    order(shop, "w", "c")

    assert selling(shop) == "c"


def test_the_sizes_of_a_product_sell_together(shop: Shop) -> None:
    with shop.database.write() as session:
        session.add_all(ProductVariant(id=f"a-{size}", product_id="a") for size in "sm")
    order(shop, "u", "a-s", "b")
    order(shop, "v", "a-m")

    assert selling(shop) == "ab"
    assert (selling(shop, exclude=["a-m"]), going_with(shop, "a-m")) == ("b", "b")


def test_related_products_were_bought_together_first_in_one_order(shop: Shop) -> None:
    order(shop, "u", "a", "b", "e")
    order(shop, "v", "a")
    order(shop, "v", "c")

    assert going_with(shop, "a") == "bc"
    assert going_with(shop, "a", exclude=["b"]) == "c"
    assert going_with(shop, "d") == ""


def test_a_hand_picked_pairing_goes_ahead_whichever_way_it_was_made(shop: Shop) -> None:
    order(shop, "u", "a", "b")
    with shop.database.write() as session:
        made = [picks.pair(session, *pair, now=NOON) for pair in (("c", "a"), ("a", "c"))]
        picks.pair(session, "a", "e", now=NOON)

    assert made == [True, False]
    assert (going_with(shop, "a"), going_with(shop, "c"), going_with(shop, "a", limit=1)) == (
        ("cb", "a", "c")
    )


def test_a_pairing_that_was_taken_back_is_gone(shop: Shop) -> None:
    with shop.database.write() as session:
        picks.pair(session, "a", "c", now=NOON)
        gone = [picks.unpair(session, "c", "a") for _ in range(2)]

    assert gone == [True, False]
    assert going_with(shop, "a") == ""


@pytest.mark.parametrize("pair", [("a", "unknown"), ("a", "a")])
def test_only_two_products_that_are_known_can_be_paired(shop: Shop, pair: tuple[str, str]) -> None:
    with pytest.raises(picks.UnknownProduct), shop.database.write() as session:
        picks.pair(session, *pair, now=NOON)


def drop(shop: Shop, opens_on: datetime, **more: Any) -> str:
    with shop.database.write() as session:
        return picks.add_drop(session, opens_on=opens_on, **more)


def test_drops_are_those_still_to_come_the_next_one_first(shop: Shop) -> None:
    drop(shop, NOON + 2 * DAY, titles={"sv": "Julgarn"}, url="https://s.example/jul")
    drop(shop, NOON + DAY, product_id="a", texts={"sv": "Bara tolv."})
    drop(shop, NOON - DAY, product_id="b")

    with shop.database.read() as session:
        found = drops(session, now=NOON, limit=9)
    assert [(one.title["sv"], one.product_id) for one in found] == [("A", "a"), ("Julgarn", None)]
    assert found[0].text == {"sv": "Bara tolv."}


def test_what_has_just_dropped_stands_between_the_picked_and_the_bought(shop: Shop) -> None:
    order(shop, "u", "a", "b")
    drop(shop, NOON - DAY, product_id="c")
    with shop.database.write() as session:
        picks.pair(session, "a", "d", now=NOON)

    assert (going_with(shop, "a", now=NOON), going_with(shop, "a")) == ("dcb", "db")
    assert going_with(shop, "a", now=NOON + 30 * DAY) == "db"


@pytest.mark.parametrize(
    "more",
    [
        {"titles": {"sv": "Julgarn"}},
        {"url": "https://s.example"},
        {"product_id": "a", "early_access_on": NOON + DAY},
    ],
)
def test_a_drop_that_says_too_little_is_refused(shop: Shop, more: dict[str, Any]) -> None:
    with pytest.raises(picks.NotADrop):
        drop(shop, NOON + DAY, **more)


def test_a_reduced_price_stands_beside_the_lowest_until_the_reduction_ends(shop: Shop) -> None:
    with shop.database.write() as session:
        for days, price, regular in ((60, "100", None), (20, "90", None), (10, "80", "100")):
            at = NOON - days * DAY
            session.add(ProductPrice(product_id="a", price=price, regular_price=regular, at=at))
        session.get_one(Product, "a").reduced_until = NOON + DAY

    with shop.database.read() as session:
        now = products_by_id(session, ["a"], now=NOON)["a"]
        after = products_by_id(session, ["a"], now=NOON + DAY)["a"]
        lowest = lowest_price_30_days(session, "a", now=NOON)
    assert (now.price, now.was_price, now.lowest_price_30_days) == (80, 100, 90)
    assert (after.price, after.was_price, after.lowest_price_30_days) == (100, None, None)
    assert lowest == Decimal(90)


def test_a_product_without_a_history_is_not_called_reduced(shop: Shop) -> None:
    with shop.database.read() as session:
        facts = products_by_id(session, ["a"])["a"]

    assert (facts.price, facts.was_price, facts.lowest_price_30_days) == (80, None, None)
