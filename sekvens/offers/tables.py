"""Codes, claims, redemptions and referrals. A code is given to one contact, and used in an order.

No code stands here twice, whichever offer it belongs to: an order that carries it is unambiguous.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class CodeSource(StrEnum):
    """Where a code of its own comes from. Persisted: members are never renamed."""

    POOL = "pool"  #: imported, or generated ahead for the checkout
    PATTERN = "pattern"  #: made when it was claimed
    REFERRAL = "referral"  #: a contact's own, to pass on to friends


class OfferCode(Base):
    """One code that is not everybody's."""

    __tablename__ = "offer_codes"
    __table_args__ = (
        UniqueConstraint("key"),
        Index("ix_offer_codes_offer_source_taken_at_id", "offer", "source", "taken_at", "id"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    offer: Mapped[str]
    key: Mapped[str]  #: the code as orders are searched for it; see `patterns.key_of`
    code: Mapped[str]  #: as it is written in an e-mail
    source: Mapped[str]
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    #: shop time since which nobody else gets it: it was claimed, or an order carried it
    taken_at: Mapped[datetime | None]


class OfferClaim(Base):
    """What one contact was promised, and until when."""

    __tablename__ = "offer_claims"
    __table_args__ = (
        Index("ix_offer_claims_contact_id_offer", "contact_id", "offer"),
        Index("ix_offer_claims_offer_claimed_at", "offer", "claimed_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    offer: Mapped[str]
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    code_id: Mapped[int | None] = mapped_column(ForeignKey("offer_codes.id"), unique=True)
    code: Mapped[str | None]  #: None: it is given without one
    key: Mapped[str | None] = mapped_column(index=True)
    claimed_at: Mapped[datetime]  #: shop time
    sent_at: Mapped[datetime | None]  #: shop time of the first message that told the contact
    expires_at: Mapped[datetime]  #: shop time


class EnrollmentClaim(Base):
    """Which claim an enrollment's e-mails carry: the same in every one of them."""

    __tablename__ = "enrollment_claims"

    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollments.id"), primary_key=True)
    offer: Mapped[str] = mapped_column(primary_key=True)
    claim_id: Mapped[str] = mapped_column(ForeignKey("offer_claims.id"), index=True)


class Redemption(Base):
    """A code of ours that an order carried; a refund does not take it back."""

    __tablename__ = "redemptions"
    __table_args__ = (Index("ix_redemptions_offer_redeemed_at", "offer", "redeemed_at"),)

    order_id: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    offer: Mapped[str]
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))  #: who ordered
    claim_id: Mapped[str | None] = mapped_column(ForeignKey("offer_claims.id"), index=True)
    redeemed_at: Mapped[datetime]  #: shop time of the order's event


class Referral(Base):
    """A contact whose first order carried another contact's code; nobody is referred twice."""

    __tablename__ = "referrals"

    friend_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    referrer_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    order_id: Mapped[str]
    claim_id: Mapped[str | None] = mapped_column(ForeignKey("offer_claims.id"))  #: the reward
    referred_at: Mapped[datetime]  #: shop time
