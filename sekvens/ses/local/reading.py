"""An accepted message, read as a mail program reads it.

Whatever came, something can be shown: broken MIME, unknown charsets and missing parts give text
with marks in it, never an error.
"""

import contextlib
import re
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from functools import lru_cache
from html.parser import HTMLParser

from sekvens.ses.local.store import Accepted

SNIPPET_LENGTH = 140
#: What pads a preheader: zero-width characters, joiners, soft hyphens and hard spaces.
_PADDING = re.compile("[\u00ad\u034f\u200b-\u200f\u2007\u2060\ufeff\u00a0\\s]+")
_UNSEEN = frozenset({"head", "style", "script", "title", "template"})


@dataclass(frozen=True, kw_only=True)
class InboxMessage:
    """What the inbox shows of one message."""

    sequence: int
    #: SES's MessageId
    id: str
    accepted_at: datetime
    sender: str
    #: the first recipient; Sekvens gives exactly one
    recipient: str
    recipients: tuple[str, ...]
    subject: str
    #: as text with its display name
    from_header: str
    tags: dict[str, str]
    #: decoded; of a header that occurs twice the first
    headers: dict[str, str]
    configuration_set: str
    marked: str
    text: str
    html: str
    snippet: str
    raw: bytes

    @property
    def flow(self) -> str:
        """The flow that sent it, by its tag; empty: none."""
        return self.tags.get("flow", "")

    @property
    def step(self) -> str:
        """The step that sent it, by its tag; empty: none."""
        return self.tags.get("step", "")


def read(accepted: Accepted) -> InboxMessage:
    """Read an accepted message."""
    headers, text, html, snippet = _parts(accepted.raw)
    first = dict(reversed(headers))
    lowered = {name.lower(): value for name, value in first.items()}
    return InboxMessage(
        sequence=accepted.sequence,
        id=accepted.id,
        accepted_at=accepted.accepted_at,
        sender=accepted.sender,
        recipient=accepted.recipients[0],
        recipients=accepted.recipients,
        subject=lowered.get("subject", ""),
        from_header=lowered.get("from", accepted.sender),
        tags=dict(accepted.tags),
        headers=dict(reversed(first.items())),
        configuration_set=accepted.configuration_set,
        marked=accepted.marked,
        text=text,
        html=html,
        snippet=snippet,
        raw=accepted.raw,
    )


@lru_cache(maxsize=512)
def _parts(raw: bytes) -> tuple[tuple[tuple[str, str], ...], str, str, str]:
    message = message_from_bytes(raw, policy=policy.default)
    headers = tuple((name, _header(str(value))) for name, value in message.raw_items())
    html, text = _body(message, "html"), _body(message, "plain")
    return headers, text, html, snippet_of(html) or _collapsed(text)[:SNIPPET_LENGTH]


def snippet_of(html: str) -> str:
    """Tell what an inbox shows after the subject: the preheader, or the first words."""
    reader = _FirstWords()
    with contextlib.suppress(_Enough):
        reader.feed(html)
    return _collapsed(" ".join(reader.words))[:SNIPPET_LENGTH]


class _Enough(Exception):
    pass


class _FirstWords(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self._length = 0
        self._unseen = 0

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        self._unseen += tag in _UNSEEN

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in _UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        words = "" if self._unseen else _collapsed(data)
        if words:
            self.words.append(words)
            self._length += len(words)
        if self._length > SNIPPET_LENGTH:
            raise _Enough


def _collapsed(text: str) -> str:
    return _PADDING.sub(" ", text).strip()


def _header(value: str) -> str:
    """Decode a header's encoded words.

    Not by the modern policy: it keeps spaces between the encoded words of a display name
    (https://github.com/python/cpython/issues/128110) and fails on some malformed headers.
    """
    unfolded = value.replace("\r", "").replace("\n", "")
    try:
        return str(make_header(decode_header(unfolded)))
    except (HeaderParseError, LookupError, ValueError):
        return unfolded


def _body(message: Message, subtype: str) -> str:
    if not isinstance(message, EmailMessage):
        return ""
    part = message.get_body((subtype,))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError, KeyError):
        payload = part.get_payload(decode=True)
        return payload.decode("utf-8", errors="replace") if isinstance(payload, bytes) else ""
