"""Suppression: addresses that must not be mailed, kept by hash so that they outlive the contact.

The first reason stays: an address that bounced and is then blocked by hand has still bounced.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from sekvens.contacts.tables import Suppression, SuppressionReason, address_hash
from sekvens.messages.addresses import usable


def suppress(
    session: Session, address: str, *, reason: SuppressionReason, at: datetime, source: str
) -> bool:
    """Suppress an address, however it was spelt; False if it was suppressed already."""
    # In the form that the gate asks for: a domain of a contact's address stands there in punycode.
    key = address_hash(usable(address) or address)
    if session.get(Suppression, key) is not None:
        return False
    session.add(Suppression(address_hash=key, reason=reason, at=at, source=source))
    session.flush()
    return True
