"""Where a contact stands on the shop's ladder, and whether they have just come to it."""

from datetime import timedelta

from sekvens.db.session import Database
from sekvens.segments import sql
from sekvens.segments.levels import Standing, condition_of, standing
from sekvens.shop import Level
from tests.unit.ingesting import NOON, Shop, track

DAY = timedelta(days=1)
LEVELS = (
    Level(id="family", name={"sv": "Familj"}, orders_min=2, spent_min=500),
    Level(id="guest", name={"sv": "Gäst"}, orders_min=1),
    Level(id="regular", name={"sv": "Stammis"}, orders_min=2, within_days=40),
)


def stands(shop: Shop, *, after: timedelta = timedelta(0)) -> Standing:
    """Tell where the contact stands; all who are asked about the same moment agree."""
    contact_id, now = shop.contact_id(), NOON + after
    with shop.database.read() as session:
        told = standing(session, LEVELS, contact_id=contact_id, now=now)
        on = {
            level.key
            for level in LEVELS
            if sql.holds(session, condition_of(level), contact_id=contact_id, now=now)
        }
    assert (told.level in on) if on else (told.level is None)
    return told


def bought(shop: Shop, order_id: str, total: int, *, ago: timedelta) -> None:
    minutes = ago / timedelta(minutes=1)
    shop.post(track("Order Completed", ago=minutes, order_id=order_id, total=total))


def test_a_level_is_new_for_thirty_days(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    bought(shop, "a", 400, ago=35 * DAY)
    guest = stands(shop)
    bought(shop, "b", 99, ago=timedelta(0))
    too_little = stands(shop)
    bought(shop, "c", 1, ago=timedelta(0))

    assert (guest, too_little.level) == (Standing(level="guest"), "regular")
    assert stands(shop) == Standing(level="family", is_new=True)
    assert stands(shop, after=30 * DAY - DAY / 2).is_new
    assert stands(shop, after=30 * DAY) == Standing(level="family")


def test_a_level_that_lapsed_or_whose_order_was_refunded_is_not_had(
    sqlite_database: Database,
) -> None:
    shop = Shop(sqlite_database)
    bought(shop, "a", 400, ago=35 * DAY)
    bought(shop, "b", 1, ago=10 * DAY)
    regular = stands(shop)
    lapsed = stands(shop, after=6 * DAY)
    shop.post(track("Order Refunded", order_id="b"), track("Order Refunded", order_id="a"))

    assert regular == Standing(level="regular", is_new=True)
    assert lapsed == Standing(level="guest")
    assert stands(shop) == Standing()
