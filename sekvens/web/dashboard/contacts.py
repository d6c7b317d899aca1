"""Finding a contact: by our id, the shop's own, or their address, which no URL of ours holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical
from sekvens.contacts.person import people_called
from sekvens.contacts.tables import Contact
from sekvens.events.tables import ContactEvent
from sekvens.staff.tables import Role
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.page import Page

#: Of those who go by one name, and of those seen lately.
_SHOWN: Final = 12
#: The newest events among which those seen lately are looked for.
_LOOKED_AT: Final = 200
_NAME_CHARACTERS_MAX: Final = 320


@dataclass(frozen=True, kw_only=True)
class Found:
    """A contact as lists show them."""

    id: str
    name: str
    email: str  #: masked for whoever may only look
    seen_at: datetime | None = None  #: shop time of the newest event, where it is known


def masked(email: str | None, role: Role) -> str:
    """Write an address for somebody of this role: whole, or `a…@example.com`."""
    if not email:
        return ""
    local, at, domain = email.rpartition("@")
    return email if role.may(Role.EDITOR) else f"{local[:1]}…{at}{domain}"


def name_of(contact: Contact) -> str:
    """Write a contact's name, if they have told one."""
    return " ".join(filter(None, (contact.first_name, contact.last_name)))


def show(_house: House, session: Session, asked: Asked) -> Mapping[str, Any]:
    """Find who goes by the name that was posted; without one, show who was seen lately."""
    # Only what was posted: an address in a URL would stay in logs and histories.
    posted = asked.query.get("name", "") if asked.is_posted else ""
    name = posted.strip()[:_NAME_CHARACTERS_MAX]
    ids = people_called(session, name) if name else []
    return {
        "looked_for": bool(name),
        "found": _shown(session, ids[:_SHOWN], asked, {}),
        "more": max(0, len(ids) - _SHOWN),
        "lately": _lately(session, asked),
    }


def _lately(session: Session, asked: Asked) -> list[Found]:
    query = select(ContactEvent.contact_id, ContactEvent.occurred_at).where(
        ContactEvent.contact_id.is_not(None)
    )
    newest = session.execute(query.order_by(ContactEvent.id.desc()).limit(_LOOKED_AT)).all()
    stands = canonical(session, {whose for whose, _ in newest if whose is not None})
    seen: dict[str, datetime] = {}
    for whose, at in newest:
        if whose is not None:
            seen.setdefault(stands[whose], at)
    return _shown(session, list(seen)[:_SHOWN], asked, seen)


def _shown(
    session: Session, ids: Sequence[str], asked: Asked, seen: Mapping[str, datetime]
) -> list[Found]:
    rows = {row.id: row for row in session.scalars(select(Contact).where(Contact.id.in_(ids)))}
    return [
        Found(
            id=each,
            name=name_of(rows[each]),
            email=masked(rows[each].email, asked.who.role),
            seen_at=seen.get(each),
        )
        for each in ids
    ]


CONTACTS = Page(path="/staff/contacts", name="contacts", section="contacts", show=show, posted=True)
