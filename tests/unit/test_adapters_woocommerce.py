"""WooCommerce's payloads, read into events."""

from typing import Any

import pytest

from sekvens.events.adapters.reading import UnknownTopic, Unusable
from sekvens.events.adapters.woocommerce import TOPICS
from tests.unit.platforms import (
    EMAIL,
    WOO_BILLING,
    WOO_CUSTOMER,
    WOO_ORDER,
    changed,
    told_by_woo,
)

Event = dict[str, Any]


def events(topic: str, body: Any, **more: Any) -> list[Event]:
    return list(told_by_woo(topic, body, **more).events)


def names(topic: str, body: Any) -> list[str]:
    return [event.get("event") or event["type"] for event in events(topic, body)]


def named(topic: str, body: Any, name: str) -> list[Event]:
    return [event for event in events(topic, body) if event.get("event") == name]


def order(**changes: Any) -> Event:
    return changed(WOO_ORDER, **changes)


def test_an_order_says_what_segments_would() -> None:
    (told,) = named("order.created", WOO_ORDER, "Order Completed")

    assert told["timestamp"] == "2026-03-04T11:40:00"
    assert told["properties"] == {
        "order_id": "450001",
        "order_number": "1042",
        "currency": "SEK",
        "total": "1239.00",
        "tax": "247.80",
        "shipping": "49.00",
        "discount": "100.00",
        "coupon": "doris-7k2q9m",
        "discount_codes": ["doris-7k2q9m"],
        "payment_method": "Klarna",
        "payment_status": "paid",
        "affiliation": "checkout",
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


def test_where_prices_are_without_tax_they_stay_without() -> None:
    (told,) = named("order.created", order(prices_include_tax=False), "Order Completed")

    said = told["properties"]
    assert (said["shipping"], said["discount"], said["products"][0]["price"]) == (
        "39.20",
        "80.00",
        "516.00",
    )


@pytest.mark.parametrize(
    ("status", "paid", "expected"),
    [
        ("pending", None, ["Checkout Started"]),
        ("checkout-draft", None, ["Checkout Started"]),
        ("failed", None, []),
        ("on-hold", None, ["Order Completed", "Order Updated"]),
        ("processing", "2026-03-04T11:40:00", ["Order Completed", "Order Updated"]),
        (
            "completed",
            "2026-03-04T11:40:00",
            ["Order Completed", "Order Updated", "Order Shipped"],
        ),
        ("cancelled", None, ["Order Cancelled"]),
        (
            "refunded",
            "2026-03-04T11:40:00",
            ["Order Completed", "Order Updated", "Order Refunded"],
        ),
        ("of-a-plug-in", "2026-03-04T11:40:00", ["Order Completed", "Order Updated"]),
        ("of-a-plug-in", None, []),
    ],
)
def test_each_status_says_what_has_become_of_the_order(
    status: str, paid: str | None, expected: list[str]
) -> None:
    told = names("order.updated", order(status=status, date_paid_gmt=paid))

    assert told == ["identify", *expected]


def test_an_order_on_hold_is_not_paid_yet() -> None:
    (told,) = named("order.created", order(status="on-hold", date_paid_gmt=None), "Order Completed")

    assert told["properties"]["payment_status"] == "pending"


def test_files_alone_are_not_shipped() -> None:
    assert "Order Shipped" not in names(
        "order.updated", order(status="completed", shipping_lines=[])
    )


def test_what_has_become_of_an_order_is_told_once_however_often_it_is_posted() -> None:
    first = order(status="completed", refunds=[{"id": 7, "total": "-100.00"}])
    later = changed(first, date_modified_gmt="2026-03-04T11:59:00")
    ids = [
        {event["event"]: event["messageId"] for event in events("order.updated", body)[1:]}
        for body in (first, later)
    ]

    assert ids[0].pop("Order Updated") != ids[1].pop("Order Updated")
    assert ids[0] == ids[1]


def test_each_refund_is_told_by_itself() -> None:
    refunds = [{"id": 7, "total": "-100.00"}, {"id": 8, "total": "-45.50"}]
    told = named("order.updated", order(refunds=refunds), "Order Refunded")

    assert [event["properties"]["total"] for event in told] == ["100.00", "45.50"]
    assert len({event["messageId"] for event in told}) == 2


def test_a_guest_is_known_by_the_hash_of_their_address() -> None:
    who, told = events("order.created", order(customer_id=0))

    assert who["userId"] == told["userId"]
    assert who["userId"].startswith("guest-")


def test_an_order_of_nobody_is_kept_until_somebody_owns_it() -> None:
    (told,) = events("order.created", order(customer_id=0, billing={**WOO_BILLING, "email": ""}))

    assert (told["userId"], told["anonymousId"]) == (None, "woocommerce-order-450001")


def test_a_deleted_order_is_cancelled_for_whoever_ordered() -> None:
    (told,) = events("order.deleted", {"id": 450001})

    assert (told["event"], told["userId"], told["anonymousId"]) == (
        "Order Cancelled",
        None,
        "woocommerce-order-450001",
    )


def test_a_customer_has_an_address_and_a_name() -> None:
    (told,) = events("customer.updated", WOO_CUSTOMER)

    assert (told["userId"], told["timestamp"]) == ("7001", "2026-03-04T11:00:00")
    assert told["traits"] == {
        "email": EMAIL,
        "firstName": "Astrid",
        "lastName": "Öberg",
        "country": "SE",
    }


def test_a_deleted_customer_gets_no_more_marketing() -> None:
    (told,) = events("customer.deleted", {"id": 7001})

    assert (told["event"], told["userId"]) == ("Unsubscribed", "7001")


@pytest.mark.parametrize(
    ("value", "agreed"),
    [("1", True), ("yes", True), (1, True), (True, True), ("0", False), ("", False), (None, False)],
)
def test_the_opt_in_of_the_checkout_is_consent_where_the_settings_name_it(
    value: Any,
    agreed: bool,  # noqa: FBT001
) -> None:
    body = order(meta_data=[{"id": 1, "key": "_newsletter", "value": value}])
    told = [
        event.get("event") for event in events("order.created", body, consent_key="_newsletter")
    ]

    assert ("Email Subscribed" in told) == agreed
    assert "Email Subscribed" not in names("order.created", body)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_body_without_an_id_is_unusable(topic: str) -> None:
    with pytest.raises(Unusable):
        told_by_woo(topic, {"something": "else"})


@pytest.mark.parametrize("topic", ["product.published", "coupon.created", "action.wc_anything"])
def test_a_topic_that_tells_nothing_is_unknown(topic: str) -> None:
    with pytest.raises(UnknownTopic):
        told_by_woo(topic, {"id": 1})
