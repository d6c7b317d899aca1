"""Webhooks as platforms post them: their documented shapes, full once, with values made up here.

Shopify: shopify.dev/docs/api/webhooks (orders/create, checkouts/create, carts/update, …).
WooCommerce: developer.woocommerce.com/docs/apis/rest-api/v3/orders and …/customers.
"""

import copy
import json
from typing import Any

import httpx

from sekvens.events.adapters import shopify, woocommerce
from sekvens.events.adapters.reading import Told, Webhook
from sekvens.events.adapters.signature import sign
from tests.unit.ingesting import NOON

SHOPIFY_SECRET = "shpss_made_up_for_tests"
WOO_SECRET = "a secret of the woo shop"
SHOPIFY_SHOP = "hallgrensylle.myshopify.com"
WOO_SHOP = "butik.hallgrensylle.example"
SETTINGS = {
    "SEKVENS_ADAPTERS__SHOPIFY__SECRETS": f"shpss_the_next_secret,{SHOPIFY_SECRET}",
    "SEKVENS_ADAPTERS__SHOPIFY__SHOPS": SHOPIFY_SHOP,
    "SEKVENS_ADAPTERS__WOOCOMMERCE__SECRETS": WOO_SECRET,
    "SEKVENS_ADAPTERS__WOOCOMMERCE__SHOPS": WOO_SHOP,
    "SEKVENS_ADAPTERS__WOOCOMMERCE__CONSENT_KEY": "_newsletter",
}

EMAIL = "astrid@example.com"
PLACED_AT = "2026-03-04T12:40:00+01:00"  # 11:40 UTC
ADDRESS = {
    "first_name": "Astrid",
    "address1": "Storgatan 1",
    "address2": None,
    "phone": "+46700000000",
    "city": "Delsbo",
    "zip": "820 60",
    "province": None,
    "country": "Sweden",
    "last_name": "Öberg",
    "company": None,
    "latitude": 61.8,
    "longitude": 16.5,
    "name": "Astrid Öberg",
    "country_code": "SE",
    "province_code": None,
}
CUSTOMER: dict[str, Any] = {
    "id": 7001,
    "created_at": "2026-01-02T10:00:00+01:00",
    "updated_at": PLACED_AT,
    "first_name": "Astrid",
    "last_name": "Öberg",
    "state": "enabled",
    "note": None,
    "verified_email": True,
    "multipass_identifier": None,
    "tax_exempt": False,
    "email": EMAIL,
    "phone": None,
    "currency": "SEK",
    "tax_exemptions": [],
    "admin_graphql_api_id": "gid://shopify/Customer/7001",
    "default_address": {"id": 801, "customer_id": 7001, "default": True, **ADDRESS},
}


def _both(amount: str, seen: str | None = None, currency: str = "SEK") -> dict[str, Any]:
    return {
        "shop_money": {"amount": amount, "currency_code": "SEK"},
        "presentment_money": {"amount": seen or amount, "currency_code": currency},
    }


SHOPIFY_LINE: dict[str, Any] = {
    "id": 9001,
    "admin_graphql_api_id": "gid://shopify/LineItem/9001",
    "attributed_staffs": [],
    "current_quantity": 2,
    "fulfillable_quantity": 2,
    "fulfillment_service": "manual",
    "fulfillment_status": None,
    "gift_card": False,
    "grams": 600,
    "name": "Dellen jumper - Blue",
    "price": "645.00",
    "price_set": _both("645.00"),
    "product_exists": True,
    "product_id": 5001,
    "properties": [],
    "quantity": 2,
    "requires_shipping": True,
    "sku": "DELLEN-BLUE",
    "taxable": True,
    "title": "Dellen jumper",
    "total_discount": "0.00",
    "total_discount_set": _both("0.00"),
    "variant_id": 6001,
    "variant_inventory_management": "shopify",
    "variant_title": "Blue",
    "vendor": "Hallgrens Ylle",
    "tax_lines": [],
    "duties": [],
    "discount_allocations": [],
}
SHOPIFY_ORDER: dict[str, Any] = {
    "id": 450001,
    "admin_graphql_api_id": "gid://shopify/Order/450001",
    "app_id": 580111,
    "browser_ip": "192.0.2.1",
    "buyer_accepts_marketing": True,
    "cancel_reason": None,
    "cancelled_at": None,
    "cart_token": "cart-token-1",
    "checkout_id": 36001,
    "checkout_token": "checkout-token-1",
    "client_details": {"accept_language": "sv", "browser_height": None, "browser_ip": "192.0.2.1"},
    "closed_at": None,
    "confirmation_number": "XA1B2C3D4",
    "confirmed": True,
    "contact_email": EMAIL,
    "created_at": PLACED_AT,
    "currency": "SEK",
    "current_subtotal_price": "1190.00",
    "current_total_discounts": "100.00",
    "current_total_price": "1239.00",
    "current_total_price_set": _both("1239.00"),
    "current_total_tax": "247.80",
    "customer_locale": "sv-SE",
    "device_id": None,
    "discount_codes": [{"code": "DORIS-7K2Q9M", "amount": "100.00", "type": "fixed_amount"}],
    "email": EMAIL,
    "estimated_taxes": False,
    "financial_status": "paid",
    "fulfillment_status": None,
    "landing_site": "/",
    "location_id": None,
    "name": "#1042",
    "note": None,
    "note_attributes": [],
    "number": 42,
    "order_number": 1042,
    "payment_gateway_names": ["Klarna"],
    "phone": None,
    "presentment_currency": "SEK",
    "processed_at": PLACED_AT,
    "reference": None,
    "referring_site": "",
    "source_name": "web",
    "subtotal_price": "1190.00",
    "subtotal_price_set": _both("1190.00"),
    "tags": "",
    "tax_exempt": False,
    "tax_lines": [],
    "taxes_included": True,
    "test": False,
    "token": "b1946ac92492d2347c6235b4d2611184",
    "total_discounts": "100.00",
    "total_discounts_set": _both("100.00"),
    "total_line_items_price": "1290.00",
    "total_outstanding": "0.00",
    "total_price": "1239.00",
    "total_price_set": _both("1239.00"),
    "total_shipping_price_set": _both("49.00"),
    "total_tax": "247.80",
    "total_tax_set": _both("247.80"),
    "total_tip_received": "0.00",
    "total_weight": 1200,
    "updated_at": PLACED_AT,
    "user_id": None,
    "billing_address": ADDRESS,
    "customer": CUSTOMER,
    "discount_applications": [],
    "fulfillments": [],
    "line_items": [SHOPIFY_LINE],
    "payment_terms": None,
    "refunds": [],
    "shipping_address": ADDRESS,
    "shipping_lines": [{"id": 1, "code": "post", "price": "49.00", "title": "Posten"}],
}
FULFILLMENT: dict[str, Any] = {
    "id": 2501,
    "order_id": 450001,
    "status": "success",
    "created_at": "2026-03-04T12:50:00+01:00",
    "service": "manual",
    "updated_at": "2026-03-04T12:50:00+01:00",
    "tracking_company": "PostNord",
    "shipment_status": None,
    "location_id": 1,
    "origin_address": None,
    "email": EMAIL,
    "destination": ADDRESS,
    "line_items": [SHOPIFY_LINE],
    "tracking_number": "SE0001",
    "tracking_numbers": ["SE0001"],
    "tracking_url": "https://tracking.example/SE0001",
    "tracking_urls": ["https://tracking.example/SE0001"],
    "receipt": {},
    "name": "#1042.1",
}
REFUND: dict[str, Any] = {
    "id": 3301,
    "order_id": 450001,
    "created_at": "2026-03-04T12:55:00+01:00",
    "note": None,
    "user_id": 1,
    "processed_at": "2026-03-04T12:55:00+01:00",
    "duties": [],
    "refund_line_items": [
        {"id": 1, "line_item_id": 9001, "quantity": 1, "subtotal": 645, "line_item": SHOPIFY_LINE}
    ],
    "transactions": [
        {
            "id": 1,
            "order_id": 450001,
            "amount": "645.00",
            "kind": "refund",
            "gateway": "Klarna",
            "status": "success",
            "currency": "SEK",
        }
    ],
    "order_adjustments": [],
}
CART: dict[str, Any] = {
    "id": "cart-token-1",
    "token": "cart-token-1",
    "line_items": [
        SHOPIFY_LINE | {"id": 6001, "key": "6001:abc", "line_price": "1290.00", "discounts": []}
    ],
    "note": "",
    "updated_at": "2026-03-04T10:00:00Z",
    "created_at": "2026-03-04T09:59:00Z",
}
CHECKOUT: dict[str, Any] = {
    "id": 36001,
    "token": "checkout-token-1",
    "cart_token": "cart-token-1?key=abc",
    "email": EMAIL,
    "gateway": None,
    "buyer_accepts_marketing": False,
    "created_at": "2026-03-04T10:30:00+00:00",
    "updated_at": "2026-03-04T10:31:00+00:00",
    "completed_at": None,
    "currency": "SEK",
    "presentment_currency": "SEK",
    "customer_locale": "sv-SE",
    "name": "#36001",
    "abandoned_checkout_url": "https://hallgrensylle.example/checkouts/ac/1/recover?key=2",
    "discount_codes": [],
    "shipping_lines": [],
    "line_items": [SHOPIFY_LINE],
    "subtotal_price": "1290.00",
    "total_discounts": "0.00",
    "total_price": "1290.00",
    "total_tax": "258.00",
    "billing_address": None,
    "shipping_address": ADDRESS,
    "customer": CUSTOMER,
}
CONSENT: dict[str, Any] = {
    "customer_id": 7001,
    "email_address": EMAIL,
    "email_marketing_consent": {
        "state": "subscribed",
        "opt_in_level": "single_opt_in",
        "consent_updated_at": "2026-03-04T11:00:00Z",
    },
}
REDACT: dict[str, Any] = {
    "shop_id": 954001,
    "shop_domain": SHOPIFY_SHOP,
    "customer": {"id": 7001, "email": EMAIL, "phone": None},
    "orders_to_redact": [450001],
}

WOO_BILLING = {
    "first_name": "Astrid",
    "last_name": "Öberg",
    "company": "",
    "address_1": "Storgatan 1",
    "address_2": "",
    "city": "Delsbo",
    "state": "",
    "postcode": "820 60",
    "country": "SE",
    "email": EMAIL,
    "phone": "",
}
WOO_ORDER: dict[str, Any] = {
    "id": 450001,
    "parent_id": 0,
    "status": "processing",
    "currency": "SEK",
    "version": "10.3.0",
    "prices_include_tax": True,
    "date_created": "2026-03-04T12:40:00",
    "date_modified": "2026-03-04T12:40:00",
    "discount_total": "80.00",
    "discount_tax": "20.00",
    "shipping_total": "39.20",
    "shipping_tax": "9.80",
    "cart_tax": "238.00",
    "total": "1239.00",
    "total_tax": "247.80",
    "customer_id": 7001,
    "order_key": "wc_order_made_up",
    "billing": WOO_BILLING,
    "shipping": {key: value for key, value in WOO_BILLING.items() if key != "email"},
    "payment_method": "klarna_payments",
    "payment_method_title": "Klarna",
    "transaction_id": "",
    "customer_ip_address": "192.0.2.1",
    "customer_user_agent": "",
    "created_via": "checkout",
    "customer_note": "",
    "date_completed": None,
    "date_paid": "2026-03-04T12:40:00",
    "cart_hash": "f99f00ff",
    "number": "1042",
    "meta_data": [],
    "line_items": [
        {
            "id": 1,
            "name": "Dellen jumper - Blue",
            "product_id": 5001,
            "variation_id": 6001,
            "quantity": 2,
            "tax_class": "",
            "subtotal": "1032.00",
            "subtotal_tax": "258.00",
            "total": "952.00",
            "total_tax": "238.00",
            "taxes": [],
            "meta_data": [],
            "sku": "DELLEN-BLUE",
            "price": 476,
            "image": {"id": "1", "src": ""},
            "parent_name": "Dellen jumper",
        }
    ],
    "tax_lines": [],
    "shipping_lines": [{"id": 2, "method_title": "Posten", "method_id": "flat_rate"}],
    "fee_lines": [],
    "coupon_lines": [{"id": 3, "code": "doris-7k2q9m", "discount": "80", "discount_tax": "20"}],
    "refunds": [],
    "payment_url": "https://butik.hallgrensylle.example/checkout/order-pay/450001/?key=wc_order",
    "is_editable": False,
    "needs_payment": False,
    "needs_processing": True,
    "date_created_gmt": "2026-03-04T11:40:00",
    "date_modified_gmt": "2026-03-04T11:40:00",
    "date_completed_gmt": None,
    "date_paid_gmt": "2026-03-04T11:40:00",
    "currency_symbol": "kr",
}
WOO_CUSTOMER: dict[str, Any] = {
    "id": 7001,
    "date_created": "2026-03-04T11:00:00",
    "date_created_gmt": "2026-03-04T10:00:00",
    "date_modified": "2026-03-04T12:00:00",
    "date_modified_gmt": "2026-03-04T11:00:00",
    "email": EMAIL,
    "first_name": "Astrid",
    "last_name": "Öberg",
    "role": "customer",
    "username": "astrid",
    "billing": WOO_BILLING,
    "shipping": {},
    "is_paying_customer": False,
    "meta_data": [],
}


def changed(body: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Copy a payload with changes."""
    return copy.deepcopy(body) | changes


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    """Copy a payload without some of it."""
    return {name: value for name, value in body.items() if name not in names}


def told_by_shopify(topic: str, body: Any, event_id: str = "e1", **more: Any) -> Told:
    """Read one of Shopify's payloads."""
    return shopify.read(
        Webhook(
            source="shopify",
            topic=topic,
            body=body,
            event_id=event_id,
            **({"received_at": NOON} | more),
        )
    )


def told_by_woo(topic: str, body: Any, **more: Any) -> Told:
    """Read one of WooCommerce's payloads."""
    event_id = woocommerce.contents_id(json.dumps(body).encode())
    return woocommerce.read(
        Webhook(
            source="woocommerce",
            topic=topic,
            body=body,
            event_id=event_id,
            **({"received_at": NOON} | more),
        )
    )


async def post_shopify(
    client: httpx.AsyncClient, topic: str, body: Any, event_id: str = "e1", **headers: str
) -> httpx.Response:
    """Post a webhook as Shopify does; `headers` without their `X-Shopify-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    sent = {
        "Topic": topic,
        "Hmac-Sha256": sign(raw, SHOPIFY_SECRET),
        "Shop-Domain": SHOPIFY_SHOP,
        "API-Version": "2026-10",
        "Webhook-Id": f"delivery-of-{event_id}",
        "Event-Id": event_id,
        "Triggered-At": "2026-03-04T11:59:00Z",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(
        "/v1/adapters/shopify",
        content=raw,
        headers={f"X-Shopify-{name}".encode(): value.encode() for name, value in sent.items()},
        auth=None,
    )


async def post_woo(
    client: httpx.AsyncClient, topic: str, body: Any, **headers: str
) -> httpx.Response:
    """Post a webhook as WooCommerce does; `headers` without their `X-WC-Webhook-`."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    resource, _, event = topic.partition(".")
    sent = {
        "Source": f"https://{WOO_SHOP}/",
        "Topic": topic,
        "Resource": resource,
        "Event": event,
        "Signature": sign(raw, WOO_SECRET),
        "ID": "1",
        "Delivery-ID": "27fcde6d5ed88139d07a62e0aa86a11c",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post(
        "/v1/adapters/woocommerce",
        content=raw,
        headers={f"X-WC-Webhook-{name}".encode(): value.encode() for name, value in sent.items()},
        auth=None,
    )
