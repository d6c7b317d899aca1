"""Which contacts are one person: a merged contact lives on as an alias of another.

Workflow ids and enrollments keep the contact they were made with; whoever fans out, counts or asks
for facts does it for all of a person's contacts.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import BindParameter, bindparam, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact

#: Built once: these are asked several times for each e-mail, and building cost more than asking.
_ANY_OF_THEM: BindParameter[str] = bindparam("contact_ids", expanding=True)
_MERGED = select(Contact.id, Contact.merged_into).where(
    Contact.id.in_(_ANY_OF_THEM), Contact.merged_into.is_not(None)
)
_MERGED_INTO = select(Contact.id, Contact.merged_into).where(Contact.merged_into.in_(_ANY_OF_THEM))


def canonical(session: Session, contact_ids: Iterable[str]) -> dict[str, str]:
    """Name, for each contact, the one it was merged into in the end; itself if it never was."""
    found = {contact_id: contact_id for contact_id in contact_ids}
    frontier: Collection[str] = set(found)
    seen = set(found)
    while frontier:
        rows = session.execute(_MERGED, {"contact_ids": list(frontier)})
        merged = {old: new for old, new in rows if new is not None}
        found = {contact_id: merged.get(now, now) for contact_id, now in found.items()}
        frontier = set(merged.values()) - seen  # a circle of merges would never end
        seen |= frontier
    return found


def canonical_id(session: Session, contact_id: str) -> str:
    """Name the contact that one contact stands for: the one it was merged into, or itself."""
    return canonical(session, [contact_id])[contact_id]


def known_as(session: Session, contact_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """List, for each canonical contact, all of the person's contacts, the canonical one first."""
    owner = {contact_id: contact_id for contact_id in contact_ids}
    frontier: Collection[str] = set(owner)
    while frontier:
        rows = session.execute(_MERGED_INTO, {"contact_ids": list(frontier)})
        children = {old: owner[new] for old, new in rows if new is not None and old not in owner}
        owner.update(children)
        frontier = set(children)
    known: dict[str, list[str]] = {}
    for contact_id, whose in owner.items():
        known.setdefault(whose, []).append(contact_id)
    return {whose: tuple(names) for whose, names in known.items()}
