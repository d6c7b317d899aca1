"""Whether what a contact opens and clicks may be noted: a consent of its own, apart from marketing.

The newest word counts, and each is kept as evidence. Whoever leaves marketing has taken this back
as well; whoever comes back is asked anew.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy.orm import Session

from sekvens.contacts.consent import Evidence, record_consent
from sekvens.contacts.tables import Consent, ConsentStatus
from sekvens.events.facts import Fact
from sekvens.events.schema import TRACKING_ALLOWED, TRACKING_REFUSED, UNSUBSCRIBED
from sekvens.tracking_section import TrackingSettings

#: The purposes under which these consents are kept.
CLICKS: Final = "tracking/clicks"
OPENS: Final = "tracking/opens"
#: … by the word that events have for them.
PURPOSES: Final = {"clicks": CLICKS, "opens": OPENS}

#: Opens are watched without the contact doing anything: they are allowed by name, or not at all.
_ALLOWED_UNNAMED: Final = ("clicks",)


def clicks_allowed(session: Session, contact_id: str, tracking: TrackingSettings) -> bool:
    """Tell whether a contact's clicks may be noted."""
    if tracking.clicks == "consent":
        return _allows(session, contact_id, CLICKS)
    return tracking.clicks == "always"


def opens_allowed(session: Session, contact_id: str, tracking: TrackingSettings) -> bool:
    """Tell whether a contact's opens may be noted."""
    return tracking.opens == "consent" and _allows(session, contact_id, OPENS)


def fold_tracking(session: Session, facts: Sequence[Fact]) -> None:
    """Fold what contacts say of being tracked, oldest first."""
    for fact in facts:
        for purpose, status in _said(fact):
            present = session.get(Consent, (fact.contact_id, purpose))
            if fact.name == UNSUBSCRIBED and present is None:
                continue
            record_consent(
                session,
                present,
                contact_id=fact.contact_id,
                status=status,
                at=fact.occurred_at,
                evidence=Evidence.of(fact.properties, event_id=fact.message_id),
                purpose=purpose,
            )


def _said(fact: Fact) -> Iterator[tuple[str, ConsentStatus]]:
    """Tell the purposes that a fact speaks of, and what it says of each."""
    if fact.name in (TRACKING_REFUSED, UNSUBSCRIBED):
        named: object = None if fact.name == UNSUBSCRIBED else fact.properties.get("of")
        unnamed: Sequence[str] = tuple(PURPOSES)
        status = ConsentStatus.UNSUBSCRIBED
    elif fact.name == TRACKING_ALLOWED:
        named, unnamed = fact.properties.get("of"), _ALLOWED_UNNAMED
        status = ConsentStatus.SUBSCRIBED
    else:
        return
    given = [named] if isinstance(named, str) else named
    for name in unnamed if given is None else given if isinstance(given, list) else ():
        if isinstance(name, str) and name in PURPOSES:
            yield PURPOSES[name], status


def _allows(session: Session, contact_id: str, purpose: str) -> bool:
    consent = session.get(Consent, (contact_id, purpose))
    return consent is not None and consent.status == ConsentStatus.SUBSCRIBED
