"""The same purchase by Segment's API, by Shopify and by WooCommerce leaves the same facts."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent, Order
from sekvens.messages.facts import DeliveryFacts, Line, OrderFacts
from sekvens.messages.facts_of_orders import delivery_facts, order_facts, refunded
from sekvens.offers.tables import CodeSource, OfferCode, Redemption
from sekvens.products.tables import OrderLine
from tests.unit.ingesting import Shop
from tests.unit.platforms import (
    EMAIL,
    FULFILLMENT,
    PLACED_AT,
    REFUND,
    SETTINGS,
    SHOPIFY_ORDER,
    WOO_ORDER,
    changed,
    post_shopify,
    post_woo,
)
from tests.unit.serving import served

Way = Callable[[httpx.AsyncClient], Awaitable[None]]
CODE = "doris-7k2q9m"
BUYER = {"email": EMAIL, "firstName": "Astrid", "lastName": "Öberg", "country": "SE"}
ORDER: dict[str, Any] = {
    "order_id": "450001",
    "order_number": "1042",
    "total": "1239.00",
    "tax": "247.80",
    "shipping": "49.00",
    "discount": "100.00",
    "currency": "SEK",
    "coupon": "DORIS-7K2Q9M",
    "payment_method": "Klarna",
    "payment_status": "paid",
    "products": [
        {
            "product_id": "5001",
            "sku": "DELLEN-BLUE",
            "name": "Dellen jumper",
            "variant": "Blue",
            "price": "645.00",
            "quantity": 2,
        }
    ],
}


async def by_segment(client: httpx.AsyncClient) -> None:
    order = {"order_id": "450001"}
    parcel = {"carrier": "PostNord", "tracking_url": "https://tracking.example/SE0001"}
    money = {"total": "645.00", "currency": "SEK"}
    said = [
        ("identify", None, PLACED_AT, BUYER),
        ("track", "Order Completed", PLACED_AT, ORDER),
        ("track", "Order Shipped", "2026-03-04T11:50:00Z", order | parcel),
        ("track", "Order Refunded", "2026-03-04T11:55:00Z", order | money),
    ]
    for number, (kind, name, at, told) in enumerate(said):
        event = {"type": kind, "event": name, "userId": "7001", "timestamp": at}
        what = {"traits" if kind == "identify" else "properties": told}
        reply = await client.post(
            "/v1/batch", json={"batch": [event | what | {"messageId": f"s{number}"}]}
        )
        assert reply.status_code == 200


async def by_shopify(client: httpx.AsyncClient) -> None:
    replies = [
        await post_shopify(client, "orders/create", SHOPIFY_ORDER, "e1"),
        await post_shopify(client, "fulfillments/create", FULFILLMENT, "e2"),
        await post_shopify(client, "refunds/create", REFUND, "e3"),
    ]
    assert {reply.status_code for reply in replies} == {200}


async def by_woocommerce(client: httpx.AsyncClient) -> None:
    parcels = [
        {
            "tracking_provider": "PostNord",
            "custom_tracking_link": "https://tracking.example/SE0001",
        }
    ]
    done = changed(
        WOO_ORDER,
        status="completed",
        date_completed_gmt="2026-03-04T11:50:00",
        date_modified_gmt="2026-03-04T11:50:00",
        meta_data=[{"id": 1, "key": "_wc_shipment_tracking_items", "value": parcels}],
    )
    back = changed(
        done,
        date_modified_gmt="2026-03-04T11:55:00",
        refunds=[{"id": 77, "reason": "", "total": "-645.00"}],
    )
    for topic, body in (("created", WOO_ORDER), ("updated", done), ("updated", back)):
        reply = await post_woo(client, f"order.{topic}", body)
        assert reply.status_code == 200


def facts(database: Database) -> dict[str, Any]:
    """Tell everything that a flow or an e-mail could ask about the purchase."""
    contact_id = Shop(database).contact_id("7001")
    with database.read() as session:
        contact = session.get_one(Contact, contact_id)
        order = session.get_one(Order, (contact_id, "450001"))
        lines = session.scalars(select(OrderLine)).all()
        redeemed = session.scalars(select(Redemption)).all()
        names = session.scalars(
            select(ContactEvent.name).where(ContactEvent.contact_id == contact_id)
        )
        about = {"contact_id": contact_id, "order_id": "450001"}
        return {
            "contact": (contact.email, contact.first_name, contact.last_name, contact.country),
            "order": order_facts(order, refunded=refunded(session, **about)),
            "parcel": delivery_facts(session, **about, timezone="Europe/Stockholm"),
            "lines": [(line.product_id, line.quantity, line.state) for line in lines],
            "redeemed": [(row.order_id, row.key, row.redeemed_at) for row in redeemed],
            "told": {name for name in names if name.startswith("Order")} - {"Order Updated"},
        }


EXPECTED = {
    "contact": (EMAIL, "Astrid", "Öberg", "SE"),
    "order": OrderFacts(
        order_id="450001",
        number="1042",
        lines=(
            Line(
                name="Dellen jumper",
                price=Decimal("645.00"),
                quantity=2,
                benefit=None,
                care=None,
                url=None,
                image_url=None,
                product_id="5001",
            ),
        ),
        currency="SEK",
        total=Decimal("1239.00"),
        vat=Decimal("247.80"),
        shipping=Decimal("49.00"),
        discount=Decimal("100.00"),
        payment="Klarna",
        is_paid=True,
        refunded=Decimal("645.00"),
        state="refunded",
        placed_at=datetime(2026, 3, 4, 11, 40, tzinfo=UTC),
    ),
    "parcel": DeliveryFacts(carrier="PostNord", tracking_url="https://tracking.example/SE0001"),
    "lines": [("5001", 2, "refunded")],
    "redeemed": [("450001", CODE, datetime(2026, 3, 4, 11, 40, tzinfo=UTC))],
    "told": {"Order Completed", "Order Shipped", "Order Refunded"},
}


@pytest.mark.parametrize("way", [by_segment, by_shopify, by_woocommerce])
async def test_a_purchase_leaves_the_same_facts_whichever_way_it_comes(
    database: Database, way: Way
) -> None:
    with database.write() as session:
        session.add(OfferCode(offer="welcome", code=CODE.upper(), key=CODE, source=CodeSource.POOL))
    async with served(database, **SETTINGS) as client:
        await way(client)

    assert facts(database) == EXPECTED


@pytest.mark.parametrize("way", [by_shopify, by_woocommerce])
async def test_a_purchase_that_is_posted_again_changes_nothing(
    sqlite_database: Database, way: Way
) -> None:
    async with served(sqlite_database, **SETTINGS) as client:
        await way(client)
        once = (facts(sqlite_database), Shop(sqlite_database).outbox("7001"))
        await way(client)

    assert (facts(sqlite_database), Shop(sqlite_database).outbox("7001")) == once
