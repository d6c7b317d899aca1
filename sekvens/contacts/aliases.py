"""Which contacts are one person: a merged contact lives on as an alias of another.

Workflow ids and enrollments keep the contact they were made with; whoever fans out, counts or asks
for facts does it for all of a person's contacts.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact


def canonical(session: Session, contact_ids: Iterable[str]) -> dict[str, str]:
    """Name, for each contact, the one it was merged into in the end; itself if it never was."""
    found = {contact_id: contact_id for contact_id in contact_ids}
    frontier: Collection[str] = set(found)
    seen = set(found)
    while frontier:
        query = select(Contact.id, Contact.merged_into).where(
            Contact.id.in_(frontier), Contact.merged_into.is_not(None)
        )
        merged = {old: new for old, new in session.execute(query) if new is not None}
        found = {contact_id: merged.get(now, now) for contact_id, now in found.items()}
        frontier = set(merged.values()) - seen  # a circle of merges would never end
        seen |= frontier
    return found


def known_as(session: Session, contact_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """List, for each canonical contact, all of the person's contacts, the canonical one first."""
    owner = {contact_id: contact_id for contact_id in contact_ids}
    frontier: Collection[str] = set(owner)
    while frontier:
        query = select(Contact.id, Contact.merged_into).where(Contact.merged_into.in_(frontier))
        children = {
            old: owner[new]
            for old, new in session.execute(query)
            if new is not None and old not in owner
        }
        owner.update(children)
        frontier = set(children)
    known: dict[str, list[str]] = {}
    for contact_id, whose in owner.items():
        known.setdefault(whose, []).append(contact_id)
    return {whose: tuple(names) for whose, names in known.items()}
