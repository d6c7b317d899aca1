"""Contacts, the names they are known by, their consent, and suppressed addresses."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ConsentStatus(StrEnum):
    """What a contact has agreed to."""

    SUBSCRIBED = "subscribed"  #: agreed
    UNSUBSCRIBED = "unsubscribed"  #: agreed once, and took it back
    NEVER_SUBSCRIBED = "never_subscribed"  #: was never asked, or said no
    PENDING = "pending"  #: asked to confirm, and has not yet


class LegalBasis(StrEnum):
    """What marketing to a contact rests on. Persisted: members are never renamed."""

    CONSENT = "consent"  #: they asked for it
    #: they bought something like it, were told, and have not said no (the soft opt-in)
    EARLIER_SALE = "earlier_sale"


class SuppressionReason(StrEnum):
    """Why an address must not be mailed."""

    BOUNCE = "bounce"  #: the mailbox does not exist
    COMPLAINT = "complaint"  #: its owner called our mail spam
    MANUAL = "manual"  #: somebody on the staff said so
    INVALID = "invalid"  #: no mail server would take it
    #: nobody there has shown a sign of life; marketing only, until they subscribe again
    INACTIVE = "inactive"


class IdentityKind(StrEnum):
    """What a shop's backend may call a contact by."""

    USER_ID = "user_id"
    ANONYMOUS_ID = "anonymous_id"


class Contact(Base):
    """A person. The id is ours: a shop's own may be an address."""

    __tablename__ = "contacts"
    # Somebody is looked for by an address however it was spelt. On SQLite shops are small, and
    # SQLAlchemy cannot read such an index back.
    __table_args__ = (
        Index("ix_contacts_email_in_small", text("lower(email)")).ddl_if(dialect="postgresql"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(index=True)
    first_name: Mapped[str | None]
    last_name: Mapped[str | None]
    locale: Mapped[str | None]  #: BCP 47, as the shop gave it
    timezone: Mapped[str | None]  #: IANA name, checked when it was stored
    #: `ZoneSource` of the timezone, trait or device; none: it was kept before this was
    timezone_by: Mapped[str | None]
    country: Mapped[str | None]
    traits: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: trait -> shop time of the event that told it
    traits_at: Mapped[dict[str, Any]] = mapped_column(default=dict)
    #: a suppression that came before any address: its reason, shop time and source
    suppression_owed: Mapped[dict[str, Any] | None]
    rests_until: Mapped[datetime | None]  #: shop time until which they get no marketing
    erased_at: Mapped[datetime | None]  #: wall time; nothing is stored of them from then on
    merged_into: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    created_at: Mapped[datetime]  #: wall time
    updated_at: Mapped[datetime]  #: wall time


class Identity(Base):
    """One name by which the shop's backend knows a contact."""

    __tablename__ = "identities"

    kind: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)


class Consent(Base):
    """A contact's present consent for one purpose, or for one topic of marketing."""

    __tablename__ = "consents"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)  #: `marketing`, or `topic/<name>`
    status: Mapped[str]
    changed_at: Mapped[datetime]  #: shop time of the event that changed it
    basis: Mapped[str] = mapped_column(
        default=LegalBasis.CONSENT, server_default=LegalBasis.CONSENT.value
    )
    order_id: Mapped[str | None]  #: the sale that is the basis, if it is one


class ConsentChange(Base):
    """The evidence: each change of consent, with the event it came by."""

    __tablename__ = "consent_changes"
    __table_args__ = (Index("ix_consent_changes_contact_id_at", "contact_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    purpose: Mapped[str]
    status: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str]  #: where it was given: a form's name, a checkout, `signal`
    event_id: Mapped[str]
    basis: Mapped[str] = mapped_column(
        default=LegalBasis.CONSENT, server_default=LegalBasis.CONSENT.value
    )
    order_id: Mapped[str | None]  #: the sale that is the basis, if it is one
    page_url: Mapped[str | None]  #: the page on which it was said, without its query
    ip_mark: Mapped[str | None]  #: a keyed hash of the IP address that it was said from
    wording_version: Mapped[str | None]  #: which version of the sentence was agreed to
    wording_digest: Mapped[str | None]  #: SHA-256 of that sentence, as it was shown


class Preferences(Base):
    """How often a contact wants to hear from us, as they have set it themselves."""

    __tablename__ = "preferences"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    paused_until: Mapped[datetime | None]  #: shop time until which they get no marketing
    fewer: Mapped[bool] = mapped_column(default=False)  #: half of what the frequency cap allows
    changed_at: Mapped[datetime]  #: shop time of the event that changed it


class ErasureReason(StrEnum):
    """Why a contact was erased. Persisted: members are never renamed."""

    REQUEST = "request"  #: they asked for it
    INACTIVE = "inactive"  #: never ordered, and suppressed as inactive for long
    STAFF = "staff"  #: somebody on the staff decided so
    UNCONFIRMED = "unconfirmed"  #: signed up, and never confirmed it


class Erasure(Base):
    """The certificate of an erasure: what was removed, by ids and counts alone."""

    __tablename__ = "erasures"

    id: Mapped[str] = mapped_column(primary_key=True)
    #: the canonical contact; nobody is erased twice
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), unique=True)
    contact_ids: Mapped[list[Any]]  #: all that the person was known as here
    erased_at: Mapped[datetime]  #: wall time
    by: Mapped[str]  #: who did it, as they are known on their machine; or `retention`
    why: Mapped[str]  #: `ErasureReason`
    tables: Mapped[dict[str, Any]]  #: table -> {deleted, emptied, kept} -> rows
    enrollments_ended: Mapped[int]  #: how many were under way


class Suppression(Base):
    """An address that must not be mailed, by its hash, so that it outlives an erased contact."""

    __tablename__ = "suppressions"

    address_hash: Mapped[str] = mapped_column(primary_key=True)
    reason: Mapped[str]
    at: Mapped[datetime]
    source: Mapped[str]


def address_hash(address: str) -> str:
    """Hash an address the one way suppression goes by: trimmed, case folded, SHA-256."""
    return hashlib.sha256(address.strip().casefold().encode()).hexdigest()
