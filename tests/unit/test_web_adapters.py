"""Webhooks of platforms, from the outside: who gets in, what is kept, how soon it is answered."""

import json
import logging
from typing import Any

import pytest
from sqlalchemy import select, text

from sekvens.db.session import Database
from sekvens.events.adapters.signature import sign
from sekvens.events.tables import ContactEvent, RejectedEvent
from sekvens.web import adapters
from sekvens.web.adapters import BODY_BYTES_MAX
from tests.unit.ingesting import Shop, identify
from tests.unit.platforms import (
    CART,
    CHECKOUT,
    CUSTOMER,
    EMAIL,
    SETTINGS,
    SHOPIFY_ORDER,
    WOO_ORDER,
    changed,
    post_shopify,
    post_woo,
    without,
)
from tests.unit.serving import served
from tests.unit.test_barrier import dispatch
from tests.unit.waiting import PATIENCE, a_message_leaving

BUYER = "7001"


def rejected(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.scalars(select(RejectedEvent).order_by(RejectedEvent.id))
        return [(row.reason, row.raw) for row in rows]


async def shopify(database: Database, *posted: tuple[str, Any, str], **more: Any) -> list[int]:
    """Post webhooks to an app of this database; tell the answers' statuses."""
    async with served(database, **SETTINGS) as client:
        replies = [
            await post_shopify(client, topic, body, event_id, **more)
            for topic, body, event_id in posted
        ]
    return [reply.status_code for reply in replies]


async def test_a_webhook_is_answered_with_exactly_200_once_it_is_committed(
    database: Database,
) -> None:
    async with served(database, **SETTINGS) as client:
        reply = await post_shopify(client, "orders/create", SHOPIFY_ORDER)
        stored = Shop(database).outbox(BUYER)

    assert (reply.status_code, reply.text) == (200, '{"success": true}')
    assert stored == ["shopify-order-450001-completed"]


async def test_every_secret_is_good_while_one_takes_anothers_place(
    sqlite_database: Database,
) -> None:
    raw = json.dumps(SHOPIFY_ORDER).encode()
    signed = [sign(raw, key) for key in ("shpss_the_next_secret", "shpss_made_up_for_tests")]
    async with served(sqlite_database, **SETTINGS) as client:
        replies = [
            await post_shopify(client, "orders/create", raw, Hmac_Sha256=given) for given in signed
        ]

    assert [reply.status_code for reply in replies] == [200, 200]


@pytest.mark.parametrize("given", ["", "x", "é", sign(b"{}", "another secret, long enough")])
async def test_a_wrong_signature_is_401_and_nothing_is_read(
    sqlite_database: Database, given: str
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        first = await post_shopify(client, "orders/create", b"{ no json", Hmac_Sha256=given)
        second = await post_woo(client, "order.created", WOO_ORDER, Signature=given)

    assert [first.status_code, second.status_code] == [401, 401]
    assert (Shop(sqlite_database).count(ContactEvent), rejected(sqlite_database)) == (0, [])


async def test_a_body_changed_on_its_way_is_401(sqlite_database: Database) -> None:
    raw = json.dumps(SHOPIFY_ORDER).encode()
    given = sign(raw, "shpss_made_up_for_tests")
    async with served(sqlite_database, **SETTINGS) as client:
        reply = await post_shopify(client, "orders/create", raw + b" ", Hmac_Sha256=given)

    assert reply.status_code == 401


@pytest.mark.parametrize("shop", ["", "another.myshopify.com", "hallgrensylle.myshopify.com.evil"])
async def test_a_shop_that_the_settings_do_not_name_is_403(
    sqlite_database: Database, shop: str
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        first = await post_shopify(client, "orders/create", SHOPIFY_ORDER, Shop_Domain=shop)
        second = await post_woo(client, "order.created", WOO_ORDER, Source=f"https://{shop}/")

    assert [first.status_code, second.status_code] == [403, 403]
    assert Shop(sqlite_database).count(ContactEvent) == 0


async def test_an_adapter_without_a_secret_is_404_and_the_operator_is_told_once(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    async with served(sqlite_database) as client:
        with caplog.at_level(logging.WARNING):
            replies = [await post_shopify(client, "orders/create", SHOPIFY_ORDER) for _ in "ab"]
        woo = await post_woo(client, "order.created", b"webhook_id=1")

    assert [reply.status_code for reply in [*replies, woo]] == [404, 404, 404]
    said = [record for record in caplog.records if "adapters.shopify" in record.getMessage()]
    assert [record.__dict__["action"] for record in said] == ["webhook_refused"]
    assert EMAIL not in caplog.text


async def test_woocommerces_ping_is_answered_and_kept_nowhere(sqlite_database: Database) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        ping = await client.post("/v1/adapters/woocommerce", content=b"webhook_id=12", auth=None)
        other = await client.post("/v1/adapters/woocommerce", content=b"webhook_id=x", auth=None)

    assert [ping.status_code, other.status_code] == [200, 401]
    assert rejected(sqlite_database) == []


@pytest.mark.parametrize(
    ("topic", "body", "reason"),
    [
        ("orders/create", b"{", "Shopify's orders/create: the body is not JSON"),
        ("orders/create", b"[1]", "Shopify's orders/create: the body is not a JSON object"),
        ("orders/create", b'{"id": NaN}', "Shopify's orders/create: the body is not JSON"),
        ("orders/create", b"\xff\xfe", "Shopify's orders/create: the body is not JSON"),
        ("orders/create", b'{"a":' * 5000, "Shopify's orders/create: the body is not JSON"),
        ("orders/create", b'{"id": "", "a": "\\u0000"}', "Shopify's orders/create: it has no id"),
    ],
)
async def test_a_body_that_cannot_be_used_is_kept_with_the_reason_and_answered_200(
    sqlite_database: Database, topic: str, body: bytes, reason: str
) -> None:
    assert await shopify(sqlite_database, (topic, body, "e1")) == [200]
    assert [each[0] for each in rejected(sqlite_database)] == [reason]


async def test_a_topic_that_nobody_reads_is_recorded_without_its_body(
    sqlite_database: Database,
) -> None:
    body = {"id": 1, "email": EMAIL}
    assert await shopify(sqlite_database, ("draft_orders/create", body, "e1")) == [200]

    ((reason, raw),) = rejected(sqlite_database)
    assert reason.startswith("Shopify's draft_orders/create: ")
    assert raw == '{"topic": "draft_orders/create"}'


async def test_a_topic_that_is_none_is_not_quoted(sqlite_database: Database) -> None:
    assert await shopify(sqlite_database, ("<script>", {"id": 1}, "e1")) == [200]
    assert "script" not in str(rejected(sqlite_database))


async def test_too_large_a_body_is_413(sqlite_database: Database) -> None:
    body = b" " * (BODY_BYTES_MAX + 1)

    assert await shopify(sqlite_database, ("orders/create", body, "e1")) == [413]


async def test_a_large_order_is_stored(sqlite_database: Database) -> None:
    order = changed(SHOPIFY_ORDER, note="n" * 200_000)

    assert await shopify(sqlite_database, ("orders/create", order, "e1")) == [200]
    assert len(Shop(sqlite_database).orders(BUYER)) == 1


async def test_what_shopify_posts_again_happens_once(database: Database) -> None:
    cart = ("carts/update", CART, "e1")
    checkout = ("checkouts/create", CHECKOUT, "e2")
    await shopify(database, cart, checkout)
    stored = Shop(database).count(ContactEvent)
    await shopify(database, cart, checkout, cart, Webhook_Id="another delivery")

    assert Shop(database).count(ContactEvent) == stored


async def test_an_event_without_an_id_of_its_own_goes_by_its_delivery(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        for delivery in ("d1", "d1", "d2"):
            more = {"Event_Id": "", "Webhook_Id": delivery}
            await post_shopify(client, "carts/update", CART, **more)

    assert Shop(sqlite_database).count(ContactEvent) == 2


async def test_two_orders_of_one_second_are_two_though_woocommerce_calls_them_the_same(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        for number in (1, 2):
            await post_woo(client, "order.created", changed(WOO_ORDER, id=number))

    assert [order[0] for order in Shop(sqlite_database).orders(BUYER)] == ["1", "2"]


async def test_two_updates_of_one_order_and_second_are_two(sqlite_database: Database) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        for total in ("100.00", "200.00", "200.00"):
            await post_woo(client, "order.updated", changed(WOO_ORDER, total=total))

    with sqlite_database.read() as session:
        named = select(ContactEvent).where(ContactEvent.name == "Order Updated")
        updates = session.scalars(named.order_by(ContactEvent.id)).all()
    assert [each.properties["total"] for each in updates] == ["100.00", "200.00"]


async def test_a_database_that_is_gone_is_503_so_that_it_is_posted_again(
    sqlite_database: Database,
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        with sqlite_database.write() as session:
            session.execute(text("ALTER TABLE events RENAME TO gone"))
        reply = await post_shopify(client, "orders/create", SHOPIFY_ORDER)

    assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")


async def test_no_answer_takes_longer_than_shopify_waits(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "REPLY_SECONDS", 0.2)
    async with served(sqlite_database, **SETTINGS) as client:
        with sqlite_database.write() as session:
            session.execute(text("SELECT 1"))  # nobody else can write now
            slow = await post_shopify(client, "orders/create", SHOPIFY_ORDER)
        monkeypatch.setattr(adapters, "REPLY_SECONDS", PATIENCE)
        again = await post_shopify(client, "orders/create", SHOPIFY_ORDER)

    assert (slow.status_code, again.status_code) == (503, 200)
    assert slow.json()["message"] == "this takes too long; post again"
    assert len(Shop(sqlite_database).orders(BUYER)) == 1


async def test_the_reply_to_a_purchase_waits_for_a_message_on_its_way(database: Database) -> None:
    shop = Shop(database)
    shop.post(identify(BUYER))
    dispatch(shop, shop.contact_id(BUYER))
    with a_message_leaving(database, shop.contact_id(BUYER)) as left:
        statuses = await shopify(database, ("orders/create", SHOPIFY_ORDER, "e1"))
        left_before_the_reply = bool(left)

    assert statuses == [200]
    assert left_before_the_reply


async def test_no_log_line_holds_what_was_posted(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="sekvens"):
        await shopify(
            sqlite_database,
            ("orders/create", SHOPIFY_ORDER, "e1"),
            ("customers/update", without(CUSTOMER, "id"), "e2"),
            ("draft_orders/create", SHOPIFY_ORDER, "e3"),
        )

    assert "could not be used" in caplog.text
    assert EMAIL not in caplog.text
    assert "shpss" not in caplog.text
