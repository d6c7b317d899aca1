"""A message as it was received: whether DKIM covers the headers that unsubscribe.

Gmail and Yahoo heed List-Unsubscribe only where a signature of the sender's own domain covers it
and List-Unsubscribe-Post (RFC 8058). Nothing but a message that has been through SES shows that.
"""

import re
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import parseaddr
from typing import Final

from sekvens.doctor.findings import CouldNotBeAsked, Finding, fault, ok, warning
from sekvens.doctor.set_up import SetUp

#: Headers end long before.
HEADER_BYTES_MAX: Final = 512 * 1024
COVERED: Final = ("from", "list-unsubscribe", "list-unsubscribe-post")
_FAILED: Final = re.compile(r"\bdkim=(fail|permerror|temperror|neutral)\b", re.IGNORECASE)
_RESEND: Final = "send yourself a marketing e-mail, and save its source: all headers, unchanged"


@dataclass(frozen=True, kw_only=True)
class Signature:
    """One DKIM signature: whose, and what it covers."""

    domain: str
    covers: frozenset[str]
    is_partial: bool  #: it says how much of the body it covers: anything may be put behind that


def one_click_headers(set_up: SetUp) -> Finding | None:
    """Whether the message can be unsubscribed from in one click."""
    if set_up.message is None:
        return None
    message = _read(set_up)
    leave = str(message.get("List-Unsubscribe", ""))
    if not leave:
        return fault("the message has no List-Unsubscribe", _RESEND)
    if "<https://" not in leave.replace(" ", "").lower():
        return fault(
            "its List-Unsubscribe has no https address, so no mail client acts on it",
            "set api.public_url to an https address",
        )
    posted = "".join(str(message.get("List-Unsubscribe-Post", "")).split()).lower()
    if posted != "list-unsubscribe=one-click":
        return fault("its List-Unsubscribe-Post is missing, or says something else", _RESEND)
    return ok("the message can be unsubscribed from in one click")


def dkim_covers(set_up: SetUp) -> Finding | None:
    """Whether the sender's own signatures cover those headers."""
    if set_up.message is None:
        return None
    message = _read(set_up)
    sender = parseaddr(str(message.get("From", "")))[1].rpartition("@")[2].lower()
    signatures = [_signature(str(each)) for each in message.get_all("DKIM-Signature", [])]
    own = [each for each in signatures if _is_of(each.domain, sender)]
    others = sorted({each.domain for each in signatures} - {each.domain for each in own})
    if not own:
        signed = f"only by {', '.join(others)}" if others else "by nobody"
        return fault(
            f"the message from {sender or 'nobody'} is signed {signed}, not by its own domain",
            "switch Easy DKIM on for the sender's domain",
        )
    for each in own:
        if missing := [name for name in COVERED if name not in each.covers]:
            return fault(
                f"a signature of {each.domain} does not cover {', '.join(missing)}",
                "mail providers ignore the one-click headers then: ask AWS, or look who re-signs",
            )
        if each.is_partial:
            return warning(
                f"a signature of {each.domain} covers a part of the body only (l=)",
                "look who signs: SES does not do so",
            )
    count = f"{len(own)} signatures" if len(own) > 1 else "the signature"
    beside = f" (beside {', '.join(others)})" if others else ""
    return ok(f"{count} of {own[0].domain}{beside} cover{'' if len(own) > 1 else 's'} them")


def receiver_agrees(set_up: SetUp) -> Finding | None:
    """Whether whoever received the message found its signatures good."""
    if set_up.message is None:
        return None
    # The topmost is the receiver's own; whatever stands below may have been sent along.
    results = str(_read(set_up).get("Authentication-Results", ""))
    if not results:
        return None
    if failed := _FAILED.search(results):
        return fault(f"the receiver says {failed[0].lower()}", "see that nothing changes the mail")
    if "dkim=pass" not in results.lower():
        return warning("the receiver says nothing of DKIM", "look at another receiver's copy")
    return ok("the receiver found the signature good")


def _read(set_up: SetUp) -> Message:
    def read() -> Message:
        assert set_up.message is not None  # noqa: S101  asked before
        try:
            with set_up.message.open("rb") as file:
                raw = file.read(HEADER_BYTES_MAX)
        except OSError as error:
            raise CouldNotBeAsked(f"the file of --message: {error.strerror}") from error
        message = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
        if not message.get("From"):
            raise CouldNotBeAsked("the file of --message is no message's source: it has no From")
        return message

    return set_up.once("message", read)


def _signature(header: str) -> Signature:
    tags = {
        name.strip().lower(): "".join(value.split())
        for name, _, value in (part.partition("=") for part in header.split(";"))
    }
    covers = frozenset(name for name in tags.get("h", "").lower().split(":") if name)
    return Signature(domain=tags.get("d", "").lower(), covers=covers, is_partial="l" in tags)


def _is_of(domain: str, sender: str) -> bool:
    """Tell whether a signature is the sender's own: of the domain itself, or one above it."""
    return bool(domain) and "." in domain and (sender == domain or sender.endswith(f".{domain}"))
