"""What a contact allows, folded from events: consent, and suppression of an address.

Of consent the newest word counts. A suppression stays, but for one that is about inactivity: a
consent that is newer than it ends it, whichever of the two comes first.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING, record_consent
from sekvens.contacts.suppression import (
    forgive_owed,
    lift_inactive,
    pay_owed,
    suppress,
    suppress_contact,
    who_has,
)
from sekvens.contacts.tables import Consent, ConsentStatus, Contact, SuppressionReason
from sekvens.contacts.tracking import fold_tracking
from sekvens.events.facts import Fact, chunks
from sekvens.events.parse import IncomingEvent
from sekvens.events.schema import CONSENT_EVENTS, CONTACT_SUPPRESSED, EMAIL_SUBSCRIBED


def fold_permissions(
    session: Session, facts: Sequence[Fact], *, contacts: Mapping[str, Contact]
) -> None:
    """Fold facts, oldest first, of these contacts."""
    said = [fact for fact in facts if fact.name in CONSENT_EVENTS]
    _fold_consents(session, said)
    fold_tracking(session, facts)
    for fact in facts:
        if fact.name == CONTACT_SUPPRESSED:
            _suppress(session, fact, contacts[fact.contact_id])
    _lift(session, said, contacts)
    for contact in contacts.values():
        pay_owed(session, contact)


def with_that_address(
    session: Session, events: Sequence[IncomingEvent], contact_ids: Mapping[str, str | None]
) -> dict[str, set[str]]:
    """Tell whom else events concern because they suppress an address: all who have it."""
    asked: dict[str, str] = {}
    for event in events:
        if event.name != CONTACT_SUPPRESSED:
            continue
        given, contact_id = event.properties.get("email"), contact_ids[event.message_id]
        if isinstance(given, str) and given.strip():
            asked[event.message_id] = given
        elif contact_id is not None:
            asked[event.message_id] = session.get_one(Contact, contact_id).email or ""
    found = who_has(session, set(asked.values())) if asked else {}
    return {message_id: found[address] for message_id, address in asked.items()}


def _fold_consents(session: Session, facts: Sequence[Fact]) -> None:
    present: dict[str, Consent] = {}
    for some in chunks({fact.contact_id for fact in facts}):
        theirs = select(Consent).where(Consent.contact_id.in_(some), Consent.purpose == MARKETING)
        for consent in session.scalars(theirs):
            present[consent.contact_id] = consent
    for fact in facts:
        subscribed = fact.name == EMAIL_SUBSCRIBED
        present[fact.contact_id] = record_consent(
            session,
            present.get(fact.contact_id),
            contact_id=fact.contact_id,
            status=ConsentStatus.SUBSCRIBED if subscribed else ConsentStatus.UNSUBSCRIBED,
            at=fact.occurred_at,
            source=str(fact.properties.get("source") or "api")[:200],
            event_id=fact.message_id,
        )


def _suppress(session: Session, fact: Fact, contact: Contact) -> None:
    reason = str(fact.properties.get("reason"))
    known = reason in list(SuppressionReason)
    because = SuppressionReason(reason) if known else SuppressionReason.MANUAL
    if because is SuppressionReason.INACTIVE and _has_subscribed_since(session, fact):
        return
    at, source = fact.occurred_at, fact.message_id
    posted = fact.properties.get("email")
    # A value that is no address must not leave the contact mailed.
    if isinstance(posted, str) and posted.strip():
        suppress(session, posted, reason=because, at=at, source=source)
    else:
        suppress_contact(session, contact, reason=because, at=at, source=source)


def _has_subscribed_since(session: Session, fact: Fact) -> bool:
    consent = session.get(Consent, (fact.contact_id, MARKETING))
    return (
        consent is not None
        and consent.status == ConsentStatus.SUBSCRIBED
        and consent.changed_at > fact.occurred_at
    )


def _lift(session: Session, facts: Sequence[Fact], contacts: Mapping[str, Contact]) -> None:
    """End the inactivity of those who have subscribed; `facts` are words of consent in order."""
    newest = {fact.contact_id: fact.occurred_at for fact in facts if fact.name == EMAIL_SUBSCRIBED}
    for contact_id, at in newest.items():
        forgive_owed(contacts[contact_id], at=at)
    for some in chunks(newest):
        emails = [(contacts[contact_id].email, newest[contact_id]) for contact_id in some]
        lift_inactive(session, {email: at for email, at in emails if email is not None})
