"""The ledger of messages, and templates by their digest."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class MessageState(StrEnum):
    """Where a message stands; docs/message-lifecycle.md tells the transitions."""

    PENDING = "pending"  #: claimed; SES certainly does not have it
    DISPATCHING = "dispatching"  #: SES is being called, or was, and nobody heard the answer
    ACCEPTED = "accepted"  #: SES took it
    SKIPPED = "skipped"  #: not sent, on purpose: see `skip_reason`


class Settlement(StrEnum):
    """What settled a message whose answer was lost. Persisted: members are never renamed."""

    EVENT = "event"  #: SES's own Send event: it has the message
    LATE_EVENT = "late_event"  #: the same, after the ledger had given the message up
    LIVE_STREAM = "live_stream"  #: no event in a stream that is alive: not sent, and sent again
    TIME = "time"  #: nobody knows, and its time was over: sent again, or given up


class Message(Base):
    """One e-mail to one contact: one row per enrollment and step, written before SES is called."""

    __tablename__ = "messages"
    __table_args__ = (
        UniqueConstraint("enrollment_id", "step_id"),
        Index("ix_messages_contact_id_state", "contact_id", "state"),
        Index("ix_messages_accepted_at", "accepted_at"),
        # By these each day's messages are counted.
        Index("ix_messages_sent_on", "sent_on"),
        Index("ix_messages_claimed_at", "claimed_at"),
        # Few of many: what is counted at every scrape must not read them all.
        Index(
            "ix_messages_open",
            "state",
            "purpose",
            sqlite_where=text("state IN ('pending', 'dispatching')"),
            postgresql_where=text("state IN ('pending', 'dispatching')"),
        ),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  #: SES's `message_id` tag
    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollments.id"))
    step_id: Mapped[str]
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    flow: Mapped[str]
    flow_version: Mapped[int]
    template: Mapped[str]
    template_digest: Mapped[str]
    purpose: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)  #: how often SES was, or may have been, called
    skip_reason: Mapped[str | None]
    resent_in_doubt: Mapped[bool] = mapped_column(
        default=False
    )  #: an earlier attempt may have arrived
    settled_by: Mapped[str | None]  #: `Settlement`, of a message that was in doubt
    ses_message_id: Mapped[str | None] = mapped_column(index=True)
    #: why it waits, or why it was refused in SES's own words; no address
    note: Mapped[str | None]
    claimed_at: Mapped[datetime]  #: wall time
    dispatched_at: Mapped[datetime | None]  #: wall time
    accepted_at: Mapped[datetime | None]  #: wall time
    sent_on: Mapped[datetime | None]  #: shop time at which SES took it, or may have
    #: the language it was written in, and whether opens and clicks of it could be noted; none of a
    #: message that was never handed to SES, or before these were kept
    locale: Mapped[str | None]
    tracks_opens: Mapped[bool | None]
    tracks_clicks: Mapped[bool | None]


class Overlap(Base):
    """A fact was acknowledged although a message that it may forbid was still leaving."""

    __tablename__ = "overlaps"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)  #: wall time of the first of such facts


class MessageLinks(Base):
    """Where the links of a message lead; written with the claim, before anybody can click."""

    __tablename__ = "message_links"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    targets: Mapped[dict[str, Any]]  #: link id -> URL; only ever added to


class MessageCopy(Base):
    """The HTML part of a message as it was handed to SES, for whoever opens it in a browser."""

    __tablename__ = "message_copies"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    html: Mapped[bytes]  #: zlib
    kept_at: Mapped[datetime] = mapped_column(index=True)  #: wall time


class Template(Base):
    """An e-mail's source in every locale with the layout it was published with, by content."""

    __tablename__ = "templates"

    digest: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    sources: Mapped[dict[str, Any]]  #: locale -> Markdown source, front matter included
    layout: Mapped[dict[str, Any]]  #: file name -> source: layout and blocks
    published_at: Mapped[datetime]  #: wall time
    #: edited on the dashboard; false once the repository has published the same
    is_edited: Mapped[bool] = mapped_column(default=False, server_default=false())
