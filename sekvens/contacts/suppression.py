"""Suppression: addresses that must not be mailed, kept by hash so that they outlive the contact.

The first reason stays: an address that bounced and is then blocked by hand has still bounced. But
`inactive` gives way: it is about marketing only, and ends when its contact subscribes again.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact, Suppression, SuppressionReason, address_hash
from sekvens.events.facts import chunks
from sekvens.messages.addresses import usable
from sekvens.notices.noting import LIFTED, SUPPRESSED, has_hooks, note_suppression

#: The source of a notice that an inactivity has ended.
SUBSCRIBED_AGAIN: Final = "subscribed again"
#: … that a person has ended a suppression.
BY_HAND: Final = "by hand"


def suppress(
    session: Session, address: str, *, reason: SuppressionReason, at: datetime, source: str
) -> bool:
    """Suppress an address, however it was spelt; False if it was suppressed already.

    `at` is shop time.
    """
    key = key_of_address(address)
    is_new = suppress_hash(session, key, reason=reason, at=at, source=source)
    if is_new:
        _note(session, address, status=SUPPRESSED, reason=reason, at=at, source=source)
    return is_new


def suppress_hash(
    session: Session, key: str, *, reason: SuppressionReason, at: datetime, source: str
) -> bool:
    """Suppress an address of which only the hash is known; False if it was already."""
    row = session.get(Suppression, key)
    if row is None:
        session.add(Suppression(address_hash=key, reason=reason, at=at, source=source))
    elif row.reason == SuppressionReason.INACTIVE != reason:
        row.reason, row.at, row.source = reason, at, source
    else:
        return False
    session.flush()
    return True


def suppress_contact(
    session: Session, contact: Contact, *, reason: SuppressionReason, at: datetime, source: str
) -> None:
    """Suppress a contact's address; without one, the first that they will have. `at` is shop time.

    That is `pay_owed`'s work, once the address is there.
    """
    if contact.email is not None:
        suppress(session, contact.email, reason=reason, at=at, source=source)
        return
    owed = contact.suppression_owed
    if owed is None or owed["reason"] == SuppressionReason.INACTIVE:
        contact.suppression_owed = {"reason": reason, "at": at.isoformat(), "source": source}


def pay_owed(session: Session, contact: Contact) -> None:
    """Suppress the address of a contact who had none when they were to be suppressed."""
    owed = contact.suppression_owed
    if owed is None or contact.email is None:
        return
    contact.suppression_owed = None
    suppress(
        session,
        contact.email,
        reason=SuppressionReason(owed["reason"]),
        at=datetime.fromisoformat(owed["at"]),
        source=owed["source"],
    )


def forgive_owed(contact: Contact, *, at: datetime) -> None:
    """Forget the inactivity of a contact without an address who subscribed at this shop time."""
    owed = contact.suppression_owed
    if owed is None or owed["reason"] != SuppressionReason.INACTIVE:
        return
    if datetime.fromisoformat(owed["at"]) < at:
        contact.suppression_owed = None


def lift_inactive(session: Session, subscribed: Mapping[str, datetime]) -> None:
    """End the inactivity of addresses whose contacts have subscribed since, at these shop times."""
    if not subscribed:
        return
    at_by_key = {key_of_address(address): at for address, at in subscribed.items()}
    query = select(Suppression).where(
        Suppression.address_hash.in_(at_by_key), Suppression.reason == SuppressionReason.INACTIVE
    )
    lifted = set()
    for row in session.scalars(query):
        if row.at < at_by_key[row.address_hash]:
            session.delete(row)
            lifted.add(row.address_hash)
    session.flush()
    for address, at in subscribed.items():
        if key_of_address(address) in lifted:
            reason = SuppressionReason.INACTIVE
            _note(session, address, status=LIFTED, reason=reason, at=at, source=SUBSCRIBED_AGAIN)


def lift(session: Session, address: str, *, at: datetime) -> SuppressionReason | None:
    """End the suppression of an address, because a person said so; tell what it was for.

    `at` is shop time.
    Consent is another matter: who has left stays unsubscribed until they say otherwise themselves.
    """
    row = session.get(Suppression, key_of_address(address))
    if row is None:
        return None
    session.delete(row)
    session.flush()
    reason = SuppressionReason(row.reason)
    _note(session, address, status=LIFTED, reason=reason, at=at, source=BY_HAND)
    return reason


def counts_by_reason(session: Session) -> dict[SuppressionReason, int]:
    """Count the suppressed addresses by what they are suppressed for, the most first."""
    count = func.count()
    query = select(Suppression.reason, count).group_by(Suppression.reason).order_by(count.desc())
    return {SuppressionReason(reason): number for reason, number in session.execute(query)}


def who_has(session: Session, addresses: Collection[str]) -> dict[str, set[str]]:
    """Tell which contacts have each of some addresses: a suppression is about all of them.

    An address is found as the contact gave it, as SES takes it, and in small letters.
    """
    spelt = {address: _spellings(address) for address in addresses}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for some in chunks({one for each in spelt.values() for one in each}):
        for contact in session.scalars(select(Contact).where(Contact.email.in_(some))):
            found[contact.email or ""].add(contact.id)
    return {address: set().union(*(found[one] for one in each)) for address, each in spelt.items()}


def _note(
    session: Session,
    address: str,
    *,
    status: str,
    reason: SuppressionReason,
    at: datetime,
    source: str,
) -> None:
    """Note a change for every contact who has the address; nobody else could be told of it."""
    if has_hooks(session):
        whose = who_has(session, [address])[address]
        note_suppression(session, whose, status=status, reason=reason, at=at, source=source)


def _spellings(address: str) -> set[str]:
    given = {address.strip(), usable(address) or address}
    return given | {each.lower() for each in given}


def key_of_address(address: str) -> str:
    """Make the key by which an address is suppressed, however it was spelt."""
    # In the form that the gate asks for: a domain of a contact's address stands there in punycode.
    return address_hash(usable(address) or address)
