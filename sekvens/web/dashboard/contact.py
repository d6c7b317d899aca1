"""One contact: who they are to us, why they got each e-mail or did not, and all that happened."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.person import Person, person_of
from sekvens.contacts.tables import Consent, IdentityKind, Preferences, Suppression
from sekvens.contacts.timeline import What, timeline_of
from sekvens.contacts.zone import zone_of_row
from sekvens.flows.conditions import EventPattern
from sekvens.flows.wording import ACTS
from sekvens.messages.why import why
from sekvens.messages.why_words import WORDINGS, say
from sekvens.staff.tables import Role
from sekvens.web.dashboard.asked import Asked, House
from sekvens.web.dashboard.contacts import masked, name_of
from sekvens.web.dashboard.page import Page
from sekvens.web.dashboard.reasons import Reasons

#: Which word of `reasons.toml` a moment's reason is.
_KINDS: Mapping[str, str] = {
    What.PARKED: "parked",
    What.LEFT: "exit",
    What.SKIPPED: "skip",
    What.FATE: "fate",
    What.CONSENT: "consent",
    What.SUPPRESSED: "suppression",
}


def show(house: House, session: Session, asked: Asked) -> Mapping[str, Any] | None:
    """Show one contact; None: there is none of this id."""
    person = person_of(session, asked.path["contact"])
    if person is None:
        return None
    reasons, zone = Reasons(asked.language), ZoneInfo(house.settings.shop.timezone)
    inside, outside = why(session, person, now=asked.shop_now, shop_time=house.shop_time)
    told = timeline_of(session, person, house.shop_time, before=_before(asked))
    return {
        **_facts(session, person, asked),
        "zone": zone_of_row(person.contact, house.settings.shop.timezone),
        "inside": inside,
        "outside": outside,
        "says": partial(say, language=asked.language, zone=zone, word=reasons),
        "timeline": told,
        "older": told.moments[-1].at.isoformat() if told.goes_on else "",
        "is_older": _before(asked) is not None,
        "kinds": _KINDS,
        "did": partial(did, language=asked.language),
        "temporal": partial(_temporal_link, house),
    }


def did(name: str, *, language: str) -> str:
    """Say what an event is as a marketer would: `Adds a product to the cart`; else its name."""
    if name not in ACTS:
        return name
    said: str = WORDINGS[language].somebody_does(EventPattern(name=name))
    return said[:1].upper() + said[1:]


def _facts(session: Session, person: Person, asked: Asked) -> dict[str, Any]:
    """Tell who they are; an address whole, and traits, only to whoever may do more than look."""
    contact = person.contact
    consents = select(Consent).where(Consent.contact_id == contact.id).order_by(Consent.purpose)
    suppressed = select(Suppression).where(Suppression.address_hash.in_(person.address_keys))
    may_see = asked.who.role.may(Role.EDITOR)
    return {
        "contact": contact,
        "name": name_of(contact),
        "email": masked(contact.email, asked.who.role),
        "user_ids": [each.value for each in person.names if each.kind == IdentityKind.USER_ID]
        if may_see
        else [],
        "aliases": person.ids[1:],
        "traits": contact.traits if may_see else {},
        "consents": session.scalars(consents).all(),
        "suppressed": session.scalars(suppressed).first(),
        "preferences": session.get(Preferences, contact.id),
        "now": asked.shop_now,
    }


def _before(asked: Asked) -> datetime | None:
    try:
        before = datetime.fromisoformat(asked.query.get("before", ""))
    except ValueError:
        return None
    return before if before.tzinfo is not None else None


def _temporal_link(house: House, workflow_id: str) -> str:
    """Tell where Temporal's own pages show an enrollment; nothing where nobody has said."""
    home = house.settings.api.temporal_ui_url
    return f"{home.rstrip('/')}/workflows/{quote(workflow_id, safe='')}" if home else ""


CONTACT = Page(
    path="/staff/contacts/{contact}",
    name="contact",
    section="contacts",
    show=show,
    live=("standing", "moments"),
)
