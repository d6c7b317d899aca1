"""Bad input of every kind, as one table: what is posted, and what must become of it.

Used at three levels: read and stored (`test_bad_input.py`), posted to the app in the process
(`test_bad_input_http.py`), and posted into the running services (`tests/chaos/test_bad_input.py`).
Each kind may be posted for any contact, so that nobody's bad input hides behind another's.
"""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sekvens.web.posting import BODY_BYTES_MAX

Expected = Literal["refused", "taken"]


@dataclass(frozen=True, kw_only=True)
class BadEvent:
    """One bad event. `refused`: it is kept among the rejected; `taken`: as the event that it is."""

    kind: str
    expected: Expected
    posted: Any  #: what `json.dumps` makes an event of
    raw: bytes | None = None  #: or the bytes themselves, where no JSON writer would write them

    def body(self, user: str) -> bytes:
        """Write the event as it stands in a batch, about this user."""
        if self.raw is not None:
            return self.raw.replace(b"USER", user.encode())
        return json.dumps(self.posted).replace("USER", user).encode()


@dataclass(frozen=True, kw_only=True)
class BadRequest:
    """One request that cannot be used as a whole, and the answers that say so."""

    kind: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    path: str = "/v1/batch"
    statuses: frozenset[int] = frozenset({400})


def batch(*events: bytes) -> bytes:
    """Write a batch of events that are written already."""
    return b'{"batch": [' + b", ".join(events) + b"]}"


def good(user: str, message_id: str, name: str = "Product Viewed") -> bytes:
    """Write an event that nothing is wrong with."""
    posted = {"type": "track", "event": name, "userId": user, "messageId": message_id}
    return json.dumps(posted | {"properties": {"product_id": "p-1", "name": "Tröja"}}).encode()


def _track(event: Any = "Product Viewed", properties: Any = None, **more: Any) -> dict[str, Any]:
    given = {"type": "track", "event": event, "userId": "USER", "properties": properties or {}}
    return given | more


def _identify(**traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": "USER", "traits": traits}


def _written(properties: bytes) -> bytes:
    return (
        b'{"type": "track", "event": "Product Viewed", "userId": "USER", "properties": %s}'
        % properties
    )


_LONG: Final = "å" * 10_000
_DEEP: Final = b"[" * 5_000 + b"]" * 5_000

#: Values of a wrong kind for any field.
ODD_VALUES: Final[Mapping[str, Any]] = {
    "nothing": None,
    "true": True,
    "zero": 0,
    "negative": -1,
    "fraction": 0.1 + 0.2,
    "huge": 10**30,
    "tiny": 1e-300,
    "empty text": "",
    "spaces": " \t\n ",
    "long text": "x" * 3000,
    "markup": "<script>alert(1)</script>{{ 7*7 }}{% raw %}[x](javascript:alert(1))",
    "header": "Maja\r\nBcc: all@kund.example\u2028X: y\u202egnp",
    "list": [],
    "lists": [[["x"]], None, 1],
    "object": {},
    "objects": {"a": {"b": [None]}},
}

#: The fields that our code reads, by the event that carries them.
FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Product Viewed": ("product_id", "name", "price", "currency", "url", "image_url", "category"),
    "Product Added": ("cart_id", "product_id", "sku", "variant", "name", "price", "quantity"),
    "Product Removed": ("cart_id", "product_id", "quantity"),
    "Cart Updated": ("cart_id", "products", "currency"),
    "Checkout Started": ("cart_id", "order_id", "checkout_id", "products", "payment_status"),
    "Order Completed": (
        "order_id", "cart_id", "products", "total", "revenue", "currency", "tax", "shipping",
        "discount", "coupon", "coupons", "discount_codes", "payment_method", "financial_status",
    ),
    "Order Updated": ("order_id", "products", "coupon", "total"),
    "Order Shipped": ("order_id", "carrier", "tracking_url", "expected_on"),
    "Order Ready for Pickup": ("order_id", "pickup_place", "pickup_until"),
    "Order Delayed": ("order_id", "delayed_until", "reason"),
    "Order Delivered": ("order_id",),
    "Order Refunded": ("order_id", "total"),
    "Return Started": ("order_id", "products"),
    "Complaint Opened": ("case_id", "order_id"),
    "Complaint Resolved": ("case_id",),
    "Product Reviewed": ("product_id", "review_id", "review_body", "rating", "locale"),
    "Question Answered": ("question", "answer"),
    "Contact Suppressed": ("reason", "email"),
    "Email Subscribed": ("email", "source"),
    "Referral Rewarded": ("offer", "friend_order_id"),
}  # fmt: skip
TRAITS: Final = (
    "email", "first_name", "firstName", "last_name", "locale", "timezone", "country", "address",
    "birthday",
)  # fmt: skip

#: Days that no calendar of ours reaches, or nobody was born on.
ABSURD_DATES: Final = (
    "0001-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31", "9999-12-31T23:59:59-12:00",
    "+275760-09-13T00:00:00Z", "275760-09-13", "-000001-01-01", "1969-12-31T23:59:59Z",
    "2026-02-30", "2026-13-01", "2026-W01-1", "tomorrow", "0", "1e9",
    "\u0662\u0660\u0662\u0666-01-01",
)  # fmt: skip

#: Addresses that SES would take from nobody.
BAD_ADDRESSES: Final = (
    "maja", "maja@", "@kund.example", "maja alm@kund.example", "maja@kund .example",
    "maja@kund.example,all@kund.example", "maja@kund.example;all@kund.example",
    '"maja alm"@kund.example', "Maja <maja@kund.example>", "maja@kund", "maja@kund..example",
    "maja@kund.example.", ".maja@kund.example", "maja.@kund.example", "måja@kund.example",
    "m" * 65 + "@kund.example", "m@" + "k" * 64 + ".example", "m@" + "k." * 150 + "example",
    "maja@[127.0.0.1]", "maja@-kund.example", "maja@kund.example\r\nBcc: all@kund.example",
    "maja\u202e@kund.example", "maja@kund.example\x7f",
)  # fmt: skip


def _refused(kind: str, posted: Any = None, raw: bytes | None = None) -> BadEvent:
    return BadEvent(kind=kind, expected="refused", posted=posted, raw=raw)


def _taken(kind: str, posted: Any = None, raw: bytes | None = None) -> BadEvent:
    return BadEvent(kind=kind, expected="taken", posted=posted, raw=raw)


_REFUSED: Final = [
    _refused("no object: a text", "Order Completed"),
    _refused("no object: a list", [1, 2]),
    _refused("no object: null", None, b"null"),
    _refused("too large", _track(properties={"note": "x" * 40_000})),
    _refused("10,000 products", _track("Order Completed", {"products": [{"name": "x"}] * 10_000})),
    _refused("nested 33 deep", raw=_written(b'{"a":' * 33 + b"1" + b"}" * 33)),
    _refused("nested 5,000 deep", raw=_written(_DEEP)),
    _refused("nested 5,000 deep in the context", raw=b'{"type": "track", "context": %s}' % _DEEP),
    _refused("NUL in a value", _track(properties={"name": "a\0b"})),
    _refused("NUL in a key", _track(properties={"a\0b": 1})),
    _refused("NUL in an id", _track(userId="USER\0")),
    _refused("half a surrogate pair", raw=_written(b'{"name": "\\ud83d"}')),
    _refused("a surrogate pair the wrong way round", raw=_written(b'{"name": "\\ude00\\ud83d"}')),
    _refused("NaN", raw=_written(b'{"price": NaN}')),
    _refused("Infinity", raw=_written(b'{"price": -Infinity}')),
    _refused("no ids", _track(userId=None)),
    _refused("empty ids", _track(userId="", anonymousId="")),
    _refused("ids of spaces", _track(userId="  ", anonymousId="\u2028")),
    _refused("an id of 10,000 characters", _track(userId=_LONG)),
    _refused("a visitor's id of 10,000 characters", _track(anonymousId=_LONG)),
    _refused("a messageId of 10,000 characters", _track(messageId=_LONG)),
    _refused("an id that is a list", _track(userId=["USER"])),
    _refused("an id that is an object", _track(userId={"id": "USER"})),
    _refused("an id that is a fraction", _track(userId=1.5)),
    _refused("an id that is true", _track(userId=True)),
    _refused("no type", {"event": "Product Viewed", "userId": "USER"}),
    _refused("an unknown type", _track(type="charge")),
    _refused("a type that is a number", _track(type=7)),
    _refused("no name", _track(None)),
    _refused("a name of spaces", _track("   ")),
    _refused("a name of 10,000 characters", _track(_LONG)),
    _refused("a name that is a number", _track(7)),
    _refused("properties that are a list", _track(properties=[1])),
    _refused("properties that are a text", _track(properties="x")),
    _refused("traits that are a list", {"type": "identify", "userId": "USER", "traits": [1]}),
    _refused("an alias without its other name", {"type": "alias", "userId": "USER"}),
    *(
        _refused(f"happened at {at}", _track(timestamp=at))
        for at in ABSURD_DATES
        if at != "2026-W01-1"
    ),
    _refused("happened in 1969", _track(timestamp="1969-07-20T20:17:00Z")),
    _refused("happened at a number", _track(timestamp=-1)),
]

_TAKEN: Final = [
    _taken("the same key twice", raw=_written(b'{"price": 1, "price": "two"}')),
    _taken("a number of 300 digits", raw=_written(b'{"price": 1' + b"0" * 300 + b"}")),
    _taken("a negative price", _track(properties={"product_id": "p", "name": "T", "price": -199})),
    _taken("sent at an absurd time", _track(sentAt="9999-12-31T23:59:59Z")),
    _taken("an id that is an address", _track(userId="USER@kund.example")),
    _taken("an id with a path in it", _track(userId="USER/../../c-1")),
    _taken("a visitor's id that is an address", _track(anonymousId="USER@kund.example")),
    _taken("an id that is a number", _track(anonymousId=10**30)),
    _taken("a name with markup", _track("<b>{{ 7*7 }}</b>")),
    _taken("a name with line ends", _track("Product\r\nViewed\u2028X")),
    _taken("a trait's name of 10,000 characters", _identify(**{"n" * 10_000: 1})),
    _taken("a thousand traits", _identify(**{f"t{number}": number for number in range(1000)})),
    _taken("properties with odd names", _track(properties={"": 1, "__proto__": 2, "$where": "1"})),
    _taken("a context of odd kinds", _track(context={"page": 7, "traits": [], "locale": {}})),
    _taken("300 products", _track("Order Completed", {"products": [{"name": "x"}] * 300})),
    _taken(
        "products of every odd kind",
        _track("Order Completed", {"products": [*ODD_VALUES.values()]}),
    ),
    _taken(
        "products whose fields are of every odd kind",
        _track(
            "Cart Updated",
            {
                "cart_id": "odd",
                "products": [
                    {"name": "T", "product_id": value, "price": value, "quantity": value}
                    for value in ODD_VALUES.values()
                ],
            },
        ),
    ),
    *(
        _taken(f"{event}: {name} is {kind}", _track(event, {"order_id": "o-USER", name: value}))
        for event, names in FIELDS.items()
        for name in names
        for kind, value in ODD_VALUES.items()
    ),
    *(
        _taken(f"trait {name} is {kind}", _identify(**{name: value}))
        for name in TRAITS
        for kind, value in ODD_VALUES.items()
    ),
    *(_taken(f"address {address[:40]!r}", _identify(email=address)) for address in BAD_ADDRESSES),
    *(_taken(f"birthday {day}", _identify(birthday=day)) for day in ABSURD_DATES),
    *(
        _taken(f"{event}: {name} is {day}", _track(event, {"order_id": "o-USER", name: day}))
        for event, name in (
            ("Order Shipped", "expected_on"),
            ("Order Ready for Pickup", "pickup_until"),
            ("Order Delayed", "delayed_until"),
        )
        for day in ABSURD_DATES
    ),
]

EVENTS: Final = (*_REFUSED, *_TAKEN)

_GZIP: Final = {"Content-Encoding": "gzip"}
_BOMB: Final = gzip.compress(bytes(25 * BODY_BYTES_MAX), compresslevel=1)

REQUESTS: Final = (
    BadRequest(kind="nothing", body=b""),
    BadRequest(kind="no JSON", body=b"batch=1"),
    BadRequest(kind="broken off", body=b'{"batch": [{"type": "tra'),
    BadRequest(kind="no UTF-8", body=b'{"batch": ["\xff\xfe"]}'[:12]),
    BadRequest(kind="a list", body=b"[]"),
    BadRequest(kind="a number", body=b"17"),
    BadRequest(kind="no batch", body=b"{}"),
    BadRequest(kind="a batch that is an object", body=b'{"batch": {}}'),
    BadRequest(kind="a million brackets", body=b"[" * 1_000_000),
    BadRequest(kind="2,501 events", body=batch(*[b"{}"] * 2501)),
    BadRequest(kind="10 MB", body=b'{"batch": ["' + b"x" * (10 * 1024 * 1024) + b'"]}'),
    BadRequest(kind="an event of 10 MB", path="/v1/track",
               body=_written(b'{"note": "%s"}' % (b"x" * (10 * 1024 * 1024)))),
    BadRequest(kind="no gzip", body=b'{"batch": []}', headers=_GZIP),
    BadRequest(kind="gzip broken off", body=gzip.compress(b'{"batch": []}')[:-4], headers=_GZIP),
    BadRequest(kind="a gzip bomb", body=_BOMB, headers=_GZIP),
    BadRequest(kind="another encoding", body=b"x", headers={"Content-Encoding": "br"}),
    BadRequest(kind="encoded twice", body=b"x", headers={"Content-Encoding": "gzip, gzip"}),
    BadRequest(kind="a path of nothing", body=b"{}", path="/v1/tracks", statuses=frozenset({404})),
)  # fmt: skip
