"""What offers cost and bring: as orders say it, or as the offer gives it; what nobody knows."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from sekvens.db.session import Database
from sekvens.offers.costs import Came, came_to
from sekvens.shop import Offer
from tests.unit.ingesting import NOON, alias, identify, track
from tests.unit.offering import Till

PERCENT = Offer(days=7, percent=20, code="TJUGO")
AMOUNT = Offer(days=7, amount=Decimal(50), code="FEMTIO")
FREIGHT = Offer(days=7, free_shipping=True, code="FRAKT")
OFFERS = {"percent": PERCENT, "amount": AMOUNT, "freight": FREIGHT}


def till(database: Database) -> Till:
    till = Till(database)
    for name, offer in OFFERS.items():
        till.claim(f"e-{name}", offer, name=name)
    return till


def ordered(till: Till, coupon: Any, order_id: str = "o-1", user: str = "u", **more: Any) -> None:
    given = {"total": "400", "currency": "SEK"} | more
    till.shop.post(track("Order Completed", user, order_id=order_id, coupons=coupon, **given))


def cost(till: Till, **offers: Offer) -> dict[str, Came]:
    since, until = NOON - timedelta(days=1), NOON + timedelta(days=1)
    with till.database.read() as session:
        return came_to(session, offers or OFFERS, since=since, until=until, currency="SEK")


def test_what_an_order_says_was_taken_off_is_what_it_cost(database: Database):
    shop = till(database)
    ordered(shop, ["TJUGO"], discount="-90.50")

    assert cost(shop) == {"percent": Came(redeemed=1, revenue=Decimal(400), cost=Decimal("90.50"))}


def test_where_no_order_says_it_the_offer_does(database: Database):
    shop = till(database)
    ordered(shop, ["TJUGO"])
    ordered(shop, ["FEMTIO"], "o-2")

    assert cost(shop) == {
        "percent": Came(redeemed=1, revenue=Decimal(400), cost=Decimal(100)),
        "amount": Came(redeemed=1, revenue=Decimal(400), cost=Decimal(50)),
    }


def test_two_codes_in_an_order_share_what_was_taken_off(sqlite_database: Database):
    shop = till(sqlite_database)
    ordered(shop, ["TJUGO", "FEMTIO"], discount="130")

    found = cost(shop)
    assert {name: each.cost for name, each in found.items()} == {"percent": 65, "amount": 65}


def test_free_shipping_foreign_money_and_offers_that_are_gone_cost_nobody_knows_what(
    sqlite_database: Database,
):
    shop = till(sqlite_database)
    ordered(shop, ["FRAKT"])
    ordered(shop, ["TJUGO"], "o-2", currency="EUR", discount="10")

    unknown = Came(redeemed=1, unknown=1)
    assert cost(shop) == {"freight": replace(unknown, revenue=Decimal(400)), "percent": unknown}
    assert sum(cost(shop, other=AMOUNT).values(), Came()).unknown == 2


def test_an_order_that_was_refunded_cost_nothing(database: Database):
    shop = till(database)
    ordered(shop, ["FEMTIO"])
    shop.shop.post(track("Order Refunded", order_id="o-1"))

    assert cost(shop) == {}


def test_what_was_redeemed_before_or_after_is_left_out(sqlite_database: Database):
    shop = till(sqlite_database)
    ordered(shop, ["FEMTIO"])
    with sqlite_database.read() as session:
        after = came_to(session, OFFERS, since=NOON + timedelta(minutes=1),
                        until=NOON + timedelta(days=1), currency="SEK")  # fmt: skip
        before = came_to(
            session, OFFERS, since=NOON - timedelta(days=1), until=NOON, currency="SEK"
        )

    assert (after, before) == ({}, {})


def test_who_was_merged_has_used_the_code_all_the_same(database: Database):
    shop = Till(database)
    shop.shop.post(identify("old"), identify("young"))
    shop.award(AMOUNT, user="young")
    ordered(shop, ["FEMTIO"], user="young")
    shop.shop.post(alias("old", "young"))

    assert cost(shop, welcome=AMOUNT) == {
        "welcome": Came(redeemed=1, revenue=Decimal(400), cost=Decimal(50))
    }


def test_what_a_gift_costs_the_shop_is_known_where_the_settings_say_it(sqlite_database: Database):
    shop = till(sqlite_database)
    ordered(shop, ["FRAKT"])
    ordered(shop, ["FEMTIO"], "o-2")
    offers = {
        name: msgspec.structs.replace(offer, cost=Decimal(39)) for name, offer in OFFERS.items()
    }

    assert {name: each.cost for name, each in cost(shop, **offers).items()} == {
        "freight": 39, "amount": 89,
    }  # fmt: skip


def test_what_is_no_amount_was_not_told(database: Database):
    shop = till(database)
    ordered(shop, ["FRAKT"], discount="NaN")

    assert cost(shop)["freight"].unknown == 1


def test_all_that_an_offer_ever_came_to_is_added_up(database: Database):
    shop = till(database)
    for number, more in enumerate(({"discount": "10"}, {"discount": "20"}, {})):
        ordered(shop, ["FEMTIO"], f"o-{number}", **more)
    with database.read() as session:
        found = came_to(session, OFFERS, currency="SEK")

    assert found == {"amount": Came(redeemed=3, revenue=Decimal(1200), cost=Decimal(80))}
