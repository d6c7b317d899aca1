"""Where a contact's clock stands."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.send_time.zones import Zone, zone_from
from sekvens.shop import Shop


def zone_of(session: Session, contact_id: str, shop: Shop) -> str:
    """Tell the IANA name of a contact's time zone: the shop's, until we know better."""
    whose = Contact.id == canonical_id(session, contact_id)
    known = session.execute(
        select(Contact.timezone, Contact.timezone_by, Contact.country).where(whose)
    ).first()
    return zone_from(*(known or (None, None, None)), otherwise=shop.timezone).name


def zone_of_row(contact: Contact, otherwise: str) -> Zone:
    """Tell a contact's time zone, and by what it is known; `otherwise` is the shop's."""
    return zone_from(contact.timezone, contact.timezone_by, contact.country, otherwise=otherwise)
