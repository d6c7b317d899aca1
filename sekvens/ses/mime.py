"""From a composed e-mail to the bytes that SES sends.

Everything is 7-bit clean, no line is longer than 76 characters unless it is one unbreakable URL,
and whatever stands in a subject, a name or a body, it never becomes another header: every header
passes `_header`. The same mail gives the same bytes. Date and Message-ID are written by SES.

The multipart is assembled by hand: `email.message.EmailMessage` takes ten times as long.
"""

import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from email_validator import EmailNotValidError, validate_email

from sekvens.errors import TemplateError

#: Quoted-printable never contains `=_`, so this boundary cannot occur in a part.
_BOUNDARY = "=_sekvens"
_LINE_MAX = 76
#: RFC 5322, 2.1.1; SES refuses longer lines.
_LINE_LIMIT = 998
#: UTF-8 bytes in one encoded word: as base64, with `Subject: =?utf-8?b?` and `?=`, below 76.
_WORD_BYTES = 39
#: An encoded word, or something that a reader might take for one.
_ENCODED_WORD = "=?"

#: Control characters, line and paragraph separators, and what turns the direction of text: they
#: make a header say another thing than it seems to, or become two.
_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,76}")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(\.[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*")
_HOST = re.compile(r"(?=.{1,253}\Z)([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
                   r"(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*")  # fmt: skip
#: Written here or by SES: a caller who could set them could add recipients or change the sender.
_OURS = frozenset(
    {
        "from", "to", "cc", "bcc", "sender", "reply-to", "subject", "date", "message-id",
        "return-path", "mime-version", "x-sekvens-message", "dkim-signature",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One e-mail to one recipient, as text."""

    sender_name: str
    sender_address: str
    recipient: str
    subject: str
    text: str
    html: str
    #: where answers go; empty: to the sender
    reply_to: str = ""
    #: more headers, printable ASCII: `List-Unsubscribe`, `List-Unsubscribe-Post` (RFC 8058)
    headers: Mapping[str, str] = field(default_factory=dict)
    #: our id of the message, so that a bounced copy can be traced; empty: no such header
    message_id: str = ""


def assemble(mail: Mail) -> bytes:
    """Write a mail as multipart/alternative, text first, both parts quoted-printable UTF-8.

    Raises:
        TemplateError: a header would hold a line break, a control character or an address that is
            none; the message names the header and never its value.
    """
    lines = [
        _header("From", _mailbox("From", mail.sender_name, mail.sender_address)),
        _header("To", ascii_address("To", mail.recipient)),
    ]
    if mail.reply_to:
        lines.append(_header("Reply-To", ascii_address("Reply-To", mail.reply_to)))
    lines.append(_header("Subject", _text("Subject", mail.subject)))
    lines.extend(_header(name, _given(name, value)) for name, value in mail.headers.items())
    if mail.message_id:
        lines.append(_header("X-Sekvens-Message", mail.message_id))
    lines.append("MIME-Version: 1.0")
    lines.append(f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"')
    head = "\r\n".join(lines).encode("ascii") + b"\r\n\r\n"
    return head + _part("plain", mail.text) + _part("html", mail.html) + _END


@lru_cache(maxsize=256)
def ascii_address(header: str, address: str) -> str:
    """Write an address as SES takes it: the local part is ASCII already, the host becomes punycode.

    Raises:
        TemplateError: it is no single address of that kind.
    """
    local, at, host = address.rpartition("@")
    if not host.isascii():
        host = _punycode(header, host)
    if not (at and _LOCAL_PART.fullmatch(local) and len(local) <= 64 and _HOST.fullmatch(host)):
        raise TemplateError(f"{header} holds no single address that SES takes; correct it")
    return f"{local}@{host}"


_END = f"--{_BOUNDARY}--\r\n".encode()
_PART_HEAD = {
    subtype: (
        f'--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    ).encode()
    for subtype in ("plain", "html")
}


def _header(name: str, value: str) -> str:
    """Join name and value, folded at spaces: the one place where a header comes to be."""
    folded = _fold(f"{name}: {value}")
    if not _HEADER_NAME.fullmatch(name) or _FORBIDDEN.search(value) or not value.isascii():
        raise TemplateError(
            f"the header {name!a} is no header, or holds a line break, a control character or "
            "a direction mark; remove it from the template or the contact's data"
        )
    if any(len(line) > _LINE_LIMIT for line in folded):
        raise TemplateError(f"the header {name} has a line over {_LINE_LIMIT} characters")
    return "\r\n ".join(folded)


def _fold(line: str) -> list[str]:
    """Break before a single space between two words, never right after the name."""
    if len(line) <= _LINE_MAX:
        return [line]
    lines = [""]
    for word in line.split(" "):
        joined = f"{lines[-1]} {word}" if lines[-1] else word
        # White space alone makes no line, nor does a name without a value (RFC 5322, 3.2.2).
        may_break = word and lines[-1].strip() and not lines[-1].endswith((":", " "))
        if len(joined) + 1 > _LINE_MAX and may_break:
            lines.append(word)
        else:
            lines[-1] = joined
    return lines


def _given(name: str, value: str) -> str:
    """Check a header that the caller names: it must not be one of ours, nor need encoding."""
    if name.lower() in _OURS or name.lower().startswith("content-"):
        raise TemplateError(f"the header {name!a} is written by Sekvens or SES; leave it out")
    return value


def _text(name: str, value: str) -> str:
    """Write free text: as it is if it is short plain ASCII, else as encoded words (RFC 2047)."""
    if _FORBIDDEN.search(value):
        raise TemplateError(
            f"{name} holds a line break, a control character or a direction mark; "
            "remove it from the template or the contact's data"
        )
    is_plain = value.isascii() and value == value.strip() and _ENCODED_WORD not in value
    if is_plain and len(name) + 2 + len(value) <= _LINE_MAX:
        return value
    return " ".join(_encoded_words(value))


def _encoded_words(value: str) -> Iterator[str]:
    """Cut between characters, never inside one: each encoded word must decode by itself."""
    chunk = b""
    for character in value:
        encoded = character.encode("utf-8")
        if len(chunk) + len(encoded) > _WORD_BYTES:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += encoded
    if chunk:
        yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(chunk, newline=False).decode('ascii')}?="


@lru_cache(maxsize=256)
def _mailbox(header: str, name: str, address: str) -> str:
    address = ascii_address(header, address)
    if not name:
        return address
    text = _text(header, name)
    if text == name:
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        text = f'"{quoted}"'
    return f"{text} <{address}>"


def _punycode(header: str, host: str) -> str:
    try:
        checked = validate_email(f"host@{host}", check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise TemplateError(f"the host of the address in {header} is none; correct it") from None
    return checked.ascii_domain


def _part(subtype: str, text: str) -> bytes:
    try:
        content = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8")
    except UnicodeEncodeError:
        raise TemplateError(f"the {subtype} part holds half a character (a surrogate)") from None
    encoded = binascii.b2a_qp(content, istext=True).replace(b"\n", b"\r\n")
    return _PART_HEAD[subtype] + encoded + b"\r\n"
