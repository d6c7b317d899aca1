"""Where a contact's clock stands."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id
from sekvens.contacts.tables import Contact
from sekvens.send_time.local_time import zone_or
from sekvens.shop import Shop


def zone_of(session: Session, contact_id: str, shop: Shop) -> str:
    """Tell the contact's IANA time zone: their own, or the shop's until we know better."""
    whose = Contact.id == canonical_id(session, contact_id)
    zone = session.scalar(select(Contact.timezone).where(whose))
    return zone_or(zone, shop.timezone)
