"""Erasure: a person is forgotten, and what happened stays as far as it says nothing about them.

What stays are ids, names of events, times, sums of money, consent as it stood, and the suppression
of their address by its hash. Ids that the shop gave stay if they are plain, so that a repeat of an
old event is still known as one; any other id becomes its hash, for it may be an address.
"""

import logging
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.suppression import key_of_address, who_has
from sekvens.contacts.tables import (
    Consent,
    ConsentChange,
    Contact,
    Identity,
    IdentityKind,
    Preferences,
    Suppression,
    SuppressionReason,
)
from sekvens.db.base import new_id
from sekvens.enrollments.names import plain
from sekvens.enrollments.tables import Delivery, Enrollment
from sekvens.events.ingest import record_fact
from sekvens.events.schema import CONTACT_SUPPRESSED
from sekvens.events.tables import Cart, ContactEvent, OpenCase, Order, RejectedEvent, Visit
from sekvens.messages.copies import forget_those_of
from sekvens.offers.tables import OfferCode, Redemption, Referral
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review, ReviewState

logger = logging.getLogger(__name__)

#: What a contact's row says about the person.
_FORGOTTEN: Final[dict[str, Any]] = {
    "email": None,
    "first_name": None,
    "last_name": None,
    "locale": None,
    "timezone": None,
    "country": None,
    "traits": {},
    "traits_at": {},
    "suppression_owed": None,
}
#: A shorter name of a person is found in too many texts that are not about them.
_WORD_LENGTH_MIN: Final = 3


def erase(
    session: Session, contact_id: str, *, now: datetime, now_shop: datetime
) -> tuple[str, ...]:
    """Forget a contact, and those merged into them; a repeat changes nothing more.

    Marketing flows under way end by the fact that their address is suppressed; it is suppressed as
    inactive, so that whoever comes back may be a new contact. Call
    `sekvens.events.barrier.wait_for_senders` with the result after the commit.

    Args:
        session: A writing session.
        contact_id: Any of the person's contacts.
        now: Wall time.
        now_shop: Shop time.

    Returns:
        All contacts that were the person's, the canonical one first, and behind them others who
        have the same address; none if there is no such contact.
    """
    canonical = canonical_id(session, contact_id)
    if session.get(Contact, canonical) is None:
        return ()
    ids = known_as(session, [canonical])[canonical]
    fact = new_id("erased")
    record_fact(
        session,
        contact_id=canonical,
        name=CONTACT_SUPPRESSED,
        message_id=fact,
        properties={"reason": SuppressionReason.INACTIVE, "source": "erasure"},
        occurred_at=now_shop,
        now=now,
    )
    session.flush()
    contacts = session.scalars(select(Contact).where(Contact.id.in_(ids))).all()
    names = session.scalars(select(Identity).where(Identity.contact_id.in_(ids))).all()
    emails = [each.email for each in contacts if each.email is not None]
    others = set().union(*who_has(session, emails).values()) - set(ids)
    _forget_suppressions(session, emails)
    _forget_rejected(session, contacts, names)
    _forget_reviews(session, ids, contacts)
    _forget_events(session, ids, names, but=fact)
    _forget_wishes(session, ids)
    forget_those_of(session, ids)
    _forget_purchases(session, ids)
    _forget_passages(session, ids)
    session.execute(delete(Identity).where(Identity.contact_id.in_(ids)))
    session.execute(update(Contact).where(Contact.id.in_(ids)).values(**_FORGOTTEN, updated_at=now))
    session.expire_all()
    logger.info(
        "contact %s is erased",
        canonical,
        extra={"action": "contact_erased", "contact_id": canonical},
    )
    return (*ids, *sorted(others))


def _forget_suppressions(session: Session, emails: Iterable[str]) -> None:
    """Keep the hash, and hash the id of the event that it came by."""
    keys = [key_of_address(email) for email in emails]
    for row in session.scalars(select(Suppression).where(Suppression.address_hash.in_(keys))):
        row.source = plain(row.source)


def _forget_rejected(
    session: Session, contacts: Sequence[Contact], names: Sequence[Identity]
) -> None:
    """Delete events that we could not use and that name the person: they belong to nobody."""
    said = {each.email for each in contacts if each.email} | {f'"{name.value}"' for name in names}
    if said:
        found = or_(*(RejectedEvent.raw.icontains(text, autoescape=True) for text in sorted(said)))
        session.execute(delete(RejectedEvent).where(found))


def _forget_reviews(session: Session, ids: Sequence[str], contacts: Sequence[Contact]) -> None:
    """Let what may be shown stand as nobody's, unless it says who wrote it."""
    words = {
        word.casefold()
        for each in contacts
        for word in (each.email, each.first_name, each.last_name)
        if word and len(word) >= _WORD_LENGTH_MIN
    }
    told = [re.compile(rf"\b{re.escape(word)}\b") for word in words]
    for review in session.scalars(select(Review).where(Review.contact_id.in_(ids))):
        text = review.text.casefold()
        if review.state != ReviewState.APPROVED or any(word.search(text) for word in told):
            session.delete(review)
        else:
            review.contact_id = review.author = None
    session.flush()


def _forget_events(
    session: Session, ids: Sequence[str], names: Sequence[Identity], *, but: str
) -> None:
    visitors = [name.value for name in names if name.kind == IdentityKind.ANONYMOUS_ID]
    theirs = or_(
        ContactEvent.contact_id.in_(ids),
        ContactEvent.contact_id.is_(None) & ContactEvent.anonymous_id.in_(visitors),
    )
    _hash_ids(session, ContactEvent.message_id, theirs)
    session.execute(update(ContactEvent).where(theirs).values(anonymous_id=None))
    session.execute(
        update(ContactEvent).where(theirs, ContactEvent.message_id != but).values(properties={})
    )
    session.execute(update(Visit).where(Visit.contact_id.in_(ids)).values(url=None, title=None))


def _forget_wishes(session: Session, ids: Sequence[str]) -> None:
    """Keep what was agreed to and when; not how often, nor from where."""
    session.execute(delete(Preferences).where(Preferences.contact_id.in_(ids)))
    theirs = ConsentChange.contact_id.in_(ids)
    _hash_ids(session, ConsentChange.event_id, theirs)
    _hash_ids(session, ConsentChange.order_id, theirs)
    _hash_ids(session, Consent.order_id, Consent.contact_id.in_(ids))
    nowhere = {"source": "", "page_url": None, "ip_mark": None}
    session.execute(update(ConsentChange).where(theirs).values(nowhere))


def _forget_purchases(session: Session, ids: Sequence[str]) -> None:
    """Keep sums, times and which products sold; the shop's books are not kept here."""
    for table in (Cart, OpenCase):
        session.execute(delete(table).where(table.contact_id.in_(ids)))
    session.execute(update(Order).where(Order.contact_id.in_(ids)).values(products=[], details={}))
    for column, whose in (
        (Order.order_id, Order.contact_id),
        (OrderLine.order_id, OrderLine.contact_id),
        (Redemption.order_id, Redemption.contact_id),
        (Referral.order_id, Referral.friend_id),
    ):
        _hash_ids(session, column, whose.in_(ids))
    # Nobody else gets a code that was taken, whosever it was.
    session.execute(update(OfferCode).where(OfferCode.contact_id.in_(ids)).values(contact_id=None))


def _forget_passages(session: Session, ids: Sequence[str]) -> None:
    """An entry key and the id of an event are the shop's, and may be anything."""
    _hash_ids(session, Enrollment.entry_key, Enrollment.contact_id.in_(ids))
    own = select(Enrollment.id).where(Enrollment.contact_id.in_(ids))
    _hash_ids(session, Delivery.message_id, Delivery.enrollment_id.in_(own))


def _hash_ids(session: Session, column: InstrumentedAttribute[Any], whose: Any) -> None:
    """Turn each id that is not plain into its hash, the same in every table."""
    for given in session.scalars(select(column).where(whose).distinct()).all():
        if given is not None and plain(given) != given:
            table: Any = column.class_
            session.execute(
                update(table).where(whose, column == given).values({column: plain(given)}),
                execution_options={"synchronize_session": False},
            )
