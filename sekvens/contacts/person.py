"""Who is meant: a person with all of their contacts, and the people whom a name may mean.

What a person is known by is read once, before anything of it is changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical, canonical_id, known_as
from sekvens.contacts.suppression import key_of_address, who_has
from sekvens.contacts.tables import Contact, Identity, IdentityKind


@dataclass(frozen=True, kw_only=True)
class Person:
    """One person: their contacts, the canonical one first, and what these are known by."""

    ids: tuple[str, ...]
    contacts: tuple[Contact, ...]
    names: tuple[Identity, ...]

    @property
    def contact(self) -> Contact:
        """The canonical contact."""
        return next(each for each in self.contacts if each.id == self.ids[0])

    @property
    def emails(self) -> list[str]:
        """List their addresses."""
        return sorted({each.email for each in self.contacts if each.email is not None})

    @property
    def address_keys(self) -> list[str]:
        """List the keys by which their addresses are suppressed."""
        return sorted({key_of_address(email) for email in self.emails})

    @property
    def visitors(self) -> list[str]:
        """List the anonymous ids that are theirs."""
        return [each.value for each in self.names if each.kind == IdentityKind.ANONYMOUS_ID]

    @property
    def spelt(self) -> list[str]:
        """List what names them in the text of an event: addresses, and ids as JSON has them."""
        return sorted({*self.emails, *(f'"{each.value}"' for each in self.names)})


def person_of(session: Session, contact_id: str) -> Person | None:
    """Find the person of any of their contacts; None: there is no such contact."""
    stands = canonical_id(session, contact_id)
    if session.get(Contact, stands) is None:
        return None
    ids = known_as(session, [stands])[stands]
    contacts = session.scalars(select(Contact).where(Contact.id.in_(ids))).all()
    names = session.scalars(select(Identity).where(Identity.contact_id.in_(ids))).all()
    return Person(ids=ids, contacts=tuple(contacts), names=tuple(names))


def people_called(session: Session, name: str) -> Sequence[str]:
    """List the canonical contacts whom a name may mean: our id, the shop's own id, or an address.

    Our id means one contact. The shop's id and an address may mean several people.
    """
    name = name.strip()
    if session.get(Contact, name) is not None:
        return [canonical_id(session, name)]
    # Of each kind: they are looked up by both.
    names = Identity.kind.in_(list(IdentityKind)), Identity.value == name
    found = set(session.scalars(select(Identity.contact_id).where(*names)))
    if not found and name:
        # However it was spelt: one that is suppressed for its spelling's twin is meant, too.
        in_small = func.lower(Contact.email) == name.lower()
        found = who_has(session, [name])[name] | set(
            session.scalars(select(Contact.id).where(in_small))
        )
    return sorted(set(canonical(session, found).values()))
