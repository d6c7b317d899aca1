"""From a queue's message to a report in our words; whatever it is, it is never an error.

Both envelopes are read: SNS's, and raw delivery. No address outlives this module, nor anything else
that says who somebody is: the ledger knows by the `message_id` tag whose message it was, and an
address is compared by its hash. What an opening or a click came with is handed on, and not kept.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from sekvens.contacts.suppression import key_of_address
from sekvens.engagement.machine import Reason
from sekvens.engagement.reported import link_id_of, machine_of
from sekvens.feedback.kinds import ReportKind, kind_of
from sekvens.ses.client import scrubbed

#: What a message is called that is no report of SES.
UNREADABLE: Final = ReportKind.UNREADABLE.value
SEND: Final = "Send"

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SES_ID = re.compile(r"[A-Za-z0-9@._-]{1,256}")
_TYPE = re.compile(r"[A-Za-z][A-Za-z ]{0,60}")
#: Members that hold addresses, names, subjects, or say where somebody was when they read it.
_PERSONAL = frozenset(
    {
        "headers", "commonheaders", "destination", "source", "sourcearn", "emailaddress",
        "recipients", "ipaddress", "useragent", "link", "linktags", "ses:source-ip",
    }
)  # fmt: skip
_TEXT_MAX = 600
_ADDRESS_MAX = 1000
_LAST_WORD = re.compile(r"[^\s<>,;:\"'()]*\Z")
_DEPTH_MAX = 12
_ITEMS_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Report:
    """What SES says of one message."""

    id: str
    #: SES's own word, or `UNREADABLE`
    type: str
    message_id: str | None
    ses_message_id: str | None
    #: on SES's clock, and never after it was read: what claims to be later proves nothing later
    at: datetime
    raw: dict[str, Any]
    #: the same in our words
    kind: ReportKind = ReportKind.UNREADABLE
    #: the sub-type, in SES's words
    detail: str | None = None
    #: when SES took the message, on its clock
    taken_at: datetime | None = None
    #: the hash of the one address that it is about, if the message went there
    address_hash: str | None = None
    #: of an open or a click: why it was a machine's, as far as it tells by itself
    machine: Reason | None = None
    #: of a click: a hash of where it led
    link_id: str | None = None


def read_report(body: str, *, now: datetime) -> Report:
    """Read a message of the queue; `now` is wall time."""
    envelope = _object(body)
    wrapped = envelope.get("Message") if envelope.get("Type") == "Notification" else None
    record = _object(wrapped) if isinstance(wrapped, str) else envelope
    given = record.get("eventType") or record.get("notificationType")
    mail = record.get("mail")
    if not (isinstance(given, str) and _TYPE.fullmatch(given) and isinstance(mail, dict)):
        text = wrapped if isinstance(wrapped, str) else body
        return Report(
            id=_id_of(envelope, body),
            type=UNREADABLE,
            message_id=None,
            ses_message_id=None,
            at=now,
            raw={"text": _clean(text)},
        )
    kind, detail = kind_of(given, record)
    return Report(
        id=_id_of(envelope, body),
        type=given,
        message_id=_matching(_ID, _tag(mail, "message_id")),
        ses_message_id=_matching(_SES_ID, mail.get("messageId")),
        at=min(_instant(record, mail) or now, now),
        raw=_without_persons(record, _DEPTH_MAX),
        kind=kind,
        detail=detail,
        taken_at=min(_instant({}, mail) or now, now),
        address_hash=_address_hash(record, mail),
        # Before who they were is taken out of the record: only the verdict stays.
        machine=machine_of(given, record),
        link_id=link_id_of(record),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError):
        return {}
    return value if isinstance(value, dict) else {}


def _id_of(envelope: dict[str, Any], body: str) -> str:
    """Tell what makes a report happen once: SNS's id, the same at each delivery, or a hash."""
    given = _matching(_ID, envelope.get("MessageId"))
    return given or hashlib.sha256(body.encode("utf-8", "replace")).hexdigest()


def _tag(mail: dict[str, Any], name: str) -> Any:
    tags = mail.get("tags")
    values = tags.get(name) if isinstance(tags, dict) else None
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def _matching(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


def _address_hash(record: dict[str, Any], mail: dict[str, Any]) -> str | None:
    """Tell whom a report is about, by hash; None if it is nobody, several, or not a recipient."""
    sent_to = {key_of_address(address) for address in _texts(mail.get("destination"))}
    parts = [part for name, part in record.items() if name != "mail" and isinstance(part, dict)]
    about = {key_of_address(address) for part in parts for address in _recipients(part)} or sent_to
    return next(iter(about)) if len(about) == 1 and about <= sent_to else None


def _recipients(part: dict[str, Any]) -> Iterator[str]:
    yield from _texts(part.get("recipients"))
    for name in ("bouncedRecipients", "complainedRecipients", "delayedRecipients"):
        listed = part.get(name)
        each = (
            [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
        )
        yield from _texts([item.get("emailAddress") for item in each])


def _texts(value: Any) -> list[str]:
    listed = value[:_ITEMS_MAX] if isinstance(value, list) else []
    return [item[:_ADDRESS_MAX] for item in listed if isinstance(item, str) and item.strip()]


def _instant(record: dict[str, Any], mail: dict[str, Any]) -> datetime | None:
    """Tell when it happened: its own time, or that of the message's acceptance."""
    own = [part["timestamp"] for name, part in record.items()
           if name != "mail" and isinstance(part, dict) and "timestamp" in part]  # fmt: skip
    for written in (*own, mail.get("timestamp")):
        try:
            instant = datetime.fromisoformat(str(written))
            return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            continue
    return None


def _without_persons(value: Any, depth: int) -> Any:
    """Copy what came, without who it was about, and bounded."""
    if isinstance(value, str):
        return _clean(value)
    if depth == 0 and isinstance(value, dict | list):
        return "…"
    if isinstance(value, dict):
        items = list(value.items())[:_ITEMS_MAX]
        return {
            _clean(name): _without_persons(item, depth - 1)
            for name, item in items
            if name.lower() not in _PERSONAL
        }
    if isinstance(value, list):
        return [_without_persons(item, depth - 1) for item in value[:_ITEMS_MAX]]
    return value


def _clean(text: str) -> str:
    """Make a text that any database takes, and that names nobody.

    It is cut before it is searched: that takes a time that grows with the square of its length. And
    not in the middle of a word, of which the other half may have made it an address.
    """
    if len(text) > _TEXT_MAX:
        text = _LAST_WORD.sub("…", text[:_TEXT_MAX])
    return scrubbed(text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode())
