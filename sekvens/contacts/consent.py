"""Consent to marketing by e-mail: the newest word counts, and every word is kept as evidence.

Newest goes by when it was said, not by when it came. Of two at the same instant, the more
restrictive counts. Two words are no words of the contact and weigh less: a request to confirm takes
nothing from whoever is subscribed (anybody may type in another's address), and a sale gives way to
whatever the contact has said themselves, before or after it.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Consent, ConsentChange, ConsentStatus, LegalBasis

#: The purpose that consent is asked for; order e-mails need none.
MARKETING: Final = "marketing"
_TOPIC: Final = "topic/"

#: Longer texts of evidence are cut.
SOURCE_LENGTH_MAX: Final = 200
_IP_MARK: Final = re.compile(r"[0-9a-f]{32}")

#: From the least to the most restrictive.
_STRICTNESS: Final = {
    status: rank
    for rank, status in enumerate(
        (
            ConsentStatus.SUBSCRIBED,
            ConsentStatus.PENDING,
            ConsentStatus.NEVER_SUBSCRIBED,
            ConsentStatus.UNSUBSCRIBED,
        )
    )
}


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Where and how a word of consent was given; what is not known is None."""

    source: str
    event_id: str
    basis: LegalBasis = LegalBasis.CONSENT
    order_id: str | None = None
    page_url: str | None = None
    ip_mark: str | None = None
    wording_version: str | None = None
    wording_digest: str | None = None

    @classmethod
    def of(cls, properties: Mapping[str, Any], *, event_id: str) -> "Evidence":
        """Read it from an event's properties; an IP address that was posted is not kept."""
        wording, mark = _text(properties, "wording"), _text(properties, "ip_mark")
        return cls(
            source=(_text(properties, "source") or "api")[:SOURCE_LENGTH_MAX],
            event_id=event_id,
            page_url=_page(_text(properties, "page_url")),
            ip_mark=mark if mark and _IP_MARK.fullmatch(mark) else None,
            wording_version=(_text(properties, "wording_version") or "")[:SOURCE_LENGTH_MAX]
            or None,
            wording_digest=wording_digest(wording) if wording else None,
        )


def topic_purpose(topic: str) -> str:
    """Name the purpose under which a topic's opt-outs are kept."""
    return f"{_TOPIC}{topic}"


def topic_of_purpose(purpose: str) -> str | None:
    """Name the topic of a purpose; None if it is no topic's."""
    return purpose.removeprefix(_TOPIC) if purpose.startswith(_TOPIC) else None


def wording_digest(wording: str) -> str:
    """Make the digest by which a wording is known again, however it was wrapped."""
    return hashlib.sha256(" ".join(wording.split()).encode()).hexdigest()


def counts_over(
    new: tuple[datetime, ConsentStatus], present: tuple[datetime, ConsentStatus]
) -> bool:
    """Tell whether the new word replaces the present one."""
    return (new[0], _STRICTNESS[new[1]]) > (present[0], _STRICTNESS[present[1]])


def stricter(a: ConsentStatus, b: ConsentStatus) -> ConsentStatus:
    """Tell the more restrictive of two, for contacts that turn out to be one."""
    return max(a, b, key=_STRICTNESS.__getitem__)


def record_consent(
    session: Session,
    present: Consent | None,
    *,
    contact_id: str,
    status: ConsentStatus,
    at: datetime,
    evidence: Evidence,
    purpose: str = MARKETING,
) -> Consent:
    """Keep the evidence and, if it is the word that counts, change the consent. `at` is shop time.

    A word that is told late is put where it belongs among the others.
    """
    change = ConsentChange(
        contact_id=contact_id, purpose=purpose, status=status, at=at, **vars(evidence)
    )
    session.add(change)
    if present is None:
        present = Consent(contact_id=contact_id, purpose=purpose)
        session.add(present)
        _say(present, change)
    elif _hangs_on_a_request(present, status, at):
        session.flush()
        _say_all(session, present)
    elif _replaces(change, present):
        _say(present, change)
    return present


def _hangs_on_a_request(present: Consent, status: ConsentStatus, at: datetime) -> bool:
    """Tell whether a request to confirm may count for more, or less, once this word is known."""
    if present.status == ConsentStatus.PENDING:
        return at < present.changed_at
    # Of a request after this no, nothing was made while they were subscribed.
    return (present.status, status) == (ConsentStatus.SUBSCRIBED, ConsentStatus.UNSUBSCRIBED)


def _say_all(session: Session, present: Consent) -> None:
    """Say every word again, in order: what a request to confirm takes away hangs on the others."""
    query = (
        select(ConsentChange)
        .where(
            ConsentChange.contact_id == present.contact_id,
            ConsentChange.purpose == present.purpose,
        )
        .order_by(ConsentChange.at, ConsentChange.id)
    )
    first, *others = session.scalars(query)
    _say(present, first)
    for change in others:
        if _replaces(change, present):
            _say(present, change)


def _replaces(change: ConsentChange, present: Consent) -> bool:
    by_sale, was_by_sale = (each.basis == LegalBasis.EARLIER_SALE for each in (change, present))
    if by_sale != was_by_sale:
        return was_by_sale
    if (change.status, present.status) == (ConsentStatus.PENDING, ConsentStatus.SUBSCRIBED):
        return False
    if (change.status, present.status) == (ConsentStatus.SUBSCRIBED, ConsentStatus.PENDING):
        return change.at >= present.changed_at
    return counts_over(
        (change.at, ConsentStatus(change.status)),
        (present.changed_at, ConsentStatus(present.status)),
    )


def _say(present: Consent, change: ConsentChange) -> None:
    present.status, present.changed_at = change.status, change.at
    present.basis, present.order_id = change.basis, change.order_id


def _text(properties: Mapping[str, Any], name: str) -> str | None:
    value = properties.get(name)
    return value.strip() or None if isinstance(value, str) else None


def _page(url: str | None) -> str | None:
    """Leave out what stands behind a page's path: it may say who the reader is."""
    return re.split(r"[?#]", url, maxsplit=1)[0][:500] if url else None
