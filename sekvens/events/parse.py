"""What a client of Segment's API posts, parsed at the edge into events of ours.

One bad event never spoils its neighbours: it comes out as `Refused`, with the reason and as it was
posted, and the rest of the request goes on. Only a body that is no JSON at all is `Malformed`.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

import msgspec

from sekvens.events.contents import properties_of, traits_of
from sekvens.events.segment import Id, SegmentEvent, read_envelope, read_event, read_frame
from sekvens.events.spelling import canonical

#: Segment's own limit for one event.
EVENT_BYTES_MAX: Final = 32 * 1024
#: Longer ids are an accident, such as a whole page in the wrong field.
ID_LENGTH_MAX: Final = 255
NAME_LENGTH_MAX: Final = 200
DEPTH_MAX: Final = 32
#: No shop had a web log before; the purchase data that we demonstrate with is from 1997.
OLDEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
#: A clock this far ahead is wrong; one that is less so is taken to say "now".
AHEAD_MAX: Final = timedelta(days=1)

Kind: TypeAlias = Literal["track", "identify", "alias", "page"]


class IncomingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that can be used. Times are wall time; ingest turns them into shop time."""

    type: Kind
    name: str  #: our spelling; for other types than `track`, the type
    message_id: str
    occurred_at: datetime
    received_at: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    previous_id: str | None = None  #: of an alias
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    traits: dict[str, Any] = msgspec.field(default_factory=dict)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """An event that cannot be used, and why."""

    reason: str
    raw: str
    received_at: datetime


Incoming: TypeAlias = IncomingEvent | Refused


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """What one request held."""

    events: tuple[Incoming, ...]
    write_key: str | None


class _Unusable(Exception):
    """Leaves the parsing of one event; becomes `Refused` before it leaves the module."""


_KINDS: Final[dict[str, Kind]] = {
    "track": "track",
    "identify": "identify",
    "alias": "alias",
    "page": "page",
}
_IGNORED: Final = frozenset({"screen", "group"})


def read_batch(body: bytes, *, received_at: datetime) -> Posted:
    """Read the body of `/v1/batch`.

    Raises:
        Malformed: it is not JSON, has no list `batch`, or holds more than 2,500 events.
    """
    envelope = read_envelope(body)
    sent_at = _instant_or_none(envelope.sent_at)
    context = envelope.context if isinstance(envelope.context, dict) else None
    read = (_read(bytes(raw), None, sent_at, context, received_at) for raw in envelope.batch)
    return Posted(events=_kept(read), write_key=_text_or_none(envelope.write_key))


def read_one(body: bytes, *, kind: str, received_at: datetime) -> Posted:
    """Read the body of `/v1/track`, `/v1/identify` and the like; `kind` is the path's.

    Raises:
        Malformed: it is not a JSON object.
    """
    raw, write_key = read_frame(body)
    read = _read(bytes(raw), kind, None, None, received_at)
    return Posted(events=_kept([read]), write_key=_text_or_none(write_key))


def _kept(read: Iterable[Incoming | None]) -> tuple[Incoming, ...]:
    return tuple(event for event in read if event is not None)


def _read(
    raw: bytes,
    kind: str | None,
    batch_sent_at: datetime | None,
    batch_context: dict[str, Any] | None,
    received_at: datetime,
) -> Incoming | None:
    try:
        _check_raw(raw)
        posted = read_event(raw)
        kind = kind or posted.type
        if kind in _IGNORED:
            return None
        if batch_context:
            posted.context = batch_context | (posted.context or {})
        sent_at = _instant_or_none(posted.sent_at) or batch_sent_at
        return _event(posted, kind, sent_at, received_at)
    except _Unusable as unusable:
        return _refused(str(unusable), raw, received_at)
    except msgspec.ValidationError as error:
        return _refused(str(error), raw, received_at)
    except msgspec.DecodeError:
        reason = "it is not JSON: NaN, Infinity or half a surrogate pair, for instance"
        return _refused(reason, raw, received_at)
    except UnicodeDecodeError:
        return _refused("it is not UTF-8", raw, received_at)
    except RecursionError:
        return _refused(f"it is nested deeper than {DEPTH_MAX}", raw, received_at)


def _check_raw(raw: bytes) -> None:
    if len(raw) > EVENT_BYTES_MAX:
        raise _Unusable(f"it is larger than {EVENT_BYTES_MAX // 1024} KB")
    # Both checks are exact but slow, so they run only where a count says that they might matter.
    if b"\\u0000" in raw or raw.count(b"{") + raw.count(b"[") > DEPTH_MAX:
        _check_value(msgspec.json.decode(raw), 0)


def _check_value(value: Any, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise _Unusable(f"it is nested deeper than {DEPTH_MAX}")
    if isinstance(value, str):
        if "\0" in value:
            raise _Unusable("it holds a NUL character")
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_value(key, depth)
            _check_value(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, depth + 1)


def _event(
    posted: SegmentEvent, posted_kind: str | None, sent_at: datetime | None, received_at: datetime
) -> IncomingEvent:
    kind = _KINDS.get(posted_kind or "")
    if kind is None:
        raise _Unusable("its `type` is none of track, identify, alias, page, screen, group")
    user_id = _id(posted.user_id, "userId")
    anonymous_id = _id(posted.anonymous_id, "anonymousId")
    previous_id = _id(posted.previous_id, "previousId")
    if user_id is None and (anonymous_id is None or kind == "alias"):
        raise _Unusable("it has neither userId nor anonymousId")
    if kind == "alias" and previous_id is None:
        raise _Unusable("an alias needs previousId")
    name = _name(posted.event) if kind == "track" else kind
    context = posted.context or {}
    return IncomingEvent(
        type=kind,
        name=name,
        message_id=_id(posted.message_id, "messageId") or _derived_id(posted, kind, received_at),
        occurred_at=_occurred_at(posted, sent_at, received_at),
        received_at=received_at,
        user_id=user_id,
        anonymous_id=anonymous_id,
        previous_id=previous_id,
        properties=properties_of(posted, kind, name, context),
        traits=traits_of(posted, name, context),
    )


def _id(value: Id, field: str) -> str | None:
    text = "" if value is None else str(value)
    if not text.strip():
        return None  # whoever has no id is not one person with all others who have none
    if len(text) > ID_LENGTH_MAX:
        raise _Unusable(f"its {field} is longer than {ID_LENGTH_MAX} characters")
    return text


def _name(event: str | None) -> str:
    name = (event or "").strip()
    if not name:
        raise _Unusable("a track event needs `event`, its name")
    if len(name) > NAME_LENGTH_MAX:
        raise _Unusable(f"its name is longer than {NAME_LENGTH_MAX} characters")
    return canonical(name)


def _occurred_at(posted: SegmentEvent, sent_at: datetime | None, received_at: datetime) -> datetime:
    """Apply Segment's rule against clocks that are wrong: received - (sent - said)."""
    said = posted.original_timestamp or posted.timestamp
    if not said:
        return received_at
    original = _instant(said)
    occurred_at = original if sent_at is None else _skewed(original, sent_at, received_at)
    if not OLDEST <= occurred_at <= received_at + AHEAD_MAX:
        raise _Unusable("its timestamp is absurd: before 1990, or more than a day ahead")
    return min(occurred_at, received_at)


def _skewed(original: datetime, sent_at: datetime, received_at: datetime) -> datetime:
    try:
        return received_at - (sent_at - original)
    except OverflowError:
        raise _Unusable("its timestamp is absurd") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text.strip())
        zoned = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
        return zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Unusable("its timestamp is not ISO 8601") from None


def _instant_or_none(value: Any) -> datetime | None:
    try:
        return _instant(value) if isinstance(value, str) else None
    except _Unusable:
        return None


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _derived_id(posted: SegmentEvent, kind: str, received_at: datetime) -> str:
    """Make the id that the client left out, the same for a repeat of the same event.

    Without a timestamp nothing tells a repeat from doing the same thing again, so it is not one.
    """
    said = posted.original_timestamp or posted.timestamp or received_at.isoformat()
    content = (
        kind,
        posted.event,
        posted.user_id,
        posted.anonymous_id,
        posted.previous_id,
        said,
        posted.properties,
        posted.traits,
    )
    return "h-" + hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()[:40]


def _refused(reason: str, raw: bytes, received_at: datetime) -> Refused:
    text = raw[:EVENT_BYTES_MAX].decode("utf-8", "replace").replace("\0", "\ufffd")
    return Refused(reason=reason, raw=text, received_at=received_at)
