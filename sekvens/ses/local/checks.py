"""What SES checks before it takes a message, with SES's own error codes and much of its wording.

Nothing is taken that Amazon would refuse, as far as it documents: a message that passes here and
fails there would be found by a customer.
"""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses
from typing import Any

RECIPIENTS_MAX = 50
#: Of the whole message as base64, attachments included.
RAW_MAX = 40 * 1024 * 1024
#: RFC 5322, 2.1.1, without the line end.
LINE_MAX = 998
SIMPLE_HEADERS_MAX = 15

_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_FEEDBACK_TAGS = ("ses:feedback-id-a", "ses:feedback-id-b")
_CONFIGURATION_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
#: Headers that RFC 5322 allows once, and SES too.
_ONCE = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Message-ID", "Date",
         "Content-Type", "MIME-Version")  # fmt: skip


class Refused(Exception):
    """SES's answer to a request that it does not take."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A checked SendEmail request."""

    sender: str
    recipients: tuple[str, ...]
    tags: Mapping[str, str]
    configuration_set: str
    raw: bytes


def read_submission(request: Any, *, identities: frozenset[str]) -> Submission:
    """Check a SendEmail request and read what it asks for.

    Args:
        request: the decoded JSON.
        identities: verified addresses and domains; empty: all are.

    Raises:
        Refused: with SES's own code.
    """
    try:
        return _submission(request, identities)
    except (AttributeError, KeyError, TypeError):
        message = "A member of the request has the wrong type."
        raise Refused("SerializationException", message) from None


def _submission(request: dict[str, Any], identities: frozenset[str]) -> Submission:
    tags = dict(_tags(request.get("EmailTags") or []))
    configuration_set = request.get("ConfigurationSetName") or ""
    if configuration_set and not _CONFIGURATION_SET.fullmatch(configuration_set):
        raise _bad(f"Configuration set name <{configuration_set}> is invalid.")
    raw = _message(request)
    headers = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    for name in _ONCE:
        if len(headers.get_all(name, [])) > 1:
            raise _bad(f"Duplicate header '{name}'.")
    given = request.get("FromEmailAddress")
    senders = _addresses([given] if given else [str(headers.get("From", ""))])
    if len(senders) != 1:
        raise _bad("Only one From is allowed." if senders else "Missing required header 'From'.")
    recipients = _recipients(request.get("Destination") or {}, headers)
    for address in (*senders, *recipients):
        _check_address(address)
    _check_identity(senders[0], identities)
    return Submission(
        sender=senders[0],
        recipients=recipients,
        tags=tags,
        configuration_set=configuration_set,
        raw=raw,
    )


def _tags(tags: list[Any]) -> Iterator[tuple[str, str]]:
    seen = set()
    for tag in tags:
        name, value = str(tag.get("Name", "")), str(tag.get("Value", ""))
        if not (_TAG.fullmatch(name) or name in _FEEDBACK_TAGS):
            raise _bad(
                f"Invalid message tag name <{name}>: only alphanumeric ASCII characters, '_', and "
                "'-' are allowed, 256 at most."
            )
        if not _TAG.fullmatch(value):
            raise _bad(
                f"Invalid message tag value <{value}>: only alphanumeric ASCII characters, '_', "
                "and '-' are allowed, 256 at most."
            )
        if name in seen:
            raise _bad(f"Duplicate message tag name <{name}>.")
        seen.add(name)
        yield name, value


def _message(request: dict[str, Any]) -> bytes:
    content = request.get("Content") or {}
    given = [kind for kind in ("Raw", "Simple", "Template") if content.get(kind)]
    if len(given) != 1:
        raise _bad("Exactly one of Simple, Raw or Template content must be specified.")
    if given == ["Template"]:
        raise _bad("The local SES knows no templates; send Raw or Simple content.")
    return _raw(content["Raw"]) if given == ["Raw"] else _simple(content["Simple"], request)


def _raw(raw: dict[str, Any]) -> bytes:
    encoded = raw.get("Data") or ""
    if len(encoded) > RAW_MAX:
        raise _bad(f"Message length is more than {RAW_MAX} bytes long: '{len(encoded)}'.")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("SerializationException", "Raw.Data is not base64.") from None
    if not data:
        raise _bad("Raw message data is empty.")
    if any(len(line) > LINE_MAX for line in data.replace(b"\r\n", b"\n").split(b"\n")):
        raise _bad(f"The message contains a line longer than {LINE_MAX} characters.")
    return data


def _simple(simple: dict[str, Any], request: dict[str, Any]) -> bytes:
    """Write the MIME that SES would write from subject and bodies."""
    bodies = simple.get("Body") or {}
    if "Data" not in (simple.get("Subject") or {}):
        raise _bad("Missing required field 'Subject.Data'.")
    if not bodies.get("Text") and not bodies.get("Html"):
        raise _bad("At least one of Body.Text and Body.Html must be specified.")
    message = EmailMessage(policy=policy.SMTP)
    try:
        for name, value in _envelope_headers(request):
            message[name] = value
        message["Subject"] = simple["Subject"]["Data"]
        for name, value in _simple_headers(simple.get("Headers") or []):
            message[name] = value
        if bodies.get("Text"):
            message.set_content(bodies["Text"]["Data"], cte="quoted-printable")
        if bodies.get("Html"):
            add = message.add_alternative if bodies.get("Text") else message.set_content
            add(bodies["Html"]["Data"], subtype="html", cte="quoted-printable")
        return message.as_bytes()
    except ValueError as error:
        raise _bad(f"The content cannot be written as a message: {error}") from None


def _envelope_headers(request: dict[str, Any]) -> Iterator[tuple[str, str]]:
    destination = request.get("Destination") or {}
    yield "From", request.get("FromEmailAddress") or ""
    for name, addresses in (
        ("To", destination.get("ToAddresses")),
        ("Cc", destination.get("CcAddresses")),
        ("Reply-To", request.get("ReplyToAddresses")),
    ):
        if addresses:
            yield name, ", ".join(addresses)


def _simple_headers(headers: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    if len(headers) > SIMPLE_HEADERS_MAX:
        raise _bad(f"The number of headers exceeds {SIMPLE_HEADERS_MAX}.")
    for header in headers:
        name, value = str(header.get("Name", "")), str(header.get("Value", ""))
        if not _HEADER_NAME.fullmatch(name):
            raise _bad(f"Invalid header name '{name}'.")
        if not _HEADER_VALUE.fullmatch(value) or len(name) + len(value) > 996:
            raise _bad(f"Invalid value of header '{name}'.")
        yield name, value


def _recipients(destination: dict[str, Any], headers: Message) -> tuple[str, ...]:
    members = ("ToAddresses", "CcAddresses", "BccAddresses")
    given = [address for member in members for address in destination.get(member) or []]
    # With Raw and no Destination, SES reads the headers.
    recipients = _addresses(given or [str(headers.get(name, "")) for name in ("To", "Cc", "Bcc")])
    if given and len(recipients) != len(given):
        raise _bad("Missing final '@domain'")
    if not recipients:
        raise _bad("No destination is given.")
    if len(recipients) > RECIPIENTS_MAX:
        raise _bad(f"Recipient count exceeds {RECIPIENTS_MAX}.")
    return tuple(recipients)


def _addresses(values: list[Any]) -> list[str]:
    return [address for _, address in getaddresses([str(value) for value in values]) if address]


def _check_address(address: str) -> None:
    local, at, host = address.rpartition("@")
    if not at or not host:
        raise _bad("Missing final '@domain'")
    if not local.isascii() or not local or any(c <= " " or c == "\x7f" for c in local):
        raise _bad("Local address contains control, whitespace or non-ASCII characters")
    if host.startswith("."):
        raise _bad("Domain starts with dot")
    if not host.isascii() or not _HOST.fullmatch(host):
        raise _bad("Domain contains illegal character")
    if len(local) > 64 or len(address) > 320:
        raise _bad("Address is too long")


def _check_identity(sender: str, identities: frozenset[str]) -> None:
    address = sender.lower()
    # A verified domain covers its subdomains too.
    labels = address.rpartition("@")[2].split(".")
    domains = {".".join(labels[start:]) for start in range(len(labels))}
    if identities and address not in identities and not domains & identities:
        raise Refused(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region "
            f"LOCAL: {sender}",
        )


def _bad(message: str) -> Refused:
    return Refused("BadRequestException", message)
