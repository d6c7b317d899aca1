"""Modes that people have set, and for how long: each row is one stretch of time."""

from datetime import datetime

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class SetMode(Base):
    """A stretch of time in which a mode goes before what the flow's version says."""

    __tablename__ = "modes"
    __table_args__ = (
        Index(
            "uq_modes_flow_step_while_set",
            "flow",
            "step",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    flow: Mapped[str]
    step: Mapped[str]  #: a step's id, or `WHOLE_FLOW`
    mode: Mapped[str]  #: `Mode`
    since: Mapped[datetime]  #: wall time
    by: Mapped[str]  #: who set it, as they are known on their machine
    note: Mapped[str | None]  #: why, in their words
    ended_at: Mapped[datetime | None]  #: wall time; None: it holds now
    ended_by: Mapped[str | None]
