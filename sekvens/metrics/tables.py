"""What metrics are read from: counts by day, and what people came to, worked out from the facts.

Nothing here is a fact: `starter.py metrics refresh --all` makes all of it anew. Days are days of
shop time in the shop's time zone. Money is in hundredths of the shop's currency.
"""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class Period(StrEnum):
    """What a count is of. Persisted: members are never renamed."""

    DAY = "day"
    MONTH = "month"  #: the sum of its days, so that years are quick to read


def _index_of(apart: str, rows: str) -> Index:
    """Make the index of one kind of rows: whoever reads one kind need not pass by the others."""
    name, where = f"ix_metric_counts_{apart}", text(rows)
    columns = "period", "name", "day"
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


class MetricCount(Base):
    """One count of a day or month, by all that it can be told apart by; it is added up at will.

    With a variant, or a segment, it stands beside the whole and is no part of it.
    """

    __tablename__ = "metric_counts"
    __table_args__ = (
        Index("ix_metric_counts_period_day", "period", "day"),
        _index_of("whole", "variant IS NULL AND segment IS NULL"),
        _index_of("variant", "variant IS NOT NULL"),
        _index_of("segment", "segment IS NOT NULL"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    period: Mapped[str] = mapped_column(default=Period.DAY)
    day: Mapped[date]  #: the day, or the first of the month
    name: Mapped[str]  #: what is counted: `sent`, `opened`; see `sekvens.metrics.definitions`
    flow: Mapped[str | None]
    flow_version: Mapped[int | None]
    step_id: Mapped[str | None]
    variant: Mapped[str | None]  #: `<experiment>/<variant>`; none: of all of them
    segment: Mapped[str | None]  #: that its contact was in at the time; none: of all contacts
    locale: Mapped[str | None]
    purpose: Mapped[str | None]
    detail: Mapped[str | None]  #: a reason, an answer, a category: as the count has it
    bucket: Mapped[int | None]  #: whole days, or the least that a cart of this band is worth
    n: Mapped[int] = mapped_column(BigInteger)
    amount: Mapped[int] = mapped_column(BigInteger, default=0)  #: hundredths of the currency


class MetricDay(Base):
    """A day or month that has been counted, and whether something has come that changes it."""

    __tablename__ = "metric_days"
    __table_args__ = (
        Index(
            "ix_metric_days_dirty",
            "period",
            "day",
            sqlite_where=text("is_dirty"),
            postgresql_where=text("is_dirty"),
        ),
    )

    period: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    is_dirty: Mapped[bool]


class MetricMark(Base):
    """How far the facts have been looked through."""

    __tablename__ = "metric_marks"

    name: Mapped[str] = mapped_column(primary_key=True)
    through_id: Mapped[int] = mapped_column(BigInteger, default=0)  #: of events
    through_at: Mapped[datetime]  #: wall time


class MessageEffect(Base):
    """What a message led to, within the time that counts: one row for each kind."""

    __tablename__ = "message_effects"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  #: `unsubscribed`, `answer/<question>`, …
    value: Mapped[str | None]  #: the newest answer; a cart's category
    bucket: Mapped[int | None]  #: a cart's band
    at: Mapped[datetime]  #: shop time


class HoldoutDay(Base):
    """What those came to who were drawn on one day of a holdout: counts and sums, and no ids.

    Only those are in `contacts` and behind it whose time is over. Sums of squares are kept because
    how surely something is known goes by them.
    """

    __tablename__ = "holdout_days"

    experiment: Mapped[str] = mapped_column(ForeignKey("experiments.name"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)  #: of the draw
    variant: Mapped[str] = mapped_column(primary_key=True)
    drawn: Mapped[int]
    contacts: Mapped[int]
    orderers: Mapped[int]
    orders: Mapped[float]
    orders_squared: Mapped[float]
    revenue: Mapped[float]  #: in the shop's currency
    revenue_squared: Mapped[float]


class OrderResult(Base):
    """A completed order: which of the contact's it is, and the one message that led to it."""

    __tablename__ = "order_results"
    __table_args__ = (Index("ix_order_results_ordered_at", "ordered_at"),)

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(primary_key=True)
    ordered_at: Mapped[datetime]  #: shop time
    nth: Mapped[int]  #: 1 is the contact's first
    next_days: Mapped[int | None]  #: whole days until the contact's next one
    amount: Mapped[int | None] = mapped_column(BigInteger)  #: none: unknown, or of other currency
    #: the message with the last click by a person before it, in time
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id"), index=True)


class CartResult(Base):
    """A cart from its first line until it was ordered, emptied, or left for too long."""

    __tablename__ = "cart_results"
    __table_args__ = (
        Index("ix_cart_results_began_at", "began_at"),
        Index("ix_cart_results_settles_at", "settles_at"),
    )

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    cart_id: Mapped[str] = mapped_column(primary_key=True)
    began_at: Mapped[datetime] = mapped_column(primary_key=True)  #: shop time
    left_at: Mapped[datetime | None]  #: shop time of the last touch before it was left
    ordered_at: Mapped[datetime | None]  #: shop time
    recovered: Mapped[bool]  #: it was left, and ordered in time all the same
    category: Mapped[str | None]  #: of what is worth most in it
    band: Mapped[int]  #: the least that carts of its band are worth, in hundredths
    settles_at: Mapped[datetime | None]  #: shop time at which it counts as left, if nothing happens


class ContactResult(Base):
    """Since when a contact could be sent marketing, and until when."""

    __tablename__ = "contact_results"
    __table_args__ = (Index("ix_contact_results_joined_at", "joined_at"),)

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    joined_at: Mapped[datetime]  #: shop time of their first yes
    lost_at: Mapped[datetime | None]  #: shop time of the no, or the suppression, that holds now
