"""The wire of Segment's HTTP API, as its clients and RudderStack's really write it.

Ids may be numbers or null, traits may stand in the context, and JSON may hold what JSON does not
allow. A batch is read so that each of its events can fail by itself.
"""

import json
import re
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from sekvens.errors import SekvensError

#: Segment's own limit for one batch.
BATCH_EVENTS_MAX: Final = 2500
#: No reader goes down thousands of levels. Deeper than any event may be, so that one which was cut
#: off here is still refused for its depth, and alone.
LEVELS_MAX: Final = 64
_STRINGS_AND_BRACKETS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{\]}]', re.DOTALL)

Id: TypeAlias = str | int | None
Object: TypeAlias = dict[str, Any] | None


class Malformed(SekvensError):
    """The request's body cannot be read as JSON of the expected form."""


class SegmentEvent(msgspec.Struct, rename="camel", kw_only=True):
    """One message of Segment's API. `userId` or `anonymousId` is required."""

    type: Annotated[
        str | None,
        Meta(description="In a batch: track, identify, alias, page; screen and group are ignored"),
    ] = None
    event: Annotated[str | None, Meta(description="Of a track: the event's name")] = None
    name: Annotated[str | None, Meta(description="Of a page: its name")] = None
    category: Annotated[Any, Meta(description="Of a page: product, warranty, press, support")] = (
        None
    )
    user_id: Annotated[Id, Meta(description="The contact's id in the shop")] = None
    anonymous_id: Annotated[Id, Meta(description="A visitor's id, before they are known")] = None
    previous_id: Annotated[Id, Meta(description="Of an alias: what they were called before")] = None
    message_id: Annotated[
        Id, Meta(description="Makes the event happen once, however often it is posted")
    ] = None
    timestamp: Annotated[str | None, Meta(description="When it happened, ISO 8601")] = None
    original_timestamp: Annotated[
        str | None, Meta(description="The same, by RudderStack's clients")
    ] = None
    sent_at: Annotated[
        str | None, Meta(description="The client's clock when it posted, to correct its skew")
    ] = None
    properties: Annotated[Object, Meta(description="What there is to say about the event")] = None
    traits: Annotated[Object, Meta(description="What there is to say about the contact")] = None
    context: Annotated[
        Object, Meta(description="`locale`, `timezone`, `page`, and `traits` as well")
    ] = None
    write_key: Annotated[str | None, Meta(description="Where there is no Authorization header")] = (
        None
    )


class SegmentBatch(msgspec.Struct, rename="camel", kw_only=True):
    """Several messages in one request, at most 2,500."""

    batch: list[SegmentEvent]
    sent_at: Annotated[
        str | None, Meta(description="The client's clock when it posted, to correct its skew")
    ] = None
    context: Annotated[Object, Meta(description="Stands behind each message's own")] = None
    write_key: Annotated[str | None, Meta(description="Where there is no Authorization header")] = (
        None
    )


class Envelope(msgspec.Struct, rename="camel", kw_only=True):
    """A batch with its events still unread."""

    batch: list[msgspec.Raw]
    sent_at: Any = None
    context: Any = None
    write_key: Any = None


class _Keyed(msgspec.Struct, rename="camel", kw_only=True):
    write_key: Any = None


read_event = msgspec.json.Decoder(SegmentEvent).decode
_read_envelope = msgspec.json.Decoder(Envelope).decode
_read_keyed = msgspec.json.Decoder(_Keyed).decode

#: What msgspec raises for a body that is not JSON, or not of the form.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_envelope(body: bytes) -> Envelope:
    """Read a batch's frame.

    Raises:
        Malformed: it is not JSON, has no list `batch`, or holds more than 2,500 events.
    """
    try:
        envelope = _read_envelope(body)
    except UNREADABLE:
        # Perhaps one event holds what JSON does not allow (`NaN`, half a surrogate pair), or is
        # nested thousands deep: Python's own reader takes that, once it is cut down to what may be,
        # so that the event can be refused alone.
        envelope = _read_leniently(body)
    if len(envelope.batch) > BATCH_EVENTS_MAX:
        raise Malformed(f"a batch holds at most {BATCH_EVENTS_MAX} events; post several")
    return envelope


def read_frame(body: bytes) -> tuple[msgspec.Raw, Any]:
    """Read the frame of a single event: the event, unread, and its write key.

    Raises:
        Malformed: it is not a JSON object.
    """
    try:
        return msgspec.Raw(body), _read_keyed(body).write_key
    except UNREADABLE:
        posted = lenient_json(body)
    if not isinstance(posted, dict):
        raise Malformed("the body is not a JSON object")
    return raw_of(posted), posted.get("writeKey")


def lenient_json(body: bytes) -> Any:
    """Read JSON and what JSON does not allow, cut down to the levels that may be.

    Raises:
        Malformed: not even so.
    """
    try:
        return json.loads(_levelled(body))
    except (ValueError, RecursionError):
        # The reader's own message would quote the body.
        raise Malformed("the body is not valid JSON") from None


def raw_of(value: Any) -> msgspec.Raw:
    """Write something of a body that was read, so that it can be refused alone.

    Raises:
        Malformed: it is nested too deeply.
    """
    try:
        return msgspec.Raw(json.dumps(value).encode())
    except (RecursionError, ValueError):
        raise Malformed("the body is nested too deeply") from None


def _levelled(body: bytes) -> bytes:
    """Put a 0 for everything below the deepest level that is read."""
    kept: list[bytes] = []
    depth = begin = 0
    for token in _STRINGS_AND_BRACKETS.finditer(body):
        match token.group():
            case b"[" | b"{":
                depth += 1
                if depth == LEVELS_MAX + 1:
                    kept += body[begin : token.start()], b"0"
            case b"]" | b"}":
                if depth == LEVELS_MAX + 1:
                    begin = token.end()
                depth -= 1
    # What never closes is no JSON, and is cut off.
    return b"".join([*kept, body[begin:] if depth <= LEVELS_MAX else b""])


def _read_leniently(body: bytes) -> Envelope:
    posted = lenient_json(body)
    if not isinstance(posted, dict) or not isinstance(posted.get("batch"), list):
        raise Malformed("the body is not a JSON object with a list `batch`")
    return Envelope(
        batch=[raw_of(event) for event in posted["batch"]],
        sent_at=posted.get("sentAt"),
        context=posted.get("context"),
        write_key=posted.get("writeKey"),
    )
