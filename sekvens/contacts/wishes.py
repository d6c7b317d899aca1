"""What a contact wishes for, as they see it on their own page, and how a change of it is recorded.

A change is facts, like everything else a contact does: it is in force once it is committed, and
what does not change is not said again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sekvens.consent_section import ConsentSettings
from sekvens.contacts.consent import MARKETING, topic_purpose
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    Preferences,
    Suppression,
    SuppressionReason,
)
from sekvens.contacts.traits import apply_traits
from sekvens.db.base import new_id
from sekvens.events.ingest import record_fact
from sekvens.events.schema import EMAIL_PREFERENCES_CHANGED, EMAIL_SUBSCRIBED

#: How long a pause lasts that a contact asks for.
PAUSE_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a contact hears about, and how often; the address itself is no part of it."""

    is_subscribed: bool
    topics: Mapping[str, bool]  #: name to whether they want it
    fewer: bool = False
    paused_until: datetime | None = None  #: shop time; None: not paused now
    has_birthday: bool = False
    #: somebody's hand is needed before they can get marketing again
    needs_a_hand: bool = False


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a contact has just chosen; None: nothing was said of it."""

    topics: Mapping[str, bool] = field(default_factory=dict)
    fewer: bool | None = None
    pauses: bool = False
    resumes: bool = False
    locale: str | None = None
    birthday: str | None = None  #: `--04-12`
    #: they subscribe again; this is what they agreed to, as evidence
    agreed: Mapping[str, str] | None = None


def wishes_of(
    session: Session, contact: Contact, *, consent: ConsentSettings, now: datetime
) -> Wishes:
    """Read a contact's wishes; `now` is shop time."""
    given = session.get(Consent, (contact.id, MARKETING))
    preferences = session.get(Preferences, contact.id)
    paused_until = preferences.paused_until if preferences else None
    return Wishes(
        is_subscribed=given is not None and given.status == ConsentStatus.SUBSCRIBED,
        topics={name: _wants(session, contact.id, name) for name in consent.topics},
        fewer=bool(preferences and preferences.fewer),
        paused_until=paused_until if paused_until and paused_until > now else None,
        has_birthday=bool(contact.traits.get("birthday")),
        needs_a_hand=needs_a_hand(session, contact),
    )


def needs_a_hand(session: Session, contact: Contact) -> bool:
    """Tell whether their address is suppressed in a way that only a person may end."""
    if contact.email is None:
        return contact.suppression_owed is not None
    row = session.get(Suppression, key_of_address(contact.email))
    return row is not None and row.reason != SuppressionReason.INACTIVE


def change(
    session: Session,
    contact: Contact,
    wanted: Change,
    *,
    consent: ConsentSettings,
    message_id: str,
    shop_now: datetime,
    now: datetime,
) -> bool:
    """Record what differs from what is so; False if nothing does.

    Args:
        session: A writing session.
        contact: The canonical contact.
        wanted: What they have chosen.
        consent: The topics that there are.
        message_id: The e-mail whose link they came by.
        shop_now: Shop time.
        now: Wall time.
    """
    before = wishes_of(session, contact, consent=consent, now=shop_now)
    said = _differences(before, wanted)
    about = {"source": "preference page", "email_id": message_id}
    facts: list[tuple[str, dict[str, Any]]] = []
    if said:
        facts.append((EMAIL_PREFERENCES_CHANGED, said | about))
    if wanted.agreed is not None and not before.is_subscribed and not before.needs_a_hand:
        facts.append((EMAIL_SUBSCRIBED, {**wanted.agreed, **about}))
    for name, properties in facts:
        record_fact(
            session,
            contact_id=contact.id,
            name=name,
            message_id=new_id("wish"),
            properties=properties,
            occurred_at=shop_now,
            now=now,
        )
    return _tell_traits(contact, wanted, shop_now=shop_now, now=now) or bool(facts)


def _differences(before: Wishes, wanted: Change) -> dict[str, Any]:
    said: dict[str, Any] = {}
    topics = {
        name: wants
        for name, wants in wanted.topics.items()
        if name in before.topics and before.topics[name] != wants
    }
    if topics:
        said["topics"] = topics
    if wanted.fewer is not None and wanted.fewer != before.fewer:
        said["fewer"] = wanted.fewer
    if wanted.pauses and before.paused_until is None:
        said["pause_days"] = PAUSE_DAYS
    elif wanted.resumes and before.paused_until is not None:
        said["pause_days"] = 0
    return said


def _tell_traits(contact: Contact, wanted: Change, *, shop_now: datetime, now: datetime) -> bool:
    traits: dict[str, str] = {}
    spoken = (contact.locale or "").split("-")[0].lower()
    if wanted.locale is not None and wanted.locale.split("-")[0].lower() != spoken:
        traits["locale"] = wanted.locale
    if wanted.birthday is not None and wanted.birthday != contact.traits.get("birthday"):
        traits["birthday"] = wanted.birthday
    apply_traits(contact, traits, at=shop_now, now=now)
    return bool(traits)


def _wants(session: Session, contact_id: str, topic: str) -> bool:
    chosen = session.get(Consent, (contact_id, topic_purpose(topic)))
    return chosen is None or chosen.status != ConsentStatus.UNSUBSCRIBED
