"""Shopify's payloads, read into events."""

from typing import Any

import pytest

from sekvens.events.adapters.reading import UnknownTopic, Unusable
from sekvens.events.adapters.shopify import TOPICS
from tests.unit.platforms import (
    CART,
    CHECKOUT,
    CONSENT,
    CUSTOMER,
    EMAIL,
    FULFILLMENT,
    PLACED_AT,
    REFUND,
    SHOPIFY_LINE,
    SHOPIFY_ORDER,
    changed,
    told_by_shopify,
    without,
)

Event = dict[str, Any]


def events(topic: str, body: Any, event_id: str = "e1", **more: Any) -> list[Event]:
    return list(told_by_shopify(topic, body, event_id, **more).events)


def named(topic: str, body: Any, name: str, **more: Any) -> list[Event]:
    return [event for event in events(topic, body, **more) if event.get("event") == name]


def names(topic: str, body: Any) -> list[str]:
    return [event.get("event") or event["type"] for event in events(topic, body)]


def consent_of(topic: str, body: Any) -> list[str]:
    return [name for name in names(topic, body) if name in ("Email Subscribed", "Unsubscribed")]


def said(state: str, at: str | None = "2026-03-04T11:00:00Z") -> Event:
    consent = {"state": state, "opt_in_level": "confirmed_opt_in", "consent_updated_at": at}
    return changed(CONSENT, email_marketing_consent=consent)


def test_an_order_says_what_segments_would() -> None:
    (order,) = named("orders/create", SHOPIFY_ORDER, "Order Completed")

    assert order["properties"] == {
        "order_id": "450001",
        "order_number": "1042",
        "checkout_id": "checkout-token-1",
        "cart_id": "cart-token-1",
        "currency": "SEK",
        "total": "1239.00",
        "subtotal": "1190.00",
        "tax": "247.80",
        "discount": "100.00",
        "shipping": "49.00",
        "coupon": "DORIS-7K2Q9M",
        "discount_codes": ["DORIS-7K2Q9M"],
        "payment_method": "Klarna",
        "financial_status": "paid",
        "affiliation": "web",
        "products": [
            {
                "product_id": "5001",
                "sku": "DELLEN-BLUE",
                "name": "Dellen jumper",
                "variant": "Blue",
                "brand": "Hallgrens Ylle",
                "price": "645.00",
                "quantity": 2,
            }
        ],
    }


def test_an_order_joins_the_buyer_their_cart_and_the_orders_own_name() -> None:
    who, order = events("orders/create", SHOPIFY_ORDER)

    assert (who["type"], who["userId"], who["anonymousId"]) == ("identify", "7001", "cart-token-1")
    assert who["traits"] == {
        "email": EMAIL,
        "firstName": "Astrid",
        "lastName": "Öberg",
        "locale": "sv-SE",
        "country": "SE",
    }
    assert (order["userId"], order["anonymousId"]) == ("7001", "shopify-order-450001")
    assert order["timestamp"] == PLACED_AT


def test_amounts_are_those_that_the_buyer_saw() -> None:
    def both(shop: str, seen: str) -> dict[str, Any]:
        money = {"amount": seen, "currency_code": "EUR"}
        return {
            "shop_money": {"amount": shop, "currency_code": "SEK"},
            "presentment_money": money,
        }

    line = changed(SHOPIFY_LINE, price_set=both("645.00", "57.90"))
    order = changed(SHOPIFY_ORDER, total_price_set=both("1239.00", "111.20"), line_items=[line])
    (event,) = named("orders/create", order, "Order Completed")

    told = event["properties"]
    assert (told["currency"], told["total"], told["products"][0]["price"]) == (
        "EUR",
        "111.20",
        "57.90",
    )
    assert "tax" not in told  # its set is in kronor alone


def test_without_sets_amounts_are_in_the_shops_currency() -> None:
    order = {
        "id": 1,
        "email": EMAIL,
        "currency": "SEK",
        "total_price": "100.00",
        "shipping_lines": [{"price": "29.00"}, {"price": "20.00"}],
        "line_items": [{"title": "Socks", "price": "51.00", "quantity": 1, "variant_id": 3}],
    }
    (event,) = named("orders/create", order, "Order Completed")

    told = event["properties"]
    assert (told["total"], told["shipping"]) == ("100.00", "49.00")
    assert told["products"] == [
        {"product_id": "3", "sku": "3", "name": "Socks", "price": "51.00", "quantity": 1}
    ]


def test_an_order_that_was_imported_was_placed_when_it_was_placed() -> None:
    order = changed(SHOPIFY_ORDER, processed_at="2019-05-05T10:00:00Z")
    (event,) = named("orders/create", order, "Order Completed")

    assert event["timestamp"] == "2019-05-05T10:00:00Z"


@pytest.mark.parametrize("topic", ["orders/updated", "orders/paid", "orders/fulfilled"])
def test_any_webhook_of_an_order_tells_that_it_was_placed(topic: str) -> None:
    (first,) = named("orders/create", SHOPIFY_ORDER, "Order Completed")
    (again,) = named(topic, SHOPIFY_ORDER, "Order Completed", event_id="another")

    assert again["messageId"] == first["messageId"]
    assert len(named(topic, SHOPIFY_ORDER, "Order Updated")) == 1


def test_one_event_of_several_topics_is_not_taken_for_one() -> None:
    (paid,) = named("orders/paid", SHOPIFY_ORDER, "Order Updated", event_id="e1")
    (updated,) = named("orders/updated", SHOPIFY_ORDER, "Order Updated", event_id="e1")

    assert paid["messageId"] != updated["messageId"]


def test_a_cancelled_order_says_so_once_whichever_topic_tells() -> None:
    order = changed(SHOPIFY_ORDER, cancelled_at="2026-03-04T12:58:00+01:00", cancel_reason="other")
    told = [
        event
        for topic in ("orders/updated", "orders/cancelled")
        for event in named(topic, order, "Order Cancelled")
    ]

    assert [event["timestamp"] for event in told] == ["2026-03-04T12:58:00+01:00"] * 2
    assert told[0]["messageId"] == told[1]["messageId"]
    assert told[0]["properties"] == {"order_id": "450001", "reason": "other"}


def test_a_parcel_goes_to_whose_order_it_is_and_is_told_once() -> None:
    (parcel,) = events("fulfillments/create", FULFILLMENT)
    order = changed(SHOPIFY_ORDER, fulfillments=[FULFILLMENT])
    (again,) = named("orders/fulfilled", order, "Order Shipped")

    assert parcel == again
    assert (parcel.get("userId"), parcel["anonymousId"]) == (None, "shopify-order-450001")
    assert parcel["properties"] == {
        "order_id": "450001",
        "carrier": "PostNord",
        "tracking_url": "https://tracking.example/SE0001",
    }


@pytest.mark.parametrize("status", ["pending", "open", "cancelled", "error", "failure", None])
def test_what_has_not_left_is_not_told(status: str | None) -> None:
    assert events("fulfillments/create", changed(FULFILLMENT, status=status)) == []


def test_a_gift_card_is_no_parcel() -> None:
    card = changed(SHOPIFY_LINE, requires_shipping=False)

    assert events("fulfillments/create", changed(FULFILLMENT, line_items=[card])) == []


@pytest.mark.parametrize(
    ("status", "name"),
    [
        ("ready_for_pickup", "Order Ready for Pickup"),
        ("delayed", "Order Delayed"),
        ("delivered", "Order Delivered"),
        ("DELIVERED", "Order Delivered"),
        ("in_transit", None),
        ("whatever comes", None),
    ],
)
def test_what_a_carrier_says_becomes_what_the_order_updates_hear(
    status: str, name: str | None
) -> None:
    told = events("fulfillments/update", changed(FULFILLMENT, shipment_status=status))

    assert [event["event"] for event in told] == ["Order Shipped", *([name] if name else [])]


def test_a_carriers_own_event_says_when_and_until_when() -> None:
    body = {
        "id": 1,
        "fulfillment_id": 2501,
        "order_id": 450001,
        "status": "delayed",
        "happened_at": "2026-03-04T11:00:00Z",
        "estimated_delivery_at": "2026-03-09T11:00:00Z",
    }
    (told,) = events("fulfillment_events/create", body)

    assert (told["event"], told["timestamp"]) == ("Order Delayed", "2026-03-04T11:00:00Z")
    assert told["properties"]["delayed_until"] == "2026-03-09T11:00:00Z"


def test_a_refund_says_how_much_went_back() -> None:
    (told,) = events("refunds/create", REFUND)
    (again,) = named("orders/updated", changed(SHOPIFY_ORDER, refunds=[REFUND]), "Order Refunded")

    assert told == again
    assert (told["properties"]["total"], told["properties"]["currency"]) == ("645.00", "SEK")
    assert [line["quantity"] for line in told["properties"]["products"]] == [1]


@pytest.mark.parametrize(
    "transactions", [[], [{"kind": "void", "status": "success"}], [{"kind": "refund"}]]
)
def test_a_line_taken_off_an_unpaid_order_is_no_refund(transactions: list[Any]) -> None:
    assert events("refunds/create", changed(REFUND, transactions=transactions)) == []


def test_a_cart_is_its_visitors_and_whole() -> None:
    (told,) = events("carts/update", CART)

    assert (told["event"], told["anonymousId"]) == ("Cart Updated", "cart-token-1")
    assert (told["properties"]["cart_id"], told["properties"]["currency"]) == (
        "cart-token-1",
        "SEK",
    )
    assert [line["quantity"] for line in told["properties"]["products"]] == [2]


def test_a_checkout_joins_the_customer_to_the_visitor_of_its_cart() -> None:
    who, told = events("checkouts/create", CHECKOUT)

    assert (who["userId"], who["anonymousId"]) == ("7001", "cart-token-1")
    assert (told["event"], told["userId"], told["anonymousId"]) == (
        "Checkout Started",
        "7001",
        "cart-token-1",
    )
    assert told["properties"]["cart_id"] == "cart-token-1"
    assert told["properties"]["checkout_url"].endswith("recover?key=2")


def test_a_checkout_of_a_stranger_is_their_visitors_with_the_address_typed() -> None:
    who, told = events("checkouts/update", without(CHECKOUT, "customer"))

    assert (who["userId"], who["traits"]["email"]) == (None, EMAIL)
    assert told["userId"] is None


def test_a_completed_checkout_leaves_the_word_to_its_order() -> None:
    assert events("checkouts/update", changed(CHECKOUT, completed_at=PLACED_AT)) == []


@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("subscribed", "Email Subscribed"),
        ("SUBSCRIBED", "Email Subscribed"),
        ("unsubscribed", "Unsubscribed"),
        ("not_subscribed", "Unsubscribed"),
        ("redacted", "Unsubscribed"),
        ("invalid", "Unsubscribed"),
        ("pending", "Email Confirmation Requested"),
        ("a state of next year", None),
    ],
)
def test_each_state_of_consent_has_one_meaning(state: str, name: str | None) -> None:
    told = events("customers_email_marketing_consent/update", said(state))

    assert [event["event"] for event in told] == ([name] if name else [])
    assert all(event["timestamp"] == "2026-03-04T11:00:00Z" for event in told)


def test_consent_comes_with_its_evidence() -> None:
    (told,) = events("customers_email_marketing_consent/update", CONSENT)

    assert told["userId"] == "7001"
    assert told["properties"] == {
        "source": "shopify",
        "state": "subscribed",
        "opt_in_level": "single_opt_in",
        "email": EMAIL,
    }


def test_who_was_never_asked_has_said_nothing() -> None:
    assert (
        consent_of("customers_email_marketing_consent/update", said("not_subscribed", None)) == []
    )


def test_the_same_word_by_several_webhooks_is_one() -> None:
    customer = changed(CUSTOMER, email_marketing_consent=CONSENT["email_marketing_consent"])
    ways = {
        "customers_email_marketing_consent/update": CONSENT,
        "customers/update": customer,
        "orders/create": changed(SHOPIFY_ORDER, customer=customer),
        "checkouts/create": changed(CHECKOUT, customer=customer),
    }
    told = [
        event["messageId"]
        for topic, body in ways.items()
        for event in named(topic, body, "Email Subscribed", event_id=f"of {topic}")
    ]

    assert len(told) == 4
    assert len(set(told)) == 1


def test_a_ticked_box_of_a_checkout_alone_is_no_consent() -> None:
    # With double opt-in the box means `pending`; Shopify's own word on consent comes by itself.
    assert consent_of("orders/create", changed(SHOPIFY_ORDER, buyer_accepts_marketing=True)) == []


@pytest.mark.parametrize("topic", ["customers/create", "customers/update"])
def test_a_customer_without_an_address_does_not_break(topic: str) -> None:
    (told,) = events(topic, changed(CUSTOMER, email=None))

    assert told["userId"] == "7001"
    # An address that is gone from the shop is gone here.
    assert told["traits"].get("email", "none") == (None if topic.endswith("update") else "none")


def test_a_guest_is_known_by_the_hash_of_their_address() -> None:
    order = changed(SHOPIFY_ORDER, customer=None)
    who, _ = events("orders/create", order)
    (other, _) = events("orders/create", changed(order, email="  Astrid@Example.com "))

    assert who["userId"].startswith("guest-")
    assert "astrid" not in who["userId"]
    assert who["userId"] == other["userId"]


def test_an_order_at_the_till_without_a_name_is_nobodys() -> None:
    order = changed(SHOPIFY_ORDER, customer=None, email=None, contact_email="", cart_token=None)
    (told,) = events("orders/create", order)

    assert (told["userId"], told["anonymousId"]) == (None, "shopify-order-450001")


def test_a_prefix_keeps_two_systems_ids_apart() -> None:
    told = events("orders/create", SHOPIFY_ORDER, user_id_prefix="s-")

    assert {event["userId"] for event in told} == {"s-7001"}


def test_customers_merged_in_the_shop_are_one_contact() -> None:
    body = {
        "admin_graphql_api_customer_kept_id": "gid://shopify/Customer/1",
        "admin_graphql_api_customer_deleted_id": "gid://shopify/Customer/2",
        "status": "completed",
    }
    (told,) = events("customers/merge", body)

    assert (told["type"], told["userId"], told["previousId"]) == ("alias", "1", "2")
    assert events("customers/merge", changed(body, status="failed")) == []


def test_a_deleted_customer_gets_no_more_marketing() -> None:
    assert consent_of("customers/delete", {"id": 7001}) == ["Unsubscribed"]


@pytest.mark.parametrize("topic", sorted(TOPICS - {"shop/redact", "customers/merge"}))
def test_a_body_without_an_id_is_unusable(topic: str) -> None:
    with pytest.raises(Unusable):
        told_by_shopify(topic, {"something": "else"})


def test_a_topic_that_tells_nothing_is_unknown() -> None:
    with pytest.raises(UnknownTopic):
        told_by_shopify("inventory_levels/connect", {"id": 1})


def test_a_very_long_order_keeps_what_fits_into_an_event() -> None:
    lines = [changed(SHOPIFY_LINE, title="å" * 300, product_id=n) for n in range(500)]
    (told,) = named("orders/create", changed(SHOPIFY_ORDER, line_items=lines), "Order Completed")

    kept = told["properties"]["products"]
    assert 40 < len(kept) < 100
    assert told["properties"]["total"] == "1239.00"
