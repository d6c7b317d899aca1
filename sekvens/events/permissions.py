"""What a contact allows, folded from events: consent, preferences, and suppression of an address.

Of consent the newest word counts. A suppression stays, but for one that is about inactivity: a
consent that is newer than it ends it, whichever of the two comes first.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.consent import MARKETING, Evidence, record_consent, topic_purpose
from sekvens.contacts.suppression import (
    forgive_owed,
    lift_inactive,
    pay_owed,
    suppress,
    suppress_contact,
    who_has,
)
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    LegalBasis,
    Preferences,
    SuppressionReason,
)
from sekvens.events.facts import Fact, chunks, logs
from sekvens.events.orders import order_id
from sekvens.events.parse import IncomingEvent
from sekvens.events.schema import (
    CONSENT_EVENTS,
    CONTACT_SUPPRESSED,
    EMAIL_CONFIRMATION_REQUESTED,
    EMAIL_PREFERENCES_CHANGED,
    EMAIL_SUBSCRIBED,
    ORDER_COMPLETED,
    UNSUBSCRIBED,
)

#: Nobody rests for longer; a number above it is no wish.
PAUSE_DAYS_MAX: Final = 366
#: Nobody has more to choose from; a longer table is no choice.
TOPICS_MAX: Final = 50

_ALWAYS: Final = datetime(1, 1, 2, tzinfo=UTC)
_SAYS: Final = {
    EMAIL_SUBSCRIBED: ConsentStatus.SUBSCRIBED,
    EMAIL_CONFIRMATION_REQUESTED: ConsentStatus.PENDING,
    UNSUBSCRIBED: ConsentStatus.UNSUBSCRIBED,
}


def fold_permissions(
    session: Session, facts: Sequence[Fact], *, contacts: Mapping[str, Contact]
) -> None:
    """Fold facts, oldest first, of these contacts."""
    said = [fact for fact in facts if fact.name in CONSENT_EVENTS]
    _fold_consents(session, said)
    _fold_preferences(session, [fact for fact in facts if fact.name == EMAIL_PREFERENCES_CHANGED])
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


def note_sales(session: Session, facts: Sequence[Fact], consent: ConsentSettings | None) -> None:
    """Keep a sale as the basis for marketing, where the shop goes by that and nobody said no.

    Whoever declined it at the checkout has said no, which is a word of their own.
    """
    if consent is None or not consent.soft_opt_in:
        return
    sales = [fact for fact in facts if fact.name == ORDER_COMPLETED]
    present = _present(session, {fact.contact_id for fact in sales}, MARKETING)
    for fact in sales:
        known = present.get(fact.contact_id)
        declined = fact.properties.get("marketing_declined") is True
        if known is not None and known.basis != LegalBasis.EARLIER_SALE:
            continue
        present[fact.contact_id] = record_consent(
            session,
            known,
            contact_id=fact.contact_id,
            status=ConsentStatus.NEVER_SUBSCRIBED if declined else ConsentStatus.SUBSCRIBED,
            at=fact.occurred_at,
            evidence=Evidence(
                source="checkout",
                event_id=fact.message_id,
                basis=LegalBasis.CONSENT if declined else LegalBasis.EARLIER_SALE,
                order_id=order_id(fact),
            ),
        )


def _present(session: Session, contact_ids: set[str], purpose: str) -> dict[str, Consent]:
    found: dict[str, Consent] = {}
    for some in chunks(contact_ids):
        query = select(Consent).where(Consent.contact_id.in_(some), Consent.purpose == purpose)
        found |= {consent.contact_id: consent for consent in session.scalars(query)}
    return found


def _fold_consents(session: Session, facts: Sequence[Fact]) -> None:
    present = _present(session, {fact.contact_id for fact in facts}, MARKETING)
    for fact in facts:
        present[fact.contact_id] = record_consent(
            session,
            present.get(fact.contact_id),
            contact_id=fact.contact_id,
            status=_SAYS[fact.name],
            at=fact.occurred_at,
            evidence=Evidence.of(fact.properties, event_id=fact.message_id),
        )


def _fold_preferences(session: Session, facts: Sequence[Fact]) -> None:
    for fact in facts:
        for topic, wanted in _topics(fact.properties).items():
            purpose = topic_purpose(topic)
            record_consent(
                session,
                session.get(Consent, (fact.contact_id, purpose)),
                contact_id=fact.contact_id,
                status=ConsentStatus.SUBSCRIBED if wanted else ConsentStatus.UNSUBSCRIBED,
                at=fact.occurred_at,
                evidence=Evidence.of(fact.properties, event_id=fact.message_id),
                purpose=purpose,
            )
            session.flush()
    # They are few, and each says some things only: all are read again, in whatever order they came.
    log = logs(
        session, {fact.contact_id for fact in facts}, {EMAIL_PREFERENCES_CHANGED}, since=_ALWAYS
    )
    for contact_id, said in log.items():
        row = session.get(Preferences, contact_id) or Preferences(contact_id=contact_id)
        session.add(row)
        for fact in said:
            _prefer(row, fact)


def _prefer(row: Preferences, fact: Fact) -> None:
    fewer, days = fact.properties.get("fewer"), fact.properties.get("pause_days")
    if isinstance(fewer, bool):
        row.fewer = fewer
    if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= PAUSE_DAYS_MAX:
        row.paused_until = fact.occurred_at + timedelta(days=days) if days else None
    row.changed_at = fact.occurred_at


def _topics(properties: Mapping[str, Any]) -> dict[str, bool]:
    """Read which topics were chosen and which left out; what is no choice is left out."""
    posted = properties.get("topics")
    if not isinstance(posted, dict) or len(posted) > TOPICS_MAX:
        return {}
    return {
        str(name): wanted
        for name, wanted in posted.items()
        if isinstance(wanted, bool) and 0 < len(str(name)) <= 100
    }


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
