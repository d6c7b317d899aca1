"""Switches that are turned, and when they were: each row is one stretch of time."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base

#: The switch for every flow; no flow can be named so.
EVERYTHING = "*"
#: The breaker's own; it holds marketing of every flow.
BREAKER = "*breaker"


class SwitchState(StrEnum):
    """What a switch holds. Persisted: members are never renamed."""

    STOPPED = "stopped"  #: every message, order mail included
    PAUSED = "paused"  #: marketing only


class Switch(Base):
    """A stretch of time in which messages are or were held; without an end, they are now."""

    __tablename__ = "switches"
    __table_args__ = (
        Index(
            "uq_switches_name_while_turned",
            "name",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_switches_name_ended_at", "name", "ended_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str]  #: a flow's name, or `EVERYTHING`, or `BREAKER`
    state: Mapped[str]  #: `SwitchState`
    since: Mapped[datetime]  #: wall time
    by: Mapped[str]  #: who turned it, as they are known on their machine; or `breaker`
    note: Mapped[str | None]  #: why, in their words
    ended_at: Mapped[datetime | None]  #: wall time; None: it holds now
    ended_by: Mapped[str | None]
