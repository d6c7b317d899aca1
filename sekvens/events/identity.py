"""Who did it: the names that a shop's backend uses, resolved to contacts of ours.

A `userId` names a contact; an `anonymousId` names a visitor, who becomes a contact once a `userId`
or a usable e-mail address comes with it. Rules where the names disagree:

* a `userId` decides. An `anonymousId` that belongs to another `userId` stays with that one: two
  people share a computer, and nobody may be given another's events;
* an `anonymousId` whose contact has no `userId` yet is the same person: the two are merged;
* an alias says outright that two names are one person, so those are always merged;
* nobody is merged because of an e-mail address: anyone can type in another's.

Of two enrollments in one flow that a merge gives one person, the younger leaves.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeAlias

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.orm import Session

from sekvens.contacts.merge import merge, older_first
from sekvens.contacts.tables import Contact, Identity, IdentityKind
from sekvens.contacts.traits import usable_email
from sekvens.db.base import new_id
from sekvens.enrollments.leaving import supersede
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.events.facts import chunks, look_up
from sekvens.events.parse import IncomingEvent

#: The first half of PostgreSQL's two-part advisory key: ours, and for visitors.
VISITOR_CLASS: Final = 0x5F1
#: Few enough that a full batch does not fill PostgreSQL's lock table.
VISITOR_STRIPES: Final = 64
_LOCK: Final = text(
    "SELECT pg_advisory_xact_lock(:class, stripe) FROM unnest(CAST(:stripes AS int[])) AS stripe"
)

_BY_NAME: Final = select(Identity.kind, Identity.value, Identity.contact_id).where(
    Identity.kind.in_([kind.value for kind in IdentityKind]),
    Identity.value.in_(bindparam("ids", expanding=True)),
)
_HAS_USER_ID: Final = select(Identity.contact_id).where(
    Identity.kind == IdentityKind.USER_ID,
    Identity.contact_id.in_(bindparam("ids", expanding=True)),
)

Name: TypeAlias = tuple[str, str]


@dataclass(kw_only=True)
class Resolved:
    """Who did what, and who has just become known."""

    contacts: dict[str, Contact]
    by_message: dict[str, str | None]  #: messageId -> contact id; None: a visitor not yet known
    linked: dict[str, str]  #: anonymous ids that have just got a contact -> contact id
    merged: dict[str, str] = field(default_factory=dict)  #: the younger's id -> the older's


def resolve(session: Session, events: Sequence[IncomingEvent], *, now: datetime) -> Resolved:
    """Find or make the contact of each event, in the order in which they were posted.

    Contacts stay locked until the transaction ends, so that two writers fold one after the other.
    """
    book = _Book(session, now)
    book.load(events)
    found = [(event, book.contact_of(event)) for event in events]
    by_message = {
        event.message_id: book.canonical(contact).id if contact else None
        for event, contact in found
    }
    for event, contact in found:
        # An earlier event of a visitor whom a later one in the same request makes known.
        if contact is None and event.anonymous_id in book.linked:
            by_message[event.message_id] = book.linked_to(event.anonymous_id)
    book.store()
    return Resolved(
        contacts={contact.id: contact for contact in book.contacts.values()},
        by_message=by_message,
        linked={value: book.linked_to(value) for value in book.linked},
        merged={loser: book.canonical(book.contacts[loser]).id for loser in book.merged_into},
    )


def load_contacts(session: Session, contact_ids: Iterable[str]) -> dict[str, Contact]:
    """Load contacts, and those whom they were merged into, locked against other writers."""
    found: dict[str, Contact] = {}
    wanted = set(contact_ids)
    while wanted:
        for some in chunks(wanted):
            rows = session.scalars(
                select(Contact)
                .where(Contact.id.in_(some))
                .order_by(Contact.id)
                # Folding changes contacts, yet others may go on referring to them.
                .with_for_update(key_share=True)
                .execution_options(populate_existing=True)
            )
            found |= {contact.id: contact for contact in rows}
        further = {contact.merged_into for contact in found.values() if contact.merged_into}
        wanted = further - found.keys()
    return found


class _Book:
    """The names and contacts that one transaction is about."""

    def __init__(self, session: Session, now: datetime) -> None:
        self._session = session
        self._now = now
        self.contacts: dict[str, Contact] = {}
        self.merged_into: dict[str, str] = {}
        self.linked: set[str] = set()
        self._by_name: dict[Name, str] = {}
        self._new_contacts: list[Contact] = []
        self._new_names: list[Name] = []
        self._has_user_id: set[str] = set()

    def load(self, events: Sequence[IncomingEvent]) -> None:
        """Look up every name in the events, and the contacts behind them, at once."""
        names = {name for event in events for name in _names(event)}
        self._lock_visitors({value for kind, value in names if kind == IdentityKind.ANONYMOUS_ID})
        rows = look_up(self._session, _BY_NAME, {value for _, value in names})
        self._by_name = {(row.kind, row.value): row.contact_id for row in rows}
        self.contacts = load_contacts(self._session, self._by_name.values())
        # Erased while we waited for the lock: whoever comes by this name now is somebody new.
        self._by_name = {
            name: contact_id
            for name, contact_id in self._by_name.items()
            if self.contacts[contact_id].erased_at is None
        }
        self._has_user_id = {
            contact_id
            for (kind, _), contact_id in self._by_name.items()
            if kind == IdentityKind.USER_ID
        }
        visitors = set(self._by_name.values()) - self._has_user_id
        named = look_up(self._session, _HAS_USER_ID, visitors)
        self._has_user_id.update(row.contact_id for row in named)

    def contact_of(self, event: IncomingEvent) -> Contact | None:
        """Find or make the contact of one event; None: a visitor not yet known."""
        if event.type == "alias":
            return self._alias(event)
        visitor = self._named((IdentityKind.ANONYMOUS_ID, event.anonymous_id))
        if event.user_id is None:
            if visitor is None and event.anonymous_id and usable_email(event.traits):
                visitor = self._new_contact()
                self._link(event.anonymous_id, visitor)
            return visitor
        contact = self._user(event.user_id, visitor)
        if event.anonymous_id:
            if visitor is None:
                self._link(event.anonymous_id, contact)
            elif visitor is not contact and visitor.id not in self._has_user_id:
                contact = self._merge(contact, visitor)
        return contact

    def canonical(self, contact: Contact) -> Contact:
        """Follow merges to the contact that stands."""
        while (onwards := self.merged_into.get(contact.id) or contact.merged_into) is not None:
            contact = self.contacts[onwards]
        return contact

    def linked_to(self, anonymous_id: str) -> str:
        """Tell whose events a visitor's are now."""
        contact_id = self._by_name[(IdentityKind.ANONYMOUS_ID, anonymous_id)]
        return self.canonical(self.contacts[contact_id]).id

    def store(self) -> None:
        """Write new contacts and names, then the merges."""
        self._session.add_all(self._new_contacts)
        self._session.flush()
        if self._new_names:
            self._session.connection().execute(
                insert(Identity),
                [
                    {"kind": name[0], "value": name[1], "contact_id": self._by_name[name]}
                    for name in sorted(self._new_names)
                ],
            )
        if self.merged_into:
            # Before an entry of the outbox is changed: the relay, in its turn, would wait for it.
            take_turn(self._session, Turn.EXPAND)
        for loser_id in self.merged_into:
            loser = self.contacts[loser_id]
            merge(self._session, winner=self.canonical(loser), loser=loser, now=self._now)
        if self.merged_into:
            stand = {self.canonical(self.contacts[loser]).id for loser in self.merged_into}
            self._session.flush()
            supersede(self._session, stand, now=self._now)

    def _lock_visitors(self, anonymous_ids: set[str]) -> None:
        """Keep one writer from storing a visitor's event while another makes the visitor known.

        Neither would see the other's rows, and the event would stay nobody's. SQLite needs none.
        """
        if anonymous_ids and self._session.get_bind().dialect.name == "postgresql":
            stripes = {zlib.crc32(value.encode()) % VISITOR_STRIPES for value in anonymous_ids}
            self._session.execute(_LOCK, {"class": VISITOR_CLASS, "stripes": sorted(stripes)})

    def _alias(self, event: IncomingEvent) -> Contact:
        previous = self._named((IdentityKind.USER_ID, event.previous_id)) or self._named(
            (IdentityKind.ANONYMOUS_ID, event.previous_id)
        )
        assert event.user_id is not None  # noqa: S101  parse refuses such an alias
        assert event.previous_id is not None  # noqa: S101
        contact = self._user(event.user_id, previous)
        if previous is not None and previous is not contact:
            contact = self._merge(contact, previous)
        # The alias does not say which sort of name it was; whichever comes later, it is theirs.
        self._name((IdentityKind.USER_ID, event.previous_id), contact)
        self._link(event.previous_id, contact)
        return contact

    def _named(self, name: tuple[str, str | None]) -> Contact | None:
        kind, value = name
        contact_id = self._by_name.get((kind, value)) if value else None
        return self.canonical(self.contacts[contact_id]) if contact_id else None

    def _user(self, user_id: str, visitor: Contact | None) -> Contact:
        known = self._named((IdentityKind.USER_ID, user_id))
        if known is not None:
            return known
        free = visitor is not None and visitor.id not in self._has_user_id
        contact = visitor if visitor is not None and free else self._new_contact()
        self._name((IdentityKind.USER_ID, user_id), contact)
        return contact

    def _link(self, anonymous_id: str, contact: Contact) -> None:
        if self._name((IdentityKind.ANONYMOUS_ID, anonymous_id), contact):
            self.linked.add(anonymous_id)

    def _name(self, name: Name, contact: Contact) -> bool:
        if name in self._by_name:
            return False
        self._by_name[name] = contact.id
        self._new_names.append(name)
        if name[0] == IdentityKind.USER_ID:
            self._has_user_id.add(contact.id)
        return True

    def _new_contact(self) -> Contact:
        contact = Contact(
            id=new_id("c"), traits={}, traits_at={}, created_at=self._now, updated_at=self._now
        )
        self._new_contacts.append(contact)
        self.contacts[contact.id] = contact
        return contact

    def _merge(self, a: Contact, b: Contact) -> Contact:
        winner, loser = older_first(a, b)
        self.merged_into[loser.id] = winner.id
        if loser.id in self._has_user_id:
            self._has_user_id.add(winner.id)
        return winner


def _names(event: IncomingEvent) -> Iterable[Name]:
    if event.user_id:
        yield IdentityKind.USER_ID, event.user_id
    if event.anonymous_id:
        yield IdentityKind.ANONYMOUS_ID, event.anonymous_id
    if event.previous_id:
        yield IdentityKind.USER_ID, event.previous_id
        yield IdentityKind.ANONYMOUS_ID, event.previous_id
