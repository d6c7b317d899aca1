"""What offers have brought, by the orders that carried their codes."""

from datetime import timedelta
from decimal import Decimal

import pytest

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.offers.earning import Earned, earned
from tests.unit.ingesting import alias, identify, track
from tests.unit.offering import POOL, Till


@pytest.fixture
def till(database: Database) -> Till:
    return Till(database)


def found(till: Till) -> dict[str, Earned]:
    with till.database.read() as session:
        return earned(session, currency="SEK")


def order(till: Till, number: str, code: str, user: str = "u", **more: object) -> None:
    told = {"order_id": number, "total": 400, "currency": "SEK", "coupon": code} | more
    till.shop.post(track("Order Completed", user, **told))


def test_orders_with_a_code_are_added_up_with_what_was_taken_off(till: Till) -> None:
    till.stock("DORIS-A", "DORIS-B", "DORIS-C")
    for number, code in enumerate(("DORIS-A", "DORIS-B", "DORIS-C")):
        till.claim(f"e-{number}", POOL, user=f"u{number}")
        more = {"discount": "39.50"} if number else {}
        order(till, f"o-{number}", code, f"u{number}", **more)

    assert found(till) == {
        "welcome": Earned(orders=3, revenue=Decimal(1200), cost=Decimal("79.00"), unpriced=1)
    }


def test_refunds_and_other_currencies_bring_nothing(till: Till) -> None:
    till.stock("DORIS-A", "DORIS-B")
    till.claim("e-1", POOL)
    order(till, "o-1", "DORIS-A")
    order(till, "o-2", "DORIS-B", currency="EUR")
    till.shop.post(track("Order Refunded", order_id="o-1"))

    assert found(till) == {}


def test_the_order_of_a_contact_who_was_merged_is_found(till: Till) -> None:
    till.stock("DORIS-A")
    till.shop.post(identify("old"))
    till.shop.now += timedelta(minutes=1)  # the older one stays
    old, young = till.shop.contact_id("old"), till.enroll("e-1", "young")
    till.claim("e-1", POOL, user="young")
    order(till, "o-1", "DORIS-A", "young")
    till.shop.post(alias("young", "old"))
    with till.database.read() as session:
        assert session.get_one(Contact, young).merged_into == old

    assert found(till)["welcome"].orders == 1


def test_what_is_no_amount_was_not_told(till: Till) -> None:
    till.stock("DORIS-A")
    till.claim("e-1", POOL)
    order(till, "o-1", "DORIS-A", discount="NaN")

    assert found(till)["welcome"] == Earned(orders=1, revenue=Decimal(400), unpriced=1)
