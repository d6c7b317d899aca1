"""Who may log in to the staff pages, who is logged in, and what became of their Monday mails.

What stands here opens nothing: a password's scrypt, and the hash of a session's random id. A
member's address stands in their row alone.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ForeignKey, false
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base

#: What the staff are written to in.
LANGUAGES: Final = ("sv", "en")


class Role(StrEnum):
    """What a member of the staff may do; each may do what the one before may."""

    VIEWER = "viewer"  #: look
    EDITOR = "editor"  #: change texts, moderate reviews
    OPERATOR = "operator"  #: stop, resume, retry, skip

    def may(self, wanted: "Role") -> bool:
        """Tell whether this role may do what that one is needed for."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(wanted)


class StaffMember(Base):
    """Somebody who may log in."""

    __tablename__ = "staff"

    name: Mapped[str] = mapped_column(primary_key=True)  #: in small letters
    role: Mapped[str]
    password: Mapped[str]  #: `scrypt$n$r$p$salt$hash`
    created_at: Mapped[datetime]  #: wall time
    changed_at: Mapped[datetime]  #: wall time of the newest password
    disabled_at: Mapped[datetime | None]  #: wall time; they cannot log in any more
    email: Mapped[str | None]  #: as SES takes it
    language: Mapped[str | None]  #: of `LANGUAGES`; none: the shop's
    gets_monday: Mapped[bool] = mapped_column(default=False, server_default=false())


class StaffSession(Base):
    """A login that is not over."""

    __tablename__ = "staff_sessions"

    id_hash: Mapped[str] = mapped_column(primary_key=True)  #: SHA-256 of the id in the cookie
    name: Mapped[str] = mapped_column(ForeignKey("staff.name"), index=True)
    started_at: Mapped[datetime]  #: wall time
    seen_at: Mapped[datetime]  #: wall time, to the minute


class MondayMail(Base):
    """The Monday mail of one member and week: written before SES is called, and once."""

    __tablename__ = "monday_mails"

    name: Mapped[str] = mapped_column(ForeignKey("staff.name"), primary_key=True)
    monday: Mapped[date] = mapped_column(primary_key=True)  #: the shop's day on which it is due
    #: `MessageState`, as in the ledger; what is being sent, or was and nobody heard, stays so
    state: Mapped[str]
    attempts: Mapped[int]  #: how often SES was, or may have been, called
    called_at: Mapped[datetime]  #: wall time of the newest of them
    ses_message_id: Mapped[str | None]
    note: Mapped[str | None]  #: why it was not sent; no address


class AuditEntry(Base):
    """Something that somebody did on the dashboard. Rows are never changed but by their result."""

    __tablename__ = "audit_log"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(index=True)  #: wall time
    by: Mapped[str]  #: a name; it stays when the account goes
    action: Mapped[str]
    target: Mapped[dict[str, Any]]  #: what it was done to: ids by their kind
    says: Mapped[str]  #: what they were told that it would do
    result: Mapped[str | None]  #: what it did; None: it is under way, or broke off
    failed: Mapped[bool] = mapped_column(default=False)
    ended_at: Mapped[datetime | None]  #: wall time
