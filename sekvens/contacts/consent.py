"""Consent to marketing by e-mail: the newest word counts, and every word is kept as evidence.

Newest goes by when it was said, not by when it came. Of two at the same instant, the more
restrictive counts.
"""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from sekvens.contacts.tables import Consent, ConsentChange, ConsentStatus
from sekvens.notices.noting import note_consent

#: The purpose that consent is asked for; order e-mails need none.
MARKETING: Final = "marketing"

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
    source: str,
    event_id: str,
) -> Consent:
    """Keep the evidence and, if it is the newest word, change the consent. `at` is shop time."""
    session.add(
        ConsentChange(
            contact_id=contact_id,
            purpose=MARKETING,
            status=status,
            at=at,
            source=source,
            event_id=event_id,
        )
    )
    if present is None:
        present = Consent(contact_id=contact_id, purpose=MARKETING, status=status, changed_at=at)
        session.add(present)
    elif counts_over((at, status), (present.changed_at, ConsentStatus(present.status))):
        is_change = present.status != status
        present.status, present.changed_at = status, at
        if not is_change:
            return present
    else:
        return present
    note_consent(
        session,
        contact_id=contact_id,
        purpose=MARKETING,
        status=status,
        at=at,
        source=source,
    )
    return present
