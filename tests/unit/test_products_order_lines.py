"""The lines of orders, folded with them in whatever order events come."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from sekvens.db.session import Database
from sekvens.products import order_lines
from sekvens.products.tables import OrderLine
from tests.unit.ingesting import Shop, alias, track


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def lines(shop: Shop, user: str = "u") -> list[tuple[str, str, int, str]]:
    with shop.database.read() as session:
        rows = session.scalars(
            select(OrderLine)
            .where(OrderLine.contact_id == shop.contact_id(user))
            .order_by(OrderLine.order_id, OrderLine.product_id)
        )
        return [(row.order_id, row.product_id, row.quantity, row.state) for row in rows]


def bought(*product_ids: str) -> list[dict[str, Any]]:
    return [{"product_id": product_id} for product_id in product_ids]


def test_the_pieces_of_a_product_in_one_order_are_one_line(shop: Shop) -> None:
    products = [{"product_id": "a", "quantity": 2}, {"product_id": "a"}, {"sku": 7}, "x", {}]
    shop.post(track("Order Completed", order_id="1", products=products))

    assert lines(shop) == [("1", "7", 1, "completed"), ("1", "a", 3, "completed")]


def test_an_order_that_changes_has_the_lines_of_its_newest_word(shop: Shop) -> None:
    shop.post(track("Order Completed", ago=3, order_id="1", products=bought("a", "b")))
    shop.post(track("Order Updated", ago=1, order_id="1", products=bought("c")))
    shop.post(track("Order Updated", ago=2, order_id="1", products=bought("d")))

    assert lines(shop) == [("1", "c", 1, "completed")]


def test_a_refunded_order_keeps_its_lines_and_says_so(shop: Shop) -> None:
    shop.post(track("Order Completed", ago=3, order_id="1", products=bought("a")))
    shop.post(track("Order Refunded", ago=2, order_id="1"))

    assert lines(shop) == [("1", "a", 1, "refunded")]


def test_orders_of_two_contacts_under_one_number_do_not_touch(shop: Shop) -> None:
    shop.post(track("Order Completed", "u", ago=3, order_id="1", products=bought("a")))
    shop.post(track("Order Completed", "v", ago=2, order_id="1", products=bought("b")))
    shop.post(track("Order Updated", "v", ago=1, order_id="1", products=bought("c")))

    assert lines(shop, "u") == [("1", "a", 1, "completed")]
    assert lines(shop, "v") == [("1", "c", 1, "completed")]


def test_a_merged_contacts_lines_are_the_others_now(shop: Shop) -> None:
    shop.post(track("Order Completed", "u", order_id="1", products=bought("a")))
    shop.post(track("Order Completed", "v", order_id="2", products=bought("b")))
    shop.post(alias("v", "u"))

    assert [line[:2] for line in lines(shop)] == [("1", "a"), ("2", "b")]
    assert shop.count(OrderLine) == 2


def test_the_lines_of_orders_from_before_an_upgrade_can_be_written(shop: Shop) -> None:
    shop.post(track("Order Completed", order_id="1", products=bought("a")))
    with shop.database.write() as session:
        session.execute(delete(OrderLine))
        written = order_lines.write_all(session)

    assert (written, len(lines(shop))) == (1, 1)


_examples = itertools.count()
HAPPENINGS = st.tuples(
    st.sampled_from(["Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"]),
    st.integers(0, 3),
    st.sampled_from(["1", "2"]),
    st.lists(st.sampled_from("abc"), max_size=3),
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), happenings=st.lists(HAPPENINGS, min_size=1, max_size=5))
def test_any_order_of_the_same_events_folds_to_the_same_lines(
    sqlite_database: Database, data: st.DataObject, happenings: Sequence[Any]
) -> None:
    shop = Shop(sqlite_database)
    users = [f"u{next(_examples)}" for _ in range(2)]
    shuffled = data.draw(st.permutations(list(enumerate(happenings))))
    for user, order in zip(users, (list(enumerate(happenings)), shuffled), strict=True):
        for position, (name, ago, order_id, products) in order:
            more = {"order_id": order_id, "products": bought(*products)}
            shop.post(track(name, user, ago=ago, ID=f"{position}-{user}", **more))

    assert lines(shop, users[0]) == lines(shop, users[1])
