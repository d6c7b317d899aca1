"""What is added up: figures over all contacts, a summary of each, and who is in which segment."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ShopFigure(Base):
    """One figure, as last worked out."""

    __tablename__ = "shop_figures"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    computed_at: Mapped[datetime]  #: wall time


class ContactSummary(Base):
    """What a contact's events and orders come to, so that a segment is not added up from them all.

    Written in the transaction that stores the event. Orders are those neither refunded nor
    cancelled; times are shop time. Nothing here depends on today: what slides is asked for by
    these dates, and where they leave it open of the orders themselves.
    """

    __tablename__ = "contact_summaries"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    first_active_at: Mapped[datetime | None]  #: the first sign of life
    last_active_at: Mapped[datetime | None]  #: the last one
    last_viewed_at: Mapped[datetime | None]  #: the last look at a product's page
    last_click_at: Mapped[datetime | None]  #: the last click of their own in an e-mail
    orders: Mapped[int] = mapped_column(default=0)
    spent: Mapped[int] = mapped_column(BigInteger, default=0)  #: hundredths of the currency
    last_order_at: Mapped[datetime | None]
    #: by these it is told whether two or three orders lie within a time
    last_but_one_order_at: Mapped[datetime | None]
    last_but_two_order_at: Mapped[datetime | None]
    last_amount: Mapped[int | None] = mapped_column(BigInteger)  #: of the last order, hundredths
    categories: Mapped[int] = mapped_column(default=0)  #: how many were ordered from


class SegmentMembership(Base):
    """A contact's being in a segment that flows listen for, or on a level, now or once."""

    __tablename__ = "segment_memberships"
    __table_args__ = (Index("ix_segment_memberships_segment", "segment", "contact_id"),)

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]  #: how often the contact has entered; it tells two entries apart
    since: Mapped[datetime]  #: shop time at which they entered last
    until: Mapped[datetime | None]  #: shop time at which they left; None: they are in it


class SegmentStay(Base):
    """A contact's time in a segment or on a level, as far as the looks at all contacts saw.

    It is never moved: who was merged into somebody keeps their own, and is in what that one is in.
    """

    __tablename__ = "segment_stays"
    __table_args__ = (
        Index(
            "ix_segment_stays_open",
            "segment",
            "contact_id",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
        # By it, those that are over for long are found.
        Index(
            "ix_segment_stays_until",
            "until",
            sqlite_where=text("until IS NOT NULL"),
            postgresql_where=text("until IS NOT NULL"),
        ),
    )

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    segment: Mapped[str] = mapped_column(primary_key=True)
    #: shop time of the look that found them in it
    since: Mapped[datetime] = mapped_column(primary_key=True)
    until: Mapped[datetime | None]  #: shop time of the look that did not; None: they are in it


class SegmentWatch(Base):
    """A segment that flows listen for; once everybody in it is known, turns are told."""

    __tablename__ = "segment_watches"

    segment: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]  #: of the condition that those in it were found by
    cursor: Mapped[str | None]  #: contact id up to which the first look has come
    complete_at: Mapped[datetime | None]  #: wall time at which it had seen everybody
