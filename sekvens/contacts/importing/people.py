"""Who the rows of a batch are: contacts that we know by the shop's id, or by their address.

A row with the shop's own id is that contact, whatever its address. One without is whoever has the
address; if nobody has, a new contact, known by a name that is made of the address's hash. When a
later row gives the shop's id for that address, the two are one: a file says so, and no visitor.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical
from sekvens.contacts.consent import MARKETING
from sekvens.contacts.importing.rows import ContactRow
from sekvens.contacts.suppression import key_of_address, who_has
from sekvens.contacts.tables import (
    Consent,
    ConsentStatus,
    Identity,
    IdentityKind,
    Suppression,
)
from sekvens.events.facts import chunks
from sekvens.events.identity import load_contacts


@dataclass(frozen=True, kw_only=True)
class Person:
    """By which names a row's contact is told of, and which contact that is, if we know them."""

    user_id: str | None = None
    anonymous_id: str | None = None
    contact_id: str | None = None

    @property
    def key(self) -> str:
        """Tell one person of a batch from another."""
        return self.contact_id or self.user_id or self.anonymous_id or ""


def name_of_address(address: str) -> str:
    """Make the name of somebody known by nothing but an address, without the address in it."""
    return f"import:{key_of_address(address)}"


@dataclass(kw_only=True)
class People:
    """What is known of the people of one batch."""

    by_name: dict[tuple[str, str], str] = field(default_factory=dict)
    by_address: dict[str, list[str]] = field(default_factory=dict)
    names: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    #: whose consent is what, by the person's key
    consents: dict[str, ConsentStatus] = field(default_factory=dict)
    suppressed: set[str] = field(default_factory=set)  #: keys of addresses
    seen: dict[str, Person] = field(default_factory=dict)  #: new people of this batch, by address

    def whose(self, row: ContactRow) -> list[Person]:
        """Tell who a row is; behind the first, others who have the same address."""
        known = [self._known(contact_id) for contact_id in self.by_address.get(row.email, ())]
        if row.external_id is not None:
            return [self._by_external_id(row, row.external_id), *known]
        if known:
            return known
        return [self.seen.setdefault(row.email, Person(anonymous_id=name_of_address(row.email)))]

    def _by_external_id(self, row: ContactRow, external_id: str) -> Person:
        named = name_of_address(row.email)
        contact_id = self.by_name.get((IdentityKind.USER_ID, external_id))
        visitor = self.by_name.get((IdentityKind.ANONYMOUS_ID, named))
        before = self.seen.get(row.email)
        is_seen = before is not None and before.anonymous_id is not None
        person = Person(
            user_id=external_id,
            anonymous_id=named if visitor or is_seen else None,
            contact_id=contact_id or visitor,
        )
        self.seen[row.email] = person
        return person

    def _known(self, contact_id: str) -> Person:
        names = sorted(self.names[contact_id], key=lambda name: name[0] != IdentityKind.USER_ID)
        kind, value = names[0]
        if kind == IdentityKind.USER_ID:
            return Person(user_id=value, contact_id=contact_id)
        return Person(anonymous_id=value, contact_id=contact_id)


def load_people(session: Session, rows: Sequence[ContactRow]) -> People:
    """Look up the people of a batch; their contacts stay locked until the transaction ends."""
    people = People()
    externals = {row.external_id for row in rows if row.external_id is not None}
    named = {name_of_address(row.email) for row in rows}
    people.by_name = _by_name(session, externals | named)
    having = who_has(session, {row.email for row in rows})
    ids = {*people.by_name.values(), *(one for some in having.values() for one in some)}
    contacts = load_contacts(session, ids)
    stands = canonical(session, ids)
    people.by_name = {name: stands[contact_id] for name, contact_id in people.by_name.items()}
    people.names.update(_names(session, set(stands.values())))
    for address, some in having.items():
        owners = {stands[one] for one in some if people.names.get(stands[one])}
        people.by_address[address] = sorted(
            owners,
            key=lambda one: (not _has_user_id(people, one), contacts[one].created_at, one),
        )
    people.consents.update(_consents(session, set(stands.values())))
    people.suppressed = _suppressed(session, {row.email for row in rows})
    return people


def _has_user_id(people: People, contact_id: str) -> bool:
    return any(kind == IdentityKind.USER_ID for kind, _ in people.names[contact_id])


def _by_name(session: Session, values: Iterable[str]) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for some in chunks(set(values)):
        for row in session.scalars(select(Identity).where(Identity.value.in_(some))):
            found[row.kind, row.value] = row.contact_id
    return found


def _names(session: Session, contact_ids: set[str]) -> dict[str, list[tuple[str, str]]]:
    found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for some in chunks(contact_ids):
        rows = session.scalars(
            select(Identity)
            .where(Identity.contact_id.in_(some))
            .order_by(Identity.kind, Identity.value)
        )
        for row in rows:
            found[row.contact_id].append((row.kind, row.value))
    return found


def _consents(session: Session, contact_ids: set[str]) -> dict[str, ConsentStatus]:
    found: dict[str, ConsentStatus] = {}
    for some in chunks(contact_ids):
        rows = session.scalars(
            select(Consent).where(Consent.contact_id.in_(some), Consent.purpose == MARKETING)
        )
        found |= {row.contact_id: ConsentStatus(row.status) for row in rows}
    return found


def _suppressed(session: Session, addresses: set[str]) -> set[str]:
    keys = {key_of_address(address) for address in addresses}
    found: set[str] = set()
    for some in chunks(keys):
        query = select(Suppression.address_hash).where(Suppression.address_hash.in_(some))
        found.update(session.scalars(query))
    return found
