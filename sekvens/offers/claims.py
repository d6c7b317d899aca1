"""Claims: what one contact was promised, with which code, and until when.

An enrollment carries one claim per offer, in all its e-mails; a contact who comes back gets the one
that is still good. What nobody was told yet has not begun to expire. Times are shop time.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, or_, select, update
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.db.base import new_id
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.offers import codes
from sekvens.offers.patterns import key_of
from sekvens.offers.tables import CodeSource, EnrollmentClaim, OfferClaim, OfferCode, Redemption
from sekvens.shop import Offer

#: What ends sooner is not offered to somebody who comes back: they would hardly have read it.
TIME_LEFT_MIN: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One contact's offer. Both times are shop time."""

    id: str
    offer: str  #: its name in the settings
    code: str | None  #: None: it is given without one
    claimed_at: datetime
    expires_at: datetime
    is_redeemed: bool = False

    def last_day(self, timezone: str) -> date:
        """Tell the last whole day on which it holds, in a time zone (IANA name)."""
        return self.expires_at.astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


def claim(
    session: Session,
    *,
    offer_name: str,
    offer: Offer,
    contact_id: str,
    enrollment_id: str,
    now: datetime,
) -> Claim:
    """Claim an offer for an enrollment, or find the claim that it carries already.

    The session must be writing. It may be called any number of times, at once too.

    Raises:
        OfferPoolEmpty: no code is left.
        TemplateError: no code can be made.
    """
    person = _person(session, contact_id)
    take_turn(session, Turn.CLAIM, f"{offer_name}/{person[0]}")
    row = _carried(session, offer_name, enrollment_id)
    if row is None:
        row = _open(session, offer_name, person, now) or _award(
            session, offer_name=offer_name, offer=offer, contact_id=person[0], now=now
        )
        session.add(EnrollmentClaim(enrollment_id=enrollment_id, offer=offer_name, claim_id=row.id))
    if row.sent_at is None:
        row.claimed_at, row.expires_at = now, now + timedelta(days=offer.days)
    session.flush()
    return _told(session, row)


def claim_of(
    session: Session, *, offer_name: str, contact_id: str, enrollment_id: str, now: datetime
) -> Claim | None:
    """Find the claim that an enrollment carries, or the one that it would be given again."""
    row = _of(session, offer_name, contact_id, enrollment_id, now)
    return None if row is None else _told(session, row)


def end_of(
    session: Session, *, offer_name: str, contact_id: str, enrollment_id: str, now: datetime
) -> datetime | None:
    """Tell when an enrollment's offer ends; None while nobody has been told of it."""
    row = _of(session, offer_name, contact_id, enrollment_id, now)
    return None if row is None or row.sent_at is None else row.expires_at


def award(
    session: Session, *, offer_name: str, offer: Offer, contact_id: str, now: datetime
) -> Claim:
    """Claim an offer for a contact outside any flow: a new one, whatever they have already.

    Raises:
        OfferPoolEmpty: no code is left.
    """
    row = _award(session, offer_name=offer_name, offer=offer, contact_id=contact_id, now=now)
    return _told(session, row)


def told(session: Session, *, offer_name: str, enrollment_id: str, now: datetime) -> None:
    """Record that a message with the offer was sent: from the first one on, its days count."""
    carried = select(EnrollmentClaim.claim_id).where(
        EnrollmentClaim.enrollment_id == enrollment_id, EnrollmentClaim.offer == offer_name
    )
    session.execute(
        update(OfferClaim)
        .where(OfferClaim.id.in_(carried), OfferClaim.sent_at.is_(None))
        .values(sent_at=now)
    )


def _person(session: Session, contact_id: str) -> tuple[str, ...]:
    """List all of a person's contacts, the canonical one first."""
    canonical = canonical_id(session, contact_id)
    return known_as(session, [canonical])[canonical]


def _carried(session: Session, offer_name: str, enrollment_id: str) -> OfferClaim | None:
    return session.scalars(
        select(OfferClaim)
        .join(EnrollmentClaim, EnrollmentClaim.claim_id == OfferClaim.id)
        .where(EnrollmentClaim.enrollment_id == enrollment_id, EnrollmentClaim.offer == offer_name)
    ).one_or_none()


def _of(
    session: Session, offer_name: str, contact_id: str, enrollment_id: str, now: datetime
) -> OfferClaim | None:
    carried = _carried(session, offer_name, enrollment_id)
    return carried or _open(session, offer_name, _person(session, contact_id), now)


def _open(
    session: Session, offer_name: str, person: tuple[str, ...], now: datetime
) -> OfferClaim | None:
    """Find a claim that is still good; first of all one that no enrollment carries yet."""
    still_good = or_(OfferClaim.sent_at.is_(None), OfferClaim.expires_at >= now + TIME_LEFT_MIN)
    return session.scalars(
        select(OfferClaim)
        .where(
            OfferClaim.contact_id.in_(person),
            OfferClaim.offer == offer_name,
            still_good,
            ~_is_redeemed(),
        )
        .order_by(_is_carried(), OfferClaim.expires_at.desc(), OfferClaim.id)
        .limit(1)
    ).one_or_none()


def _award(
    session: Session, *, offer_name: str, offer: Offer, contact_id: str, now: datetime
) -> OfferClaim:
    code = _own_code(session, offer_name, offer, now)
    text = code.code if code else offer.code or None
    row = OfferClaim(
        id=new_id("o"),
        offer=offer_name,
        contact_id=contact_id,
        code_id=code.id if code else None,
        code=text,
        key=key_of(text) if text else None,
        claimed_at=now,
        sent_at=None,
        expires_at=now + timedelta(days=offer.days),
    )
    session.add(row)
    session.flush()
    return row


def _own_code(session: Session, offer_name: str, offer: Offer, now: datetime) -> OfferCode | None:
    # Codes that were generated ahead are those that the checkout knows: then no other will do.
    if offer.pool or (offer.pattern and codes.has_pool(session, offer_name)):
        return codes.take(session, offer=offer_name, now=now)
    if offer.pattern:
        return codes.make(
            session,
            offer.pattern,
            offer=offer_name,
            source=CodeSource.PATTERN,
            taken_at=now,
        )
    return None


def _is_redeemed() -> ColumnElement[bool]:
    return exists().where(Redemption.claim_id == OfferClaim.id)


def _is_carried() -> ColumnElement[bool]:
    return exists().where(EnrollmentClaim.claim_id == OfferClaim.id)


def _told(session: Session, row: OfferClaim) -> Claim:
    redeemed = session.scalar(select(exists().where(Redemption.claim_id == row.id)))
    return Claim(
        id=row.id,
        offer=row.offer,
        code=row.code,
        claimed_at=row.claimed_at,
        expires_at=row.expires_at,
        is_redeemed=bool(redeemed),
    )
