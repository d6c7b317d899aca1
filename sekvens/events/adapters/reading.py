"""Reading what a platform posts: whatever stands where, nothing raises but `Unusable`.

A value that is not of the kind expected there is left out, as if it had not been posted.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sekvens.contacts.requests import RequestKind
from sekvens.contacts.traits import usable_email
from sekvens.enrollments.names import plain
from sekvens.events.carts import QUANTITY_MAX
from sekvens.events.orders import amount
from sekvens.events.parse import ID_LENGTH_MAX
from sekvens.imports.plain import seen_line
from sekvens.products.listing import Listing, PlaceCount

TEXT_CHARACTERS_MAX: Final = 200
URL_CHARACTERS_MAX: Final = 2000
#: Leaves room in an event of 32 KB for all that is said beside its lines.
LINES_BYTES_MAX: Final = 24 * 1024
#: Python writes no number of thousands of digits; no id and no amount needs more than this.
INTEGER_BITS_MAX: Final = 256

Table: TypeAlias = Mapping[str, Any]
#: An event as a client of Segment's API posts it.
Event: TypeAlias = dict[str, Any]


class Unusable(Exception):
    """A webhook's body cannot be used; the message is the reason, and quotes nothing of it."""


class UnknownTopic(Unusable):
    """A topic that tells nothing about what a contact did, nor about a product."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """One webhook, its body read as JSON."""

    source: str  #: shopify, woocommerce
    topic: str
    body: Table
    event_id: str  #: the same however often the platform posts it
    received_at: datetime  #: wall time
    triggered_at: str | None = None
    user_id_prefix: str = ""
    consent_key: str = ""
    home: str = ""  #: the shop's own address
    currency: str | None = None  #: that the shop's prices are in


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a webhook tells."""

    events: tuple[Event, ...] = ()
    products: tuple[Listing | PlaceCount, ...] = ()
    #: what the law of privacy lets a person, or their shop, ask for
    asked: RequestKind | None = None
    #: the user ids and the address of whoever the request is about
    user_ids: tuple[str, ...] = ()
    email: str | None = None


def table(of: Table, name: str) -> Table:
    """Read an object; empty if there is none."""
    value = of.get(name)
    return value if isinstance(value, dict) else {}


def tables(of: Table, name: str) -> list[Table]:
    """Read a list of objects; what is no object is left out of it."""
    value = of.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(of: Table, *names: str) -> str | None:
    """Read the first text that is there, on one line."""
    for name in names:
        value = of.get(name)
        if isinstance(value, str) and (line := seen_line(value)):
            return line[:TEXT_CHARACTERS_MAX].rstrip()
    return None


def url(of: Table, *names: str) -> str | None:
    """Read the first web address that is there."""
    for name in names:
        value = of.get(name)
        if (
            isinstance(value, str)
            and value.startswith(("https://", "http://"))
            and len(value) <= URL_CHARACTERS_MAX
        ):
            return value
    return None


def id_of(of: Table, name: str) -> str | None:
    """Read an id: a number or a text; 0 is nobody's."""
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX:
        return None
    given = seen_line(str(value))
    return given if given and given != "0" and len(given) <= ID_LENGTH_MAX else None


def required_id(of: Table, name: str = "id") -> str:
    """Read an id as `id_of` does; of what has none, nothing can be told.

    Raises:
        Unusable: it is not there.
    """
    found = id_of(of, name)
    if found is None:
        raise Unusable(f"it has no {name}")
    return found


def money(of: Table, name: str) -> str | None:
    """Read an amount as decimal text."""
    value = of.get(name)
    is_huge = isinstance(value, int) and value.bit_length() > INTEGER_BITS_MAX
    return None if is_huge else amount(value)


def instant(of: Table, *names: str) -> str | None:
    """Read the first instant that is there, as it was written."""
    return next((said for name in names if (said := _instant(of.get(name)))), None)


def whole(of: Table, name: str) -> int:
    """Read a number of pieces; what is none counts as one."""
    value = of.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return min(value, QUANTITY_MAX)
    return 1


def address(of: Table, *names: str) -> str | None:
    """Read the first e-mail address that SES would take."""
    return next((found for name in names if (found := usable_email({"email": of.get(name)}))), None)


def guest_id(given: str) -> str:
    """Name somebody who has no account by their address, which stands nowhere in it."""
    return f"guest-{hashlib.sha256(given.strip().casefold().encode()).hexdigest()[:32]}"


def message_id(*parts: str) -> str:
    """Make the id by which an event happens once: the same for the same parts.

    It stays as it is when its contact is erased, so that a repeat is still known as one.
    """
    joined = "-".join(parts)
    digest = hashlib.sha256("/".join(parts).encode("utf-8", "replace")).hexdigest()
    return joined if plain(joined) == joined else f"{parts[0]}-{digest[:40]}"


def told(**said: Any) -> dict[str, Any]:
    """Make properties of what was said; None was not."""
    return {name: value for name, value in said.items() if value is not None}


def track(
    name: str,
    *,
    message_id: str,
    at: str | None,
    properties: dict[str, Any],
    user_id: str | None = None,
    visitor: str | None = None,
) -> Event:
    """Make a track event; `visitor` is whose it is while no `userId` has come with it."""
    return {
        "type": "track",
        "event": name,
        "userId": user_id,
        "anonymousId": visitor,
        "timestamp": at,
        "messageId": message_id,
        "properties": properties,
    }


def products(of: Table, line: Callable[[Table], dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Read the lines that were posted; None if none were, which takes nothing away."""
    if not isinstance(of.get("line_items"), list):
        return None
    return fitting(line(each) for each in tables(of, "line_items"))


def fitting(lines: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep as many lines as one event can carry."""
    kept: list[dict[str, Any]] = []
    room = LINES_BYTES_MAX
    for line in lines:
        room -= len(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace")) + 2
        if room < 0:
            break
        kept.append(line)
    return kept


def _instant(value: Any) -> str | None:
    try:
        datetime.fromisoformat(value.strip())
    except (AttributeError, ValueError):
        return None
    return str(value.strip())
