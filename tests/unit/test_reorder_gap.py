"""The shop's own reorder gap: from its completed orders, each once, and kept within bounds."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from sekvens.audiences.figures import compute_reorder_gap, keep_reorder_gap
from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.demo.purchases import purchases_file, read_purchases
from sekvens.events.tables import Order
from sekvens.flows.shop_time import ShopTime, shop_time
from sekvens.segments.figures import REORDER_GAP_DEFAULT, reorder_gap
from tests.conftest import NOON

#: The first 39 weeks of CDNOW, for which the p90 was measured by other means: 125 days.
END_OF_CALIBRATION = datetime(1997, 9, 30, tzinfo=UTC)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def orders(database: Database, *ages: Sequence[float], state: str = "completed") -> None:
    """Write down the orders of some more contacts, each given by its age in days."""
    with database.write() as session:
        known = session.query(Contact).count()
        ids = [f"c-{known + number:05}" for number in range(len(ages))]
        session.execute(
            insert(Contact),
            [{"id": ident, "traits": {}, "traits_at": {}, "created_at": NOON, "updated_at": NOON}
             for ident in ids],
        )  # fmt: skip
        rows = [
            {"contact_id": ident, "order_id": str(age), "products": [], "state": state,
             "ordered_at": NOON - days(age), "updated_at": NOON}
            for ident, own in zip(ids, ages, strict=True)
            for age in own
        ]  # fmt: skip
        session.execute(insert(Order), rows)


def computed(database: Database, now: datetime = NOON) -> timedelta | None:
    with database.read() as session:
        return compute_reorder_gap(session, now)


def test_it_is_the_ninth_tenth_of_the_gaps_between_orders(database: Database):
    orders(database, *[[200, 200 - gap] for gap in range(50, 151)])

    assert computed(database) == days(140)


def test_with_fewer_than_a_hundred_gaps_it_is_not_known(database: Database):
    orders(database, *[[200, 100]] * 99, *[[50]] * 99)

    assert computed(database) is None
    orders(database, [200, 100])
    assert computed(database) == days(100)


@pytest.mark.parametrize(("gap", "kept"), [(3, 45), (45, 45), (180, 180), (300, 180)])
def test_it_is_kept_within_bounds(database: Database, gap: int, kept: int):
    orders(database, *[[400, 400 - gap]] * 100)

    assert computed(database) == days(kept)


def test_orders_that_were_refunded_cancelled_or_are_to_come_do_not_count(database: Database):
    orders(database, *[[200, 100]] * 100)
    orders(database, *[[200, 20]] * 200, state="refunded")
    orders(database, *[[200, 20]] * 200, state="cancelled")
    orders(database, *[[150, -10]] * 200)

    assert computed(database) == days(100)


def test_on_real_orders_it_is_what_was_measured(sqlite_database: Database):
    of: dict[str, list[float]] = {}
    for purchase in read_purchases(purchases_file()):
        at = datetime.combine(purchase.day, datetime.min.time(), UTC)
        of.setdefault(purchase.customer_id, []).append((NOON - at) / days(1))
    orders(sqlite_database, *of.values())

    assert computed(sqlite_database, END_OF_CALIBRATION) == days(125)
    assert computed(sqlite_database) == days(180)  # 200, and no shop should wait for so long


def keep(database: Database, now: datetime, clock: ShopTime) -> timedelta | None:
    with database.write() as session:
        return keep_reorder_gap(session, now=now, shop_time=clock)


def test_it_is_worked_out_at_most_once_a_day(database: Database):
    orders(database, *[[200, 100]] * 100)

    assert keep(database, NOON, ShopTime()) == days(100)
    orders(database, *[[200, 150]] * 1000)
    assert keep(database, NOON + timedelta(hours=12), ShopTime()) == days(100)
    assert keep(database, NOON + days(1), ShopTime()) == days(50)
    with database.read() as session:
        assert reorder_gap(session) == days(50)


def test_in_quick_days_a_day_passes_quickly(database: Database):
    quick = shop_time(timedelta(seconds=2), NOON)
    orders(database, *[[200, 100]] * 100)
    keep(database, NOON, quick)
    orders(database, *[[200, 150]] * 1000)

    assert keep(database, NOON + timedelta(seconds=2), quick) == days(50)


def test_until_it_is_known_the_default_stands(database: Database):
    assert keep(database, NOON, ShopTime()) is None
    with database.read() as session:
        assert reorder_gap(session) == REORDER_GAP_DEFAULT
