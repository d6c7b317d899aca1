"""What Shopify and WooCommerce post of products: kept in whatever order, and told once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent, RejectedEvent
from sekvens.flows.catalogue.back_in_stock import BACK_IN_STOCK
from sekvens.products.tables import Product, ProductChange, ProductVariant
from tests.unit.ingesting import NOON
from tests.unit.platforms import SETTINGS, post_shopify, post_woo
from tests.unit.product_news import NewsRoom
from tests.unit.product_webhooks import (
    DAY,
    SHOPIFY_PRODUCT,
    WOO_PRODUCT,
    level,
    shopify_product,
    woo_product,
)
from tests.unit.relaying import World
from tests.unit.serving import served

UPDATE, LEVEL = "products/update", "inventory_levels/update"
SECOND = timedelta(seconds=1)


class Counter:
    """A shop's counter: what its platform posts to us, at a time that only goes forward."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FrozenClock(NOON)

    def until(self, later: timedelta) -> None:
        self.clock.move(NOON + later - self.clock.now())

    async def posts(self, *webhooks: tuple[str, Any], **headers: str) -> None:
        """Post webhooks, each in its own turn; all are answered with 200."""
        async with served(self.database, self.clock, **SETTINGS) as client:
            for topic, body in webhooks:
                headers.setdefault("Triggered_At", "")
                reply = await self._post(client, topic, body, headers)
                assert (reply.status_code, reply.text) == (200, '{"success": true}')

    async def _post(
        self, client: httpx.AsyncClient, topic: str, body: Any, headers: dict[str, str]
    ) -> httpx.Response:
        if "/" in topic:
            return await post_shopify(client, topic, body, **headers)
        return await post_woo(client, topic, body)

    def product(self, product_id: str = "5001") -> Product:
        with self.database.read() as session:
            return session.get_one(Product, product_id)

    def stock(self) -> tuple[bool, int | None]:
        return self.product().in_stock, self.product().stock

    def news(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(ProductChange.kind).order_by(ProductChange.id)))

    def rejected(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(RejectedEvent.reason)))

    def links(self) -> dict[str, tuple[str, bool]]:
        with self.database.read() as session:
            rows = session.scalars(select(ProductVariant))
            return {row.id: (row.product_id, row.is_same) for row in rows}


@pytest.fixture
def counter(sqlite_database: Database) -> Counter:
    return Counter(sqlite_database)


@pytest.mark.parametrize(
    ("topic", "body", "stock"),
    [("products/create", SHOPIFY_PRODUCT, 5), ("product.created", WOO_PRODUCT, 5)],
)
async def test_all_that_a_product_says_is_kept(
    database: Database, topic: str, body: Any, stock: int
):
    counter = Counter(database)
    await counter.posts((topic, body))

    row = counter.product()
    assert (row.titles["sv"], row.descriptions["sv"]) == (
        "Dellen jumper", "Warm, and made to last.",
    )  # fmt: skip
    assert (row.price, row.regular_price, row.currency) == ("645", None, "SEK")
    assert (row.category, row.brand) == ("Jumpers", "Hallgrens Ylle")
    assert (row.in_stock, row.stock) == (True, stock)
    assert (row.url or "").endswith(("/products/dellen-jumper", "/product/dellen-jumper/"))
    assert row.image_url == "https://cdn.example/dellen.jpg"
    assert row.available_on == datetime(2026, 1, 2, 9, tzinfo=UTC)  # it is new to nobody now
    assert counter.rejected() == []


async def test_the_handle_is_another_name_and_a_sku_is_a_size(counter: Counter):
    await counter.posts((UPDATE, SHOPIFY_PRODUCT))

    assert counter.links() == {
        "dellen-jumper": ("5001", True), "6001": ("5001", False), "6002": ("5001", False),
        "DELLEN-BLUE": ("5001", False), "DELLEN-RED": ("5001", False),
    }  # fmt: skip


@pytest.mark.parametrize("file_first", [True, False])
async def test_a_file_and_a_webhook_speak_of_one_product(counter: Counter, *, file_first: bool):
    room = NewsRoom(counter.database)

    def import_file() -> None:
        room.sells("dellen-jumper", "700", variant_ids=("DELLEN-BLUE",))

    if file_first:
        import_file()
    await counter.posts((UPDATE, SHOPIFY_PRODUCT))
    if not file_first:
        import_file()

    with counter.database.read() as session:
        (row,) = session.scalars(select(Product))
    own = "dellen-jumper" if file_first else "5001"
    assert (row.id, row.price) == (own, "645" if file_first else "700")
    assert counter.links()["DELLEN-BLUE"][0] == own


async def test_a_price_that_is_compared_with_a_higher_one_is_reduced(counter: Counter):
    body = shopify_product(5, later=DAY)
    body["variants"][0] |= {"price": "400.00", "compare_at_price": "645.00"}
    counter.until(DAY)
    await counter.posts((UPDATE, body))

    assert (counter.product().price, counter.product().regular_price) == ("400", "645")


@pytest.mark.parametrize(
    ("bodies", "topic"),
    [
        ([shopify_product(0, 0, later=DAY), shopify_product(0, 2, later=3 * DAY)], UPDATE),
        ([woo_product("outofstock", later=DAY), woo_product("instock", later=3 * DAY)],
         "product.updated"),
    ],
)  # fmt: skip
async def test_what_comes_back_is_news_once_however_often_it_is_posted(
    database: Database, bodies: list[Any], topic: str
):
    counter = Counter(database)
    sold_out, back = bodies
    counter.until(DAY)
    await counter.posts((topic, sold_out))
    counter.until(3 * DAY)
    await counter.posts((topic, back), (topic, back), (topic, sold_out), (topic, back))

    assert counter.news() == ["back_in_stock"]
    assert counter.product().in_stock


async def test_an_older_webhook_undoes_no_newer_one(counter: Counter):
    counter.until(5 * DAY)
    newer = shopify_product(3, later=4 * DAY, title="New")
    older = shopify_product(0, later=3 * DAY, title="Old")
    older["variants"][0]["price"] = "1.00"
    await counter.posts((UPDATE, newer), (UPDATE, older))

    row = counter.product()
    assert (row.titles["sv"], row.price, row.in_stock, row.stock) == ("New", "645", True, 3)


async def test_of_one_second_the_webhook_that_was_made_later_counts(counter: Counter):
    counter.until(2 * DAY)
    first, second = (shopify_product(count, later=DAY) for count in (3, 0))
    made = [f"{(NOON + DAY):%Y-%m-%dT%H:%M:%S}.{each}Z" for each in ("250000001", "750000001")]
    await counter.posts((UPDATE, second), Triggered_At=made[1])
    await counter.posts((UPDATE, first), Triggered_At=made[0])

    assert counter.stock() == (False, 0)


@pytest.mark.parametrize(
    "changes", [{"status": "draft"}, {"status": "archived"}, {"published_at": None}]
)
async def test_what_is_not_for_sale_is_sold_out_and_comes_back_with_its_sizes(
    counter: Counter, changes: dict[str, Any]
):
    await counter.posts((UPDATE, shopify_product(3, later=-DAY)))
    counter.until(2 * DAY)
    await counter.posts(
        (UPDATE, shopify_product(3, later=DAY, **changes)), (LEVEL, level(9, later=DAY + SECOND))
    )
    gone = counter.stock()
    counter.until(4 * DAY)
    await counter.posts((UPDATE, shopify_product(3, later=3 * DAY)))

    assert (gone, counter.stock()) == ((False, None), (True, 3))
    assert counter.news() == ["back_in_stock"]


@pytest.mark.parametrize(
    ("create", "delete", "late"),
    [
        ((UPDATE, shopify_product(3, later=-DAY)), ("products/delete", {"id": 5001}),
         (UPDATE, shopify_product(3, later=-DAY + SECOND))),
        (("product.updated", woo_product("instock", later=-DAY)),
         ("product.deleted", {"id": 5001}),
         ("product.updated", woo_product("instock", later=-DAY + SECOND))),
    ],
)  # fmt: skip
async def test_what_was_deleted_is_sold_out_and_a_late_word_does_not_bring_it_back(
    counter: Counter, create: Any, delete: Any, late: Any
):
    await counter.posts(create, delete, late)

    assert counter.stock() == (False, None)
    assert counter.rejected() == []


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("products/delete", {"id": 404}),
        (UPDATE, shopify_product(1, later=DAY * 0, status="draft")),
        ("product.deleted", {"id": 404}),
        ("product.updated", {"id": 6001, "type": "variation", "parent_id": 5001}),
        (LEVEL, level(None, later=DAY * 0)),
    ],
)
async def test_what_nobody_knows_and_is_not_for_sale_leaves_nothing(
    counter: Counter, topic: str, body: Any
):
    await counter.posts((topic, body))

    assert counter.rejected() == []
    with counter.database.read() as session:
        assert session.scalars(select(Product)).all() == []


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        (UPDATE, {"title": "x"}, "it has no id"),
        (UPDATE, {"id": 1, "title": "x"}, "the product has no variants"),
        (UPDATE, {"id": 1, "variants": [{"id": 2, "price": "5"}]}, "the product has no title"),
        (UPDATE, {"id": 1, "title": "x", "variants": [{"id": 2}]}, "first variant has no price"),
        (LEVEL, {"inventory_item_id": 1, "available": 5}, "it has no location_id"),
        (LEVEL, {"location_id": 1, "inventory_item_id": 1, "available": "5"}, "is no number"),
        ("product.updated", {"name": "x"}, "it has no id"),
        ("product.updated", {"id": 1, "price": "5"}, "the product has no name"),
        ("product.updated", {"id": 1, "name": "x", "price": ""}, "its title and its price first"),
    ],
)
async def test_a_body_that_cannot_be_used_is_kept_with_the_reason(
    counter: Counter, topic: str, body: Any, reason: str
):
    await counter.posts((topic, body))

    (kept,) = counter.rejected()
    assert reason in kept


async def test_a_place_that_has_the_last_one_sells_it_out_at_once(counter: Counter):
    await counter.posts((LEVEL, level(2, later=-2 * DAY)), (UPDATE, shopify_product(2, later=-DAY)))
    counter.until(DAY)
    await counter.posts((LEVEL, level(0, later=DAY)))
    gone = counter.stock()
    counter.until(3 * DAY)
    await counter.posts((LEVEL, level(4, later=3 * DAY)), (LEVEL, level(4, later=3 * DAY)))

    assert (gone, counter.stock()) == ((False, 0), (True, 4))
    assert counter.news() == ["back_in_stock"]


async def test_an_empty_place_says_nothing_while_others_are_not_known(counter: Counter):
    await counter.posts((UPDATE, shopify_product(5, later=-DAY)))
    await counter.posts((LEVEL, level(0, place=2, later=DAY * 0)))

    assert counter.stock() == (True, 5)


async def test_places_are_added_up_once_all_are_known(counter: Counter):
    await counter.posts(
        (LEVEL, level(2, place=1, later=-3 * DAY)), (LEVEL, level(3, place=2, later=-3 * DAY)),
        (UPDATE, shopify_product(5, later=-2 * DAY)), (LEVEL, level(0, place=1, later=-DAY)),
    )  # fmt: skip
    one_left = counter.stock()
    await counter.posts((LEVEL, level(0, place=2, later=DAY * 0)))

    assert (one_left, counter.stock()) == ((True, 3), (False, 0))


async def test_an_older_count_of_a_place_or_one_that_the_product_knows_changes_nothing(
    counter: Counter,
):
    await counter.posts(
        (LEVEL, level(2, later=-3 * DAY)), (UPDATE, shopify_product(0, later=-DAY)),
        (LEVEL, level(2, later=-2 * DAY)), (LEVEL, level(9, later=-4 * DAY)),
    )  # fmt: skip

    assert counter.stock() == (False, 0)


async def test_a_count_that_comes_before_its_product_is_found_when_that_comes(counter: Counter):
    await counter.posts((LEVEL, level(4, later=-DAY)), (UPDATE, shopify_product(0, later=-2 * DAY)))

    assert counter.stock() == (True, 4)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"inventory_policy": "continue"}, (True, 0)),
        ({"inventory_management": None}, (True, None)),
        ({"inventory_management": "another system"}, (False, 0)),
    ],
)
async def test_what_sells_on_or_is_not_counted_can_always_be_ordered(
    counter: Counter, changes: dict[str, Any], expected: tuple[bool, int | None]
):
    body = shopify_product(0, later=-DAY)
    body["variants"][0] |= changes
    await counter.posts((UPDATE, body))

    assert counter.stock() == expected


async def test_of_very_many_sizes_those_that_are_not_posted_are_not_sold_out(counter: Counter):
    more = {"variant_gids": [{"admin_graphql_api_id": str(n)} for n in range(150)]}
    await counter.posts((UPDATE, shopify_product(0, 3, later=-2 * DAY)))
    await counter.posts((UPDATE, shopify_product(0, 0, later=-DAY, **more)))

    assert counter.stock() == (True, 3)


@pytest.mark.parametrize("topic", [UPDATE, LEVEL, "product.updated"])
async def test_a_webhook_leads_to_an_enrollment_in_back_in_stock(database: Database, topic: str):
    sold_out, back = {
        UPDATE: (shopify_product(0, later=DAY), shopify_product(1, later=3 * DAY)),
        LEVEL: (shopify_product(0, later=DAY), level(1, later=3 * DAY)),
        "product.updated": (woo_product("outofstock", later=DAY),
                            woo_product("instock", later=3 * DAY)),
    }[topic]  # fmt: skip
    counter, room = Counter(database), NewsRoom(database)
    world = World(database, counter.clock, BACK_IN_STOCK)
    world.contact("c-asks")
    counter.until(DAY)
    await counter.posts((topic if topic != LEVEL else UPDATE, sold_out))
    room.clock = counter.clock
    room.did("c-asks", "Back In Stock Requested", ago=timedelta(hours=1), product_id=5001)
    counter.until(3 * DAY)
    await counter.posts((topic, back), (topic, back))
    room.told()
    await world.relay_all()

    with database.read() as session:
        (enrollment,) = session.scalars(select(Enrollment))
        told = session.scalars(
            select(ContactEvent).where(ContactEvent.name == "Product Back In Stock")
        )
        assert [each.properties["because"] for each in told] == ["asked"]
    assert (enrollment.flow, enrollment.contact_id) == ("back-in-stock", "c-asks")
