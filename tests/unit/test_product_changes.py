"""News of products: what is news, who is told of it, and that nobody is told twice."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.flows.shop_time import ShopTime
from sekvens.products import telling
from sekvens.products.feeds.item import FeedItem
from sekvens.products.tables import ProductChange, ProductVariant
from tests.conftest import NOON
from tests.unit.product_news import DAY, NewsRoom

BACK, DROPPED = "Product Back In Stock", "Product Price Dropped"


@pytest.fixture
def room(sqlite_database: Database) -> NewsRoom:
    return NewsRoom(sqlite_database)


def test_who_asked_carted_or_looked_is_told_once_and_by_the_strongest_reason(database: Database):
    room = NewsRoom(database)
    room.sells()
    for name in ("Product Viewed", "Product Added", "Back In Stock Requested"):
        room.did("c-asks", name)
    room.did("c-carts", "Product Added")
    room.did("c-looks", "Product Viewed")
    room.did("c-other", "Product Viewed", product_id="capitol")
    room.is_back()
    wanted = [("c-asks", BACK, "asked"), ("c-carts", BACK, "carted"), ("c-looks", BACK, "viewed")]

    assert room.told() == wanted
    assert room.told() == wanted


def test_what_was_sold_out_for_two_minutes_is_no_news(room: NewsRoom):
    room.sells()
    room.did("c", "Product Viewed")
    room.is_back(after=timedelta(minutes=2))

    assert (room.changes(), room.told()) == ([], [])


def test_a_product_that_is_new_or_is_imported_again_is_no_news(room: NewsRoom):
    room.sells()
    room.later(3 * DAY)
    room.sells()
    room.sells("mitten", in_stock=False)
    room.later(3 * DAY)
    room.sells("mitten", in_stock=False)

    assert room.changes() == []


def test_what_a_whole_feed_lacks_is_sold_out_and_may_come_back(room: NewsRoom):
    room.sells()
    room.imports(whole=True)
    room.later(2 * DAY)
    room.sells()

    assert room.changes() == [("cap", "back_in_stock")]


def test_what_has_sold_out_again_before_anybody_was_told_is_told_to_nobody(room: NewsRoom):
    room.sells()
    room.did("c", "Back In Stock Requested")
    room.is_back()
    room.sells(in_stock=False)

    assert room.told() == []


def test_news_that_is_older_than_a_day_is_told_to_nobody(room: NewsRoom):
    room.sells()
    room.did("c", "Back In Stock Requested")
    room.is_back()
    room.later(DAY + timedelta(minutes=1))

    assert room.told() == []


def test_who_ordered_it_since_is_not_waiting_until_they_look_again(room: NewsRoom):
    room.sells()
    for whose in ("c-has", "c-again"):
        room.did(whose, "Product Added", ago=3 * DAY)
        room.did(whose, "Order Completed", ago=2 * DAY, order_id=f"o-{whose}",
                 products=[{"product_id": "cap"}])  # fmt: skip
    room.did("c-again", "Product Viewed", ago=DAY)
    room.is_back()

    assert room.told() == [("c-again", BACK, "viewed")]


def test_an_unsubscribe_takes_a_request_back(room: NewsRoom):
    room.sells()
    room.did("c", "Back In Stock Requested", ago=2 * DAY)
    room.did("c", "Unsubscribed", ago=DAY)
    room.is_back()

    assert room.told() == []


def test_a_request_is_answered_once(room: NewsRoom):
    room.sells()
    room.did("c", "Back In Stock Requested")
    room.is_back()
    first = room.told()
    room.later(DAY)
    room.is_back()

    assert first == room.told() == [("c", BACK, "asked")]


def test_a_look_counts_for_sixty_days_and_a_request_for_a_year(room: NewsRoom):
    room.sells()
    room.did("c-asked-long-ago", "Back In Stock Requested", ago=366 * DAY)
    room.did("c-asked", "Back In Stock Requested", ago=200 * DAY)
    room.did("c-looked-long-ago", "Product Viewed", ago=58 * DAY)
    room.did("c-looked", "Product Viewed", ago=50 * DAY)
    room.is_back()

    assert [whose for whose, *_ in room.told()] == ["c-asked", "c-looked"]


def test_a_look_at_a_size_is_a_look_at_the_product_and_a_merged_contact_is_the_one_who_stands(
    room: NewsRoom,
):
    room.sells()
    room.did("c", "Product Viewed", product_id="cap-m")
    room.did("c-old", "Product Viewed")
    with room.database.write() as session:
        session.add(ProductVariant(id="cap-m", product_id="cap"))
        session.execute(update(Contact).where(Contact.id == "c-old").values(merged_into="c"))
    room.is_back()

    assert room.told() == [("c", BACK, "viewed")]


def test_a_price_that_drops_by_a_tenth_below_all_of_thirty_days_is_news(room: NewsRoom):
    room.sells(price="100")
    room.did("c", "Product Viewed", ago=-30 * DAY)
    room.later(31 * DAY)
    room.sells(price="100", sale_price=Decimal(90))

    assert room.told() == [("c", DROPPED, "viewed")]
    with room.database.read() as session:
        said = session.query(ContactEvent).filter_by(name=DROPPED).one().properties
    assert said == {"product_id": "cap", "because": "viewed", "price": "90",
                    "lowest_price": "100", "currency": "SEK"}  # fmt: skip


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        ([(0, "100"), (31, "95")], "too little"),
        ([(0, "100"), (10, "80")], "thirty days are not known"),
        ([(0, "100"), (31, "70"), (33, "100"), (36, "80")], "it cost less eight days before"),
        ([(0, "100"), (31, "120")], "it went up"),
    ],
)
def test_no_other_price_is_news(room: NewsRoom, prices: list[tuple[int, str]], why: str):
    for day, price in prices:
        room.later(NOON + day * DAY - room.now)
        before = len(room.changes())
        room.sells(price=price)

    assert len(room.changes()) == before, why


def test_a_price_that_has_gone_up_again_is_told_to_nobody(room: NewsRoom):
    room.sells(price="100")
    room.later(31 * DAY)
    room.did("c", "Product Viewed")
    room.sells(price="80")
    room.sells(price="100")

    assert room.told() == []


def test_a_sale_of_the_whole_shop_is_no_news_of_each_product(sqlite_database: Database):
    room = NewsRoom(sqlite_database, price_drops_max=2)
    names = ("cap", "mitten", "sock")

    def all_cost(price: int) -> None:
        room.imports(*(
            FeedItem(line=2, product_id=name, title=name, price=Decimal(price), currency="SEK")
            for name in names
        ))  # fmt: skip

    all_cost(100)
    room.later(31 * DAY)
    room.did("c", "Product Viewed")
    all_cost(80)

    assert (len(room.changes()), room.told()) == (3, [])


def test_whoever_dies_on_the_way_tells_nobody_twice_and_nobody_is_left_out(
    room: NewsRoom, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "TOLD_AT_ONCE", 2)
    room.sells()
    people = [f"c-{number}" for number in range(5)]
    for whose in people:
        room.did(whose, "Product Viewed")
    room.is_back()
    wakes: list[int] = []

    def die() -> None:
        wakes.append(1)
        raise OSError("the process dies")

    dying = telling.ChangeTeller(
        database=room.database, clock=room.clock, shop_time=ShopTime(), news=room.news,
        wake=die,
    )  # fmt: skip
    for _ in range(3):
        with pytest.raises(OSError, match="dies"):
            dying.tell_once()

    assert [whose for whose, *_ in room.told()] == people
    with room.database.read() as session:
        change = session.query(ProductChange).one()
    assert (change.contacts, change.told_at) == (5, room.now)
    assert len(wakes) == 3


async def test_news_is_told_beside_the_relay_until_it_stops(room: NewsRoom):
    room.sells()
    room.did("c", "Product Viewed")
    room.is_back()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    teller = telling.ChangeTeller(
        database=room.database, clock=room.clock, shop_time=ShopTime(), news=room.news,
        wake=lambda: loop.call_soon_threadsafe(stop.set) and None,
    )  # fmt: skip
    await teller.run(stop)

    assert room.told() == [("c", BACK, "viewed")]
