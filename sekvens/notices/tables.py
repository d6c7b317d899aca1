"""Who is told of consent, and what they are still to be told.

A notice is written in the transaction of the change that it tells of, one for each hook, and goes
when its hook has taken it. It holds ids only; what the body says of the contact is read when it is
posted.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class NoticeKind(StrEnum):
    """What has changed."""

    CONSENT = "consent"
    SUPPRESSION = "suppression"


class ConsentHook(Base):
    """A webhook of the settings that is told of consent. Times are wall time."""

    __tablename__ = "consent_hooks"

    name: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]  #: changes from here on are told
    told_at: Mapped[datetime | None]  #: when it last took something
    failing_since: Mapped[datetime | None]
    problem: Mapped[str | None]  #: what it answered last, if that was no success
    due_at: Mapped[datetime | None]  #: a hook that fails is not called before
    leased_until: Mapped[datetime | None]  #: one relay calls a hook at a time


class Notice(Base):
    """One change that one hook has not taken yet."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_hook_id", "hook", "id"),)

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    hook: Mapped[str] = mapped_column(ForeignKey("consent_hooks.name"))
    webhook_id: Mapped[str]  #: the same in every try, so that the receiver knows a repeat
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    kind: Mapped[str]  #: `NoticeKind`
    purpose: Mapped[str | None]  #: of a consent
    status: Mapped[str]  #: a consent's; of a suppression `suppressed` or `lifted`
    reason: Mapped[str | None]  #: of a suppression
    at: Mapped[datetime]  #: shop time
    source: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]  #: wall time; None: at once
