"""What the database holds of contacts today, for lives in memory that start from it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.consent import MARKETING, topic_of_purpose
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Contact,
    LegalBasis,
    Preferences,
    Suppression,
    SuppressionReason,
)
from sekvens.contacts.zone import zone_of_row
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.flows.keys import key_of
from sekvens.flows.steps import Purpose
from sekvens.messages.addresses import usable
from sekvens.messages.tables import Message, MessageState
from sekvens.products.order_lines import pieces_of
from sekvens.segments.dealings import Goods, PastEvent
from sekvens.segments.dealings_sql import goods_of
from sekvens.simulator.facts import GrowingFacts
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Person


@dataclass(kw_only=True)
class Today:
    """What the database holds of one contact."""

    person: Person
    is_reachable: bool = True
    consent: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED
    is_by_sale: bool = False  #: an earlier sale is what it rests on
    left_out: set[str] = field(default_factory=set)  #: topics
    suppressed: SuppressionReason | None = None
    preferences: Preferences | None = None
    rests_until: datetime | None = None
    events: list[PastEvent] = field(default_factory=list)
    received: list[datetime] = field(default_factory=list)
    goods: Mapping[str, Goods] = field(default_factory=dict)  #: by the ids that events carry
    enrollments: list[Enrollment] = field(default_factory=list)
    sent: dict[str, list[Message]] = field(default_factory=dict)  #: by enrollment

    def tell_who(self, facts: GrowingFacts) -> None:
        """Let facts know what marketing to the contact rests on, and whether mail reaches them."""
        facts.consent, facts.suppressed = self.consent, self.suppressed
        facts.has_said, facts.left_out = not self.is_by_sale, self.left_out
        facts.is_reachable = self.is_reachable


def read_today(
    session: Session, contacts: Sequence[Contact], stage: Stage, *, until: datetime
) -> Collection[Today]:
    """Read all that a life needs of some hundred contacts; their events `until` (shop time)."""
    found = {
        contact.id: Today(
            person=Person(
                name=contact.id,
                zone=zone_of_row(contact, stage.zone).name,
                traits=contact.traits,
            ),
            rests_until=contact.rests_until,
            is_reachable=bool(contact.email and usable(contact.email)),
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
    for consent in session.scalars(select(Consent).where(Consent.contact_id.in_(list(found)))):
        _read_consent(found[consent.contact_id], consent)
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
    goods = goods_of(session, {key for today in found.values() for key in _product_keys(today)})
    for today in found.values():
        today.goods = goods
    for each in session.scalars(select(Enrollment).where(Enrollment.contact_id.in_(whose))):
        found[owner[each.contact_id]].enrollments.append(each)
    accepted = Message.contact_id.in_(whose), Message.state == MessageState.ACCEPTED
    for message in session.scalars(select(Message).where(*accepted)):
        today = found[owner[message.contact_id]]
        today.sent.setdefault(message.enrollment_id, []).append(message)
        if message.purpose == Purpose.MARKETING and message.sent_on is not None:
            today.received.append(message.sent_on)


def _product_keys(today: Today) -> Iterator[str]:
    """List the products that somebody ordered or looked at, by the ids that events carry."""
    for event in today.events:
        ordered = event.properties.get("products")
        yield from pieces_of(ordered if isinstance(ordered, list) else ())
        if event.properties.get("product_id") is not None:
            yield key_of(event.properties["product_id"])


def _read_consent(today: Today, consent: Consent) -> None:
    topic = topic_of_purpose(consent.purpose)
    if consent.purpose == MARKETING:
        today.consent = ConsentStatus(consent.status)
        today.is_by_sale = consent.basis == LegalBasis.EARLIER_SALE
    elif topic is not None and consent.status == ConsentStatus.UNSUBSCRIBED:
        today.left_out.add(topic)
