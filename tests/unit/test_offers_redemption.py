"""What orders say about codes: which were used, by whom, and who has referred whom."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.events.parse import IncomingEvent
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.events.writer import GroupCommitWriter
from sekvens.flows.shop_time import ShopTime
from sekvens.offers.redemption import codes_in
from sekvens.offers.referral import referral_code
from sekvens.offers.tables import OfferClaim, OfferCode, Redemption, Referral
from sekvens.shop import Offer, Referrals, Shop
from tests.unit.composing import sample_shop
from tests.unit.ingesting import NOON, alias, identify, track
from tests.unit.offering import POOL, SHARED, Till

FRIEND = Offer(days=365, percent=15)
THANKS = Offer(days=90, amount=100, pattern="TACK-{6}")  # type: ignore[arg-type]
REFERRALS = Referrals(friend="friend", referrer="thanks", pattern="VAN-{6}")


def shop(thanks: Offer = THANKS) -> Shop:
    offers = {"friend": FRIEND, "thanks": thanks}
    return msgspec.structs.replace(sample_shop(), offers=offers, referral=REFERRALS)


@pytest.fixture
def till(database: Database) -> Till:
    till = Till(database)
    till.shop.brand = shop()
    return till


def ordered(till: Till, user: str = "u", order_id: str = "o-1", **more: Any) -> None:
    till.shop.post(track("Order Completed", user, order_id=order_id, **more))


def redemptions(till: Till) -> list[tuple[str, str, str]]:
    with till.database.read() as session:
        rows = session.scalars(select(Redemption).order_by(Redemption.order_id, Redemption.key))
        return [(row.order_id, row.offer, row.contact_id) for row in rows]


def own_code(till: Till, user: str) -> str:
    if till.shop.contact(user) is None:
        till.shop.post(identify(user))
    with till.database.write() as session:
        contact_id = till.shop.contact_id(user)
        code = referral_code(session, contact_id=contact_id, now=NOON, shop=shop())
    assert code is not None
    return code


@pytest.mark.parametrize(
    "posted",
    [
        {"coupon": " doris-7 "},
        {"coupon": ["DORIS-7"]},
        {"coupons": ["OTHER", "DORIS-7"]},
        {"discount_codes": [{"code": "Doris-7", "amount": "10.00", "type": "percentage"}]},
    ],
)
def test_a_code_is_recognised_however_the_checkout_posts_it(
    till: Till, posted: dict[str, Any]
) -> None:
    till.stock("DORIS-7")
    till.claim("e-1", POOL)
    ordered(till, **posted)

    assert redemptions(till) == [("o-1", "welcome", till.shop.contact_id("u"))]
    assert till.claim("e-1", POOL).is_redeemed


def test_what_no_checkout_would_post_is_no_code() -> None:
    odd = {"coupon": {"code": 7}, "coupons": [None, "", "x" * 51, "A B"], "discount_codes": "A1"}

    assert codes_in(odd) == ["A1"]


def test_an_order_redeems_a_code_once_whatever_is_said_of_it_later(till: Till) -> None:
    till.stock("ONE")
    till.claim("e-1", POOL)
    ordered(till, coupon="ONE")
    till.shop.post(track("Order Updated", order_id="o-1", coupon="ONE", coupons=["one"]))
    till.shop.post(track("Order Refunded", order_id="o-1", coupon="ONE"))

    assert len(redemptions(till)) == 1
    assert till.claim("e-1", POOL).is_redeemed


def test_a_redeemed_code_is_not_offered_again(till: Till) -> None:
    till.stock("ONE", "TWO")
    till.claim("e-1", POOL)
    ordered(till, coupon="ONE")

    assert till.claim("e-2", POOL).code == "TWO"


def test_a_code_that_somebody_else_used_is_used_up(till: Till) -> None:
    till.stock("ONE", "TWO")
    till.claim("e-1", POOL)
    ordered(till, user="other", coupon="ONE")

    assert redemptions(till) == [("o-1", "welcome", till.shop.contact_id("other"))]
    assert till.claim("e-2", POOL).code == "TWO"


def test_a_pool_code_that_an_order_carried_before_it_was_given_is_given_to_nobody(
    till: Till,
) -> None:
    till.stock("ONE", "TWO")
    ordered(till, user="other", coupon="ONE")

    assert till.claim("e-1", POOL).code == "TWO"


def test_a_shared_code_is_redeemed_by_each_contact_who_was_promised_it(till: Till) -> None:
    till.claim("e-1", SHARED)
    till.claim("e-2", SHARED, user="other")
    ordered(till, coupon="bengtbjuder")
    ordered(till, user="stranger", order_id="o-2", coupon="BENGTBJUDER")

    assert redemptions(till) == [("o-1", "welcome", till.shop.contact_id("u"))]
    assert till.claim("e-1", SHARED).is_redeemed
    assert not till.claim("e-2", SHARED, user="other").is_redeemed


def test_a_strangers_coupon_is_nothing_to_us(till: Till) -> None:
    ordered(till, coupon="BLACKFRIDAY")

    assert redemptions(till) == []


def test_a_contacts_own_code_stays_the_same_also_when_contacts_are_merged(till: Till) -> None:
    code = own_code(till, "young")
    till.shop.post(identify("u", ago=1))
    till.shop.post(alias("u", "young"))

    assert code.startswith("VAN-")
    assert own_code(till, "young") == own_code(till, "u") == code
    assert till.shop.count(OfferCode) == 1


def test_a_friends_first_order_rewards_the_contact_whose_code_it_carried(till: Till) -> None:
    ordered(till, user="friend", coupon=own_code(till, "u").lower(), ID="first")

    with till.database.read() as session:
        referral = session.scalars(select(Referral)).one()
        claim = session.get_one(OfferClaim, referral.claim_id)
        fact = session.scalars(select(ContactEvent).order_by(ContactEvent.id.desc())).first()
    assert (referral.referrer_id, referral.order_id) == (till.shop.contact_id("u"), "o-1")
    assert claim.code is not None
    assert claim.code.startswith("TACK-")
    assert fact is not None
    assert (fact.name, fact.message_id) == ("Referral Rewarded", "first#referral-rewarded")
    assert fact.contact_id == till.shop.contact_id("u")
    assert fact.properties == {"offer": "thanks", "friend_order_id": "o-1"}


def test_an_order_that_was_posted_beside_one_that_cannot_be_stored_is_rewarded_all_the_same(
    till: Till,
) -> None:
    code = own_code(till, "anna")
    order = {"name": "Order Completed", "user_id": "bo", "occurred_at": NOON, "received_at": NOON}
    poison = IncomingEvent(type="track", message_id="m1", **order | {"occurred_at": "never"})
    good = IncomingEvent(type="track", message_id="m2", properties={"coupon": code}, **order)
    writer = GroupCommitWriter(till.database, FrozenClock(NOON), ShopTime(), shop=shop())
    writer.submit([poison, good]).result()
    writer.close()
    with till.database.read() as session:
        referral = session.scalars(select(Referral)).one()

    assert referral.claim_id is not None


def test_the_relay_is_owed_the_reward(till: Till) -> None:
    ordered(till, user="friend", coupon=own_code(till, "u"), ID="first")

    assert till.shop.outbox("u") == ["first#referral-rewarded"]
    assert till.shop.count(OutboxEntry) == 2


def test_a_friend_who_has_ordered_before_is_no_referral(till: Till) -> None:
    code = own_code(till, "u")
    till.shop.post(track("Order Completed", "friend", order_id="o-1", ago=60))
    ordered(till, user="friend", order_id="o-2", coupon=code)

    assert till.shop.count(Referral) == 0
    assert len(redemptions(till)) == 1


def test_a_second_order_with_the_code_is_no_second_referral(till: Till) -> None:
    code = own_code(till, "u")
    ordered(till, user="friend", coupon=code)
    ordered(till, user="friend", order_id="o-2", coupon=code)
    till.shop.post(track("Order Updated", "friend", order_id="o-1", coupon=code))

    assert till.shop.count(Referral) == 1
    assert till.shop.count(OfferClaim) == 1


def test_nobody_refers_themselves_whichever_name_they_go_by(till: Till) -> None:
    code = own_code(till, "u")
    till.shop.post(identify("young"))
    till.shop.post(alias("u", "young"))
    ordered(till, coupon=code)
    ordered(till, user="young", order_id="o-2", coupon=code)

    assert till.shop.count(Referral) == 0


def test_two_friends_are_two_rewards_and_each_is_told_of(till: Till) -> None:
    code = own_code(till, "u")
    for number, friend in enumerate(("astrid", "bo")):
        ordered(till, user=friend, order_id=f"o-{number}", coupon=code)
    told = {till.claim(f"e-{n}", THANKS, name="thanks").code for n in range(2)}

    assert till.shop.count(OfferClaim) == len(told) == 2


def test_a_reward_that_has_no_code_left_does_not_hold_the_order_up(till: Till) -> None:
    till.shop.brand = shop(thanks=POOL)
    ordered(till, user="friend", coupon=own_code(till, "u"))

    with till.database.read() as session:
        assert session.scalars(select(Referral)).one().claim_id is None
    assert till.shop.orders("friend")[0][0] == "o-1"


def test_an_imported_order_of_a_year_ago_redeems_then(till: Till) -> None:
    till.stock("ONE")
    till.claim("e-1", POOL)
    till.shop.post(track("Order Completed", order_id="o-1", coupon="ONE", ago=365 * 24 * 60))

    with till.database.read() as session:
        redeemed_at = session.scalars(select(Redemption.redeemed_at)).one()
    assert redeemed_at == NOON - timedelta(days=365)


def test_a_shop_without_referrals_makes_nobody_a_code(till: Till) -> None:
    till.shop.post(identify("u"))
    plain = msgspec.structs.replace(shop(), referral=None)
    with till.database.write() as session:
        code = referral_code(session, contact_id=till.shop.contact_id(), now=NOON, shop=plain)

    assert code is None
