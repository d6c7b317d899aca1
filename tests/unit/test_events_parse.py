"""What is posted is parsed into events, or refused with a reason; nothing else can happen."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.events.parse import IncomingEvent, Refused, read_batch, read_one
from sekvens.events.segment import Malformed

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def parse(event: dict[str, Any], **batch: Any) -> IncomingEvent | Refused:
    posted = read_batch(json.dumps({"batch": [event], **batch}).encode(), received_at=NOW)
    return posted.events[0]


def track(**changes: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", "userId": "u", "messageId": "m"} | changes


def reason(event: dict[str, Any]) -> str:
    parsed = parse(event)
    assert isinstance(parsed, Refused)
    return parsed.reason


def test_a_clock_that_is_wrong_is_corrected_by_when_the_batch_left() -> None:
    event = track(timestamp="2031-01-01T00:00:00Z")
    parsed = parse(event, sentAt="2031-01-01T00:00:10Z")

    assert isinstance(parsed, IncomingEvent)
    assert parsed.occurred_at == NOW - timedelta(seconds=10)


def test_a_past_timestamp_of_an_import_is_kept() -> None:
    parsed = parse(track(timestamp="1997-01-12T00:00:00Z"))

    assert isinstance(parsed, IncomingEvent)
    assert parsed.occurred_at == datetime(1997, 1, 12, tzinfo=UTC)


def test_a_clock_a_little_ahead_means_now() -> None:
    parsed = parse(track(timestamp="2026-03-04T12:00:30Z"))

    assert isinstance(parsed, IncomingEvent)
    assert parsed.occurred_at == NOW


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"userId": None}, "neither userId nor anonymousId"),
        ({"userId": "u" * 256}, "longer than 255"),
        ({"messageId": "m" * 256}, "longer than 255"),
        ({"event": " "}, "needs `event`"),
        ({"event": "x" * 201}, "longer than 200"),
        ({"type": "tracks"}, "its `type` is none of"),
        ({"timestamp": "yesterday"}, "not ISO 8601"),
        ({"timestamp": "2026-03-06T00:00:00Z"}, "absurd"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "absurd"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "not ISO 8601"),
        ({"properties": {"note": "a\0b"}}, "NUL"),
        ({"properties": {"a\0b": 1}}, "NUL"),
        ({"properties": []}, "$.properties"),
        ({"properties": {"note": "x" * 33_000}}, "larger than 32 KB"),
        ({"properties": {"n": float("nan")}}, "not JSON"),
        ({"properties": {"n": float("inf")}}, "not JSON"),
        ({"properties": {"n": "\ud800"}}, "not JSON"),
        ({"userId": 1.5}, "$.userId"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_reason(change: dict[str, Any], said: str) -> None:
    assert said in reason(track(**change))


def test_an_event_nested_deeper_than_32_is_refused() -> None:
    nested: dict[str, Any] = {}
    for _ in range(32):
        nested = {"a": nested}

    assert "deeper than 32" in reason(track(properties=nested))


def nested(levels: int, message_id: str) -> bytes:
    deep = b'{"a":[' * levels + b'"]}"' + b"]}" * levels
    return (
        b'{"type": "track", "event": "A", "userId": "u", "messageId": "%s", "properties": %s}'
        % (message_id.encode(), deep)
    )


@pytest.mark.parametrize("levels", [20, 40, 600, 2000])
def test_an_event_nested_thousands_deep_is_refused_alone(levels: int) -> None:
    good = json.dumps(track(properties={"note": "[[{"})).encode()
    odd = json.dumps(track(properties={"n": float("nan")})).encode()
    deep = nested(levels, "deep")
    body = b'{"batch": [%s], "writeKey": "k"}' % b", ".join([good, deep, odd, good])
    posted = read_batch(body, received_at=NOW)
    alone = read_one(deep, kind="track", received_at=NOW)

    kinds = [type(event) for event in posted.events]
    assert kinds == [IncomingEvent, Refused, Refused, IncomingEvent]
    assert posted.write_key == "k"
    assert isinstance(alone.events[0], Refused)
    assert "deeper than 32" in alone.events[0].reason


def test_a_text_that_only_looks_like_a_nul_is_fine() -> None:
    assert isinstance(parse(track(properties={"note": "\\u0000"})), IncomingEvent)


def test_an_alias_needs_both_names() -> None:
    assert "previousId" in reason({"type": "alias", "userId": "u"})


def test_one_bad_event_leaves_its_neighbours_alone() -> None:
    batch = {"batch": [track(messageId="1"), track(properties={"n": float("nan")}), track()]}
    posted = read_batch(json.dumps(batch).encode(), received_at=NOW)

    kinds = [type(event) for event in posted.events]
    assert kinds == [IncomingEvent, Refused, IncomingEvent]


def test_a_missing_message_id_is_derived_and_the_same_for_a_repeat() -> None:
    event = track(messageId=None, timestamp="2026-03-04T11:00:00Z")
    first, again = parse(event), parse(event | {"sentAt": "2026-03-04T11:00:00Z"})
    other = parse(event | {"properties": {"a": 1}})

    ids = [event.message_id for event in (first, again, other) if isinstance(event, IncomingEvent)]
    assert ids[0] == ids[1] != ids[2]


def test_rudderstacks_identify_has_its_traits_in_the_context() -> None:
    parsed = parse(
        {
            "type": "identify",
            "userId": 17,
            "anonymousId": None,
            "context": {"traits": {"a": 1, "b": 1}, "locale": "sv-SE", "timezone": "Asia/Tokyo"},
            "traits": {"b": 2},
            "originalTimestamp": "2026-03-04T11:00:00.000Z",
            "sentAt": "2026-03-04T12:00:00.000Z",
        }
    )

    assert isinstance(parsed, IncomingEvent)
    assert parsed.user_id == "17"
    assert parsed.traits == {"a": 1, "b": 2, "locale": "sv-SE", "device_timezone": "Asia/Tokyo"}
    assert parsed.occurred_at == NOW - timedelta(hours=1)


def test_a_page_takes_its_url_from_the_context() -> None:
    parsed = parse(
        {"type": "page", "anonymousId": "a", "context": {"page": {"url": "https://s/1"}}}
    )

    assert isinstance(parsed, IncomingEvent)
    assert parsed.properties == {"url": "https://s/1"}


def test_the_batchs_context_stands_behind_each_events_own() -> None:
    parsed = parse(track(context={"locale": "en"}), context={"locale": "sv", "timezone": "UTC"})

    assert isinstance(parsed, IncomingEvent)
    assert parsed.traits == {"locale": "en", "device_timezone": "UTC"}


@pytest.mark.parametrize("kind", ["screen", "group"])
def test_screen_and_group_are_accepted_and_ignored(kind: str) -> None:
    body = json.dumps({"batch": [{"type": kind}]}).encode()

    assert read_batch(body, received_at=NOW).events == ()
    assert read_one(b"{}", kind=kind, received_at=NOW).events == ()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"batch": {}}', b'"x"', b"\xff", b"[" * 100_000, b'{"n": 1' + b"0" * 9999],
)
def test_a_body_that_is_no_batch_is_malformed_and_not_quoted(body: bytes) -> None:
    with pytest.raises(Malformed) as raised:
        read_batch(body, received_at=NOW)

    assert "0000" not in str(raised.value)


def test_a_batch_of_more_than_2500_events_is_malformed() -> None:
    with pytest.raises(Malformed, match="2500"):
        read_batch(b'{"batch": [' + b"{}," * 2500 + b"{}]}", received_at=NOW)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)
FIELDS = [
    "type",
    "event",
    "name",
    "userId",
    "anonymousId",
    "previousId",
    "messageId",
    "timestamp",
    "originalTimestamp",
    "sentAt",
    "properties",
    "traits",
    "context",
]
KINDS = st.sampled_from(["track", "identify", "alias", "page", "group", "?"])
EVENTS = st.dictionaries(st.sampled_from(FIELDS), JSON).flatmap(
    lambda event: KINDS.map(lambda kind: event | {"type": kind})
)


@given(st.lists(EVENTS | JSON, max_size=4), JSON, JSON)
def test_whatever_json_a_batch_holds_nothing_is_raised(
    events: list[Any], sent_at: Any, context: Any
) -> None:
    batch = {"batch": events, "sentAt": sent_at, "context": context, "writeKey": sent_at}
    posted = read_batch(json.dumps(batch).encode(), received_at=NOW)

    assert len(posted.events) <= len(events)
    assert all("\0" not in item.raw for item in posted.events if isinstance(item, Refused))


@given(st.binary(max_size=200))
def test_whatever_bytes_are_posted_they_are_read_or_malformed(body: bytes) -> None:
    for read in (
        lambda: read_batch(body, received_at=NOW),
        lambda: read_one(body, kind="track", received_at=NOW),
    ):
        try:
            read()
        except Malformed:
            continue


@pytest.mark.parametrize("given", [{}, {"cart_id": None}, {"cart_id": ""}])
def test_a_shop_that_names_no_cart_has_the_one(given: dict[str, Any]) -> None:
    parsed = parse(track(event="Product Added", properties={"product_id": "p"} | given))

    assert isinstance(parsed, IncomingEvent)
    assert parsed.properties["cart_id"] == "default"


def test_a_checkout_that_names_no_cart_is_about_the_one() -> None:
    parsed = parse(track(event="Checkout Started"))

    assert isinstance(parsed, IncomingEvent)
    assert parsed.properties == {"cart_id": "default"}


@pytest.mark.parametrize(
    "said",
    [
        {"name": "Tumvantar", "category": "Product"},
        {"properties": {"name": "Tumvantar", "category": "product"}},
        {"name": "A", "category": "b", "properties": {"name": "Tumvantar", "category": "PRODUCT"}},
    ],
)
def test_a_page_says_its_name_and_category_wherever_its_client_puts_them(
    said: dict[str, Any],
) -> None:
    parsed = parse({"type": "page", "userId": "u"} | said)

    assert isinstance(parsed, IncomingEvent)
    assert parsed.properties == {"name": "Tumvantar", "category": "product"}


def test_a_category_of_the_shops_own_stays_as_it_is() -> None:
    parsed = parse({"type": "page", "userId": "u", "category": "Blog"})

    assert isinstance(parsed, IncomingEvent)
    assert parsed.properties == {"category": "Blog"}
