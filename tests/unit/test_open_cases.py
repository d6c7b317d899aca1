"""Open cases: what opens them, what settles them, in whatever order it comes."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sekvens.contacts.cases import COUNTS_FOR, REPLY_COUNTS_FOR, open_cases
from sekvens.db.session import Database
from sekvens.events.tables import OpenCase
from tests.unit.ingesting import NOON, Shop, alias, identify, track


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def cases(shop: Shop, user: str = "u", *, later: timedelta = timedelta()) -> tuple[str, ...]:
    with shop.database.read() as session:
        return open_cases(session, [shop.contact_id(user)], now=NOON + later)


@pytest.mark.parametrize(
    ("opening", "kind"),
    [
        ("Order Delayed", "delay"),
        ("Return Started", "return"),
        ("Complaint Opened", "complaint"),
        ("Email Replied", "reply"),
    ],
)
def test_a_case_is_open_from_the_event_that_opens_it(shop: Shop, opening: str, kind: str) -> None:
    shop.post(track(opening, order_id="1"))

    assert cases(shop) == (kind,)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [
        ("Order Delayed", "Order Shipped"),
        ("Order Delayed", "Order Ready for Pickup"),
        ("Order Delayed", "Order Delivered"),
        ("Order Delayed", "Order Cancelled"),
        ("Order Delayed", "Order Refunded"),
        ("Return Started", "Return Completed"),
        ("Return Started", "Order Refunded"),
        ("Return Started", "Order Cancelled"),
        ("Complaint Opened", "Complaint Resolved"),
        ("Email Replied", "Reply Answered"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_what_settles_a_case_closes_it_even_if_it_comes_first(
    shop: Shop, opening: str, closing: str, order: int
) -> None:
    said = [track(opening, ago=2, order_id="1"), track(closing, ago=1, order_id="1")]
    for event in said[::order]:
        shop.post(event)

    assert cases(shop) == ()


def test_an_order_that_is_delayed_again_is_an_open_case_again(shop: Shop) -> None:
    shop.post(track("Order Delayed", ago=3, order_id="1"), track("Order Shipped", ago=2))
    shop.post(track("Order Delayed", ago=1, order_id="1"))

    assert cases(shop) == ("delay",)


def test_settling_one_order_leaves_the_case_of_another(shop: Shop) -> None:
    shop.post(track("Return Started", ago=3, order_id="1"))
    shop.post(track("Return Started", ago=3, order_id="2"), track("Order Delayed", order_id="3"))
    shop.post(track("Return Completed", ago=1, order_id="1"))

    assert cases(shop) == ("delay", "return")


def test_a_complaint_goes_by_its_own_id_rather_than_the_orders(shop: Shop) -> None:
    shop.post(track("Complaint Opened", ago=2, case_id="k", order_id="1"))
    shop.post(track("Complaint Resolved", ago=1, case_id="other", order_id="1"))
    still_open = cases(shop)
    shop.post(track("Complaint Resolved", case_id="k"))

    assert (still_open, cases(shop)) == (("complaint",), ())


def test_a_closing_that_names_nothing_settles_all_of_its_kind(shop: Shop) -> None:
    shop.post(track("Complaint Opened", ago=2), track("Complaint Opened", ago=2, case_id="k"))
    shop.post(track("Complaint Resolved", ago=1))

    assert cases(shop) == ()


def test_an_out_of_office_note_is_no_case(shop: Shop) -> None:
    shop.post(track("Email Replied", case_id="k", automatic=True))

    assert cases(shop) == ()


def test_a_reply_that_nobody_closes_stops_counting_sooner(shop: Shop) -> None:
    shop.post(track("Email Replied", case_id="k"))

    assert cases(shop, later=REPLY_COUNTS_FOR - timedelta(seconds=1)) == ("reply",)
    assert cases(shop, later=REPLY_COUNTS_FOR) == ()


def test_a_case_that_nobody_closes_stops_counting(shop: Shop) -> None:
    shop.post(track("Complaint Opened"))

    assert cases(shop, later=COUNTS_FOR - timedelta(seconds=1)) == ("complaint",)
    assert cases(shop, later=COUNTS_FOR) == ()


def test_most_orders_never_make_a_row(shop: Shop) -> None:
    shop.post(track("Order Shipped", order_id="1"), track("Order Delivered", order_id="1"))

    assert shop.count(OpenCase) == 0


def test_whoever_takes_over_anothers_events_takes_over_their_cases(shop: Shop) -> None:
    shop.post(identify("u"), track("Order Delayed", "v", ago=2, order_id="1"))
    shop.post(track("Return Started", "v", ago=2, order_id="1"))
    shop.post(track("Order Shipped", "u", ago=1, order_id="1"))
    shop.post(alias("v", "u"))

    assert cases(shop) == ("return",)


_examples = itertools.count()
WORDS = st.tuples(
    st.sampled_from(["Order Delayed", "Order Shipped", "Return Started", "Order Refunded"]),
    st.integers(0, 4),
    st.sampled_from([{"order_id": "1"}, {"order_id": "2"}, {}]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), words=st.lists(WORDS, min_size=1, max_size=6))
def test_any_order_of_the_same_events_leaves_the_same_cases(
    sqlite_database: Database, data: st.DataObject, words: list[Any]
) -> None:
    shop = Shop(sqlite_database)
    users = [f"u{next(_examples)}" for _ in range(2)]
    shuffled = data.draw(st.permutations(list(enumerate(words))))
    for user, order in zip(users, (list(enumerate(words)), shuffled), strict=True):
        for position, (name, ago, properties) in order:
            shop.post(track(name, user, ago=ago, ID=f"{position}-{user}", **properties))

    assert rows(shop, users[0]) == rows(shop, users[1])


def rows(shop: Shop, user: str) -> list[tuple[Any, ...]]:
    query = select(OpenCase).where(OpenCase.contact_id == shop.contact_id(user))
    with shop.database.read() as session:
        found = session.scalars(query.order_by(OpenCase.kind, OpenCase.key)).all()
    own = "unnamed"
    return sorted(
        (
            row.kind,
            row.key if len(row.key) == 1 else own,
            row.opened_at,
            row.closed_at is None or row.closed_at < row.opened_at,
        )
        for row in found
    )
