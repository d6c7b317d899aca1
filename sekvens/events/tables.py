"""Events as they came, what is folded from them, and the outbox that the relay works off."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base

#: SQLite increments only a column of type INTEGER.
AutoId = BigInteger().with_variant(Integer, "sqlite")


def _ordered_at(context: DefaultExecutionContext) -> Any:
    return context.get_current_parameters()["ordered_at"]  # type: ignore[no-untyped-call]


class ContactEvent(Base):
    """Something a contact, or a visitor not yet known, did. `message_id` makes it happen once."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_contact_id_name_occurred_at", "contact_id", "name", "occurred_at"),
        Index("ix_events_anonymous_id", "anonymous_id"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    message_id: Mapped[str] = mapped_column(unique=True)
    type: Mapped[str]  #: track, identify, page, alias
    name: Mapped[str]  #: our spelling of the event's name; for other types, the type
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"))
    anonymous_id: Mapped[str | None]
    properties: Mapped[dict[str, Any]]
    occurred_at: Mapped[datetime]  #: shop time
    received_at: Mapped[datetime]  #: wall time


class RejectedEvent(Base):
    """An event that could not be used, kept as it came, with the reason."""

    __tablename__ = "rejected_events"

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    reason: Mapped[str]
    raw: Mapped[str]
    received_at: Mapped[datetime]


class OutboxEntry(Base):
    """A committed event that the relay has not yet turned into deliveries."""

    __tablename__ = "outbox"

    event_id: Mapped[int] = mapped_column(
        ForeignKey("events.id"), primary_key=True, autoincrement=False
    )
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    committed_at: Mapped[datetime]  #: wall time at which we learned whose event it is


class Cart(Base):
    """A contact's cart, folded from product and cart events."""

    __tablename__ = "carts"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    cart_id: Mapped[str] = mapped_column(primary_key=True)
    lines: Mapped[list[Any]]  #: [{product_id, name, price, quantity, url, image_url, …}] as posted
    currency: Mapped[str | None]
    ordered: Mapped[bool] = mapped_column(default=False)
    updated_at: Mapped[datetime]  #: shop time


class Order(Base):
    """A contact's order; money is kept as the shop wrote it, in minor-unit-safe text."""

    __tablename__ = "orders"
    # All that is added up stands in it, so that a segment need not read the orders themselves.
    __table_args__ = (Index("ix_orders_added_up", "contact_id", "ordered_at", "state", "amount"),)

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(primary_key=True)
    total: Mapped[str | None]  #: a decimal number as text
    currency: Mapped[str | None]
    #: the total in hundredths of the shop's currency, for adding up; 0 where it is unknown
    amount: Mapped[int] = mapped_column(BigInteger, default=0, server_default="0")
    products: Mapped[list[Any]]
    #: {tax, shipping, discount, coupon, payment_method} as far as they were posted; money as text
    details: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    state: Mapped[str]  #: completed, refunded, cancelled
    ordered_at: Mapped[datetime]  #: shop time
    updated_at: Mapped[datetime] = mapped_column(default=_ordered_at)  #: shop time, newest event


class Visit(Base):
    """A page that a contact looked at."""

    __tablename__ = "visits"
    __table_args__ = (Index("ix_visits_contact_id_at", "contact_id", "at"),)

    event_id: Mapped[int] = mapped_column(
        ForeignKey("events.id"), primary_key=True, autoincrement=False
    )
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    url: Mapped[str | None]
    title: Mapped[str | None]
    at: Mapped[datetime]  #: shop time


class CaseKind(StrEnum):
    """What may stand between a contact and the shop's marketing."""

    DELAY = "delay"  #: an order comes later than promised
    RETURN = "return"  #: something is on its way back
    COMPLAINT = "complaint"  #: the contact is not satisfied
    REPLY = "reply"  #: the contact has written, and waits for an answer


class OpenCase(Base):
    """A delay, a return or a complaint, folded from events. Times are shop time."""

    __tablename__ = "open_cases"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)  #: `CaseKind`
    key: Mapped[str] = mapped_column(primary_key=True)  #: the order's id, or the complaint's own
    opened_at: Mapped[datetime]  #: the newest event that opened it
    closed_at: Mapped[datetime | None]  #: the newest event that closed it, perhaps an older one
