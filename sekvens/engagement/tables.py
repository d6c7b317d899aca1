"""Opens and clicks as they came, each with the verdict on who did it."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class Kind(StrEnum):
    """What was done with a message. Persisted: members are never renamed."""

    OPEN = "open"
    CLICK = "click"


class Source(StrEnum):
    """Who noticed. Persisted: members are never renamed."""

    LINK = "link"  #: a link that leads through us
    SES = "ses"  #: SES, where its own tracking is on


class Engagement(Base):
    """One open or one click, of a contact who may be noted; no address and no IP stands in it."""

    __tablename__ = "engagement"
    __table_args__ = (
        Index("ix_engagement_message_id_at", "message_id", "at"),
        Index("ix_engagement_visitor_at", "visitor", "at"),
        Index("ix_engagement_at", "at"),
        # Few of many: experiments ask which clicks became an event.
        Index(
            "ix_engagement_event_id",
            "event_id",
            sqlite_where=text("event_id IS NOT NULL"),
            postgresql_where=text("event_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    kind: Mapped[str]  #: `Kind`
    source: Mapped[str]  #: `Source`
    report_id: Mapped[str | None] = mapped_column(unique=True)  #: SES's report, which is kept once
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"))
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    #: a click's: which of the message's links; of SES's own, a hash of where it led
    link_id: Mapped[str | None]
    at: Mapped[datetime]  #: wall time
    is_machine: Mapped[bool]
    reason: Mapped[str | None]  #: `Reason`, of a machine
    #: who it was among the clicks of an hour: a keyed hash of an IP address, forgotten after that
    visitor: Mapped[str | None]
    #: wall time at which a click counts as a person's, unless it shows to be a machine's before;
    #: none: that is settled
    settles_at: Mapped[datetime | None] = mapped_column(index=True)
    #: the event that it became, and steers by
    event_id: Mapped[str | None]
