"""What the database holds of contacts today, for lives in memory that start from it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.consent import MARKETING
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    Preferences,
    Suppression,
    SuppressionReason,
)
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.segments.memory import PastEvent
from sekvens.send_time.local_time import zone_or
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Person


@dataclass(kw_only=True)
class Today:
    """What the database holds of one contact."""

    person: Person
    consent: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED
    suppressed: SuppressionReason | None = None
    preferences: Preferences | None = None
    rests_until: datetime | None = None
    events: list[PastEvent] = field(default_factory=list)
    received: list[datetime] = field(default_factory=list)
    enrollments: list[Enrollment] = field(default_factory=list)
    sent: dict[str, list[Message]] = field(default_factory=dict)  #: by enrollment

    def tell(self, facts: GrowingFacts) -> None:
        """Let facts know what stands of the contact beside events."""
        facts.consent, facts.suppressed = self.consent, self.suppressed
        facts.rests_until = self.rests_until
        if self.preferences is not None:
            facts.paused_until = self.preferences.paused_until
            facts.fewer = self.preferences.fewer
        facts.received = sorted(self.received)


def read_today(
    session: Session, contacts: Sequence[Contact], stage: Stage, *, until: datetime
) -> Collection[Today]:
    """Read all that a life needs of some hundred contacts; their events `until` (shop time)."""
    found = {
        contact.id: Today(
            person=Person(
                name=contact.id,
                zone=zone_or(contact.timezone, stage.zone),
                traits=contact.traits,
            ),
            rests_until=contact.rests_until,
        )
        for contact in contacts
    }
    keys = {key_of_address(each.email): each.id for each in contacts if each.email}
    _read(session, found, keys, until)
    return found.values()


def _read(session: Session, found: dict[str, Today], keys: dict[str, str], until: datetime) -> None:
    owner = {
        name: whose for whose, names in known_as(session, list(found)).items() for name in names
    }
    whose = list(owner)
    given = Consent.contact_id.in_(list(found)), Consent.purpose == MARKETING
    for consent in session.scalars(select(Consent).where(*given)):
        found[consent.contact_id].consent = ConsentStatus(consent.status)
    for row in session.scalars(select(Suppression).where(Suppression.address_hash.in_(list(keys)))):
        found[keys[row.address_hash]].suppressed = SuppressionReason(row.reason)
    for wish in session.scalars(select(Preferences).where(Preferences.contact_id.in_(list(found)))):
        found[wish.contact_id].preferences = wish
    events = select(
        ContactEvent.contact_id,
        ContactEvent.name,
        ContactEvent.properties,
        ContactEvent.occurred_at,
    )
    past = ContactEvent.contact_id.in_(whose), ContactEvent.occurred_at <= until
    for contact_id, name, properties, at in session.execute(events.where(*past)):
        found[owner[contact_id or ""]].events.append(PastEvent(name, properties, at))
    for each in session.scalars(select(Enrollment).where(Enrollment.contact_id.in_(whose))):
        found[owner[each.contact_id]].enrollments.append(each)
    accepted = Message.contact_id.in_(whose), Message.state == MessageState.ACCEPTED
    for message in session.scalars(select(Message).where(*accepted)):
        today = found[owner[message.contact_id]]
        today.sent.setdefault(message.enrollment_id, []).append(message)
        if message.purpose == Purpose.MARKETING and message.sent_on is not None:
            today.received.append(message.sent_on)
