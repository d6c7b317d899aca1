"""The description of the HTTP API: what FastAPI knows, and the schemas that msgspec reads by."""

from typing import Any, Final

import msgspec
from fastapi import FastAPI

from sekvens import __version__
from sekvens.events.segment import SegmentBatch, SegmentEvent
from sekvens.products.posted import PostedProducts
from sekvens.web.replies import Failure, ProductsKept

DESCRIPTION: Final = (
    "Post what contacts do, in the form of Segment's HTTP API: any of its clients works, pointed "
    "at this host. An event is answered with 200 once it is committed; one that cannot be used is "
    "kept with the reason and never fails its batch."
)

_REF: Final = "#/components/schemas/{name}"
_SUCCESS_SCHEMA: Final = {
    "type": "object",
    "properties": {"success": {"const": True}},
    "required": ["success"],
}

RETRY_AFTER: Final = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}

_SCHEMAS: Final = {
    "/v1/batch": SegmentBatch,
    "/v1/import": SegmentBatch,
    "/v1/products": PostedProducts,
}
_SUMMARIES: Final = {
    "/v1/batch": "Post several events",
    "/v1/import": "Post several past events",
    "/v1/track": "Something a contact did",
    "/v1/identify": "Who a contact is",
    "/v1/alias": "Two names for one contact",
    "/v1/page": "A page that a contact looked at",
    "/v1/screen": "Accepted and ignored",
    "/v1/group": "Accepted and ignored",
    "/v1/products": "What products are, cost, and how many are left",
}

_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "/v1/batch": {
        "batch": [
            {
                "type": "identify",
                "userId": "customer-17",
                "anonymousId": "visitor-9f2",
                "traits": {"email": "astrid@example.com", "firstName": "Astrid"},
                "messageId": "5b0c6f0e",
            },
            {
                "type": "track",
                "userId": "customer-17",
                "event": "Order Completed",
                "properties": {"order_id": "1042", "total": 899, "currency": "SEK"},
                "messageId": "0f9d1c3a",
            },
        ]
    },
    "/v1/import": {
        "batch": [
            {
                "type": "track",
                "userId": "customer-17",
                "event": "Order Completed",
                "timestamp": "2025-02-11T18:20:00Z",
                "properties": {"order_id": "871", "total": 449, "currency": "SEK"},
                "messageId": "order-871",
            }
        ]
    },
    "/v1/track": {
        "userId": "customer-17",
        "event": "Product Added",
        "properties": {
            "cart_id": "c-81",
            "product_id": "tröjan-hassela",
            "name": "Tröjan Hassela",
            "price": 1490,
            "quantity": 1,
        },
        "messageId": "c2f3a8d1",
    },
    "/v1/identify": {
        "userId": "customer-17",
        "anonymousId": "visitor-9f2",
        "traits": {"email": "astrid@example.com", "locale": "sv-SE"},
    },
    "/v1/alias": {"previousId": "visitor-9f2", "userId": "customer-17"},
    "/v1/page": {
        "anonymousId": "visitor-9f2",
        "properties": {"url": "https://shop.example/socks", "title": "Socks"},
    },
    "/v1/screen": {"userId": "customer-17", "name": "Start"},
    "/v1/group": {"userId": "customer-17", "groupId": "g-1"},
    "/v1/products": {
        "products": [
            {
                "product_id": "tröjan-hassela",
                "title": "Tröjan Hassela",
                "price": 1490,
                "url": "https://shop.example/hassela",
                "stock": 12,
            },
            {"product_id": "mossan-bengt", "stock": 0, "updated_at": "2026-03-04T09:00:00Z"},
            {"product_id": "halsduken-nianfors", "price": "599.00", "sale_price": "449.00"},
        ]
    },
}


def describe(path: str) -> dict[str, Any]:
    """Give what FastAPI needs to describe one route of ingress."""
    schema = _SCHEMAS.get(path, SegmentEvent)
    return {
        "summary": _SUMMARIES[path],
        "operation_id": path.removeprefix("/v1/"),
        "responses": {
            200: _json("Stored", _SUCCESS_SCHEMA),
            400: failure_response("The body is no JSON, not of the form, or larger than 4 MB"),
            401: failure_response("The write key is missing or wrong"),
            500: failure_response("A fault of ours"),
            503: failure_response("Nothing was acknowledged: post again", RETRY_AFTER),
        },
        "openapi_extra": {
            "security": [{"writeKey": []}, {}],
            "requestBody": {
                "required": True,
                "description": "May be gzip, by Content-Encoding; 4 MB, each of several 32 KB",
                "content": {
                    "application/json": {
                        "schema": {"$ref": _REF.format(name=schema.__name__)},
                        "example": _EXAMPLES[path],
                    }
                },
            },
        },
        "response_model": None,
    }


def describe_products() -> dict[str, Any]:
    """Give what FastAPI needs to describe the route that products come to."""
    described = describe("/v1/products")
    described["responses"][200] = _json(
        "Stored, each but those that are named as rejected",
        {"$ref": _REF.format(name=ProductsKept.__name__)},
    )
    return described


def describe_adapter(source: str, name: str, *, header: str) -> dict[str, Any]:
    """Give what FastAPI needs to describe the route that one platform's webhooks come to."""
    return {
        "summary": f"{name}'s webhooks",
        "description": f"Any topic, as {name} posts it. The body is signed in `{header}`.",
        "operation_id": f"adapter_{source}",
        "responses": {
            200: _json("Stored, or kept with the reason why it cannot be used", _SUCCESS_SCHEMA),
            400: failure_response("The body broke off"),
            401: failure_response("The signature is missing or wrong"),
            403: failure_response("The shop is not one of those that may post"),
            404: failure_response("No secret is set: the adapter is switched off"),
            413: failure_response("The body is larger than 4 MB"),
            500: failure_response("A fault of ours"),
            503: failure_response(
                "Nothing was acknowledged: it is posted again",
                {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
            ),
        },
        "openapi_extra": {
            "parameters": [
                {
                    "name": header,
                    "in": "header",
                    "required": True,
                    "description": "HMAC-SHA256 of the raw body, in base64",
                    "schema": {"type": "string"},
                }
            ],
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
        },
        "response_model": None,
    }


def failure_response(description: str, headers: dict[str, Any] | None = None) -> dict[str, Any]:
    """Describe an error reply."""
    response = _json(description, {"$ref": _REF.format(name=Failure.__name__)})
    return response | {"headers": headers} if headers else response


def page_response(description: str) -> dict[str, Any]:
    """Describe a reply that is a page for people."""
    return {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def build(app: FastAPI) -> dict[str, Any]:
    """Build the whole description; the app keeps it."""
    from fastapi.openapi.utils import get_openapi

    description = get_openapi(
        title="Sekvens",
        version=__version__,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[
            {"name": "Events", "description": "For the shop's backend, with its write key."},
            {"name": "Products", "description": "For the shop's backend, with its write key."},
            {"name": "Platforms", "description": "For shop platforms, which sign what they post."},
            {"name": "Links", "description": "For contacts: what their e-mails link to."},
            {"name": "Sign-up", "description": "For whoever would like the shop's e-mails."},
            {"name": "Service", "description": "For whoever runs it."},
        ],
    )
    for path in description["paths"].values():
        for operation in path.values():
            # FastAPI's reply to a parameter that it refuses; ours are texts, and any text is one.
            operation["responses"].pop("422", None)
    _, components = msgspec.json.schema_components(
        [SegmentEvent, SegmentBatch, PostedProducts, ProductsKept, Failure], ref_template=_REF
    )
    description["components"] = {
        "schemas": components,
        "securitySchemes": {
            "writeKey": {
                "type": "http",
                "scheme": "basic",
                "description": "HTTP Basic, with the write key as the user name and no password. "
                "A client that sends no such header may put writeKey into the body.",
            }
        },
    }
    return description
