"""Feedback as it came, how far its stream has been read, and the probes that test the stream."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class Feedback(Base):
    """One report of SES on one message; its id makes it happen once. No address stands in it."""

    __tablename__ = "feedback"
    __table_args__ = (
        Index("ix_feedback_message_id_type", "message_id", "type"),
        Index("ix_feedback_type_at", "type", "at"),
        Index("ix_feedback_read_at", "read_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  #: SNS's MessageId, or our hash of it
    type: Mapped[str]  #: SES's `eventType`, known to us or not; `unreadable`
    message_id: Mapped[str | None]  #: the tag of that name; not always one of our ledger
    ses_message_id: Mapped[str | None]
    is_ours: Mapped[bool]  #: of a message of our ledger, or a probe of ours
    at: Mapped[datetime]  #: wall time on SES's clock, but never after `read_at`
    read_at: Mapped[datetime]  #: wall time
    raw: Mapped[dict[str, Any]]  #: what came, without addresses


class FeedbackQueue(Base):
    """How far a queue has been read, whoever reads it."""

    __tablename__ = "feedback_queues"

    url: Mapped[str] = mapped_column(primary_key=True)
    caught_up_at: Mapped[datetime]  #: wall time: what lay in it then has been read, all of it


class Probe(Base):
    """A message to SES's mailbox simulator: its Send event shows that the stream is alive."""

    __tablename__ = "feedback_probes"

    id: Mapped[str] = mapped_column(primary_key=True)  #: its `message_id` tag
    slot: Mapped[int] = mapped_column(
        BigInteger, unique=True
    )  #: at most one for each stretch of time
    #: wall time; None: SES did not say that it took it
    sent_at: Mapped[datetime | None] = mapped_column(index=True)
