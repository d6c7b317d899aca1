"""Edits: one row for each text that somebody wrote on the dashboard, unpublished or published."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class Edit(Base):
    """One e-mail's text in one locale, as somebody edited it; published, it never changes."""

    __tablename__ = "edits"
    __table_args__ = (
        Index("ix_edits_template", "template", "key"),
        # One unpublished edit of each text: two editors see each other's.
        Index(
            "ix_edits_unpublished",
            "template",
            "key",
            unique=True,
            sqlite_where=text("published_at IS NULL"),
            postgresql_where=text("published_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    template: Mapped[str]  #: `welcome/hello`
    key: Mapped[str]  #: the locale, or `<season>.<locale>`
    text: Mapped[str]  #: Markdown source, front matter included
    base_digest: Mapped[str]  #: SHA-256 of the live text that it was made from
    author: Mapped[str]  #: the staff account
    note: Mapped[str | None]  #: why, in their words
    saved_at: Mapped[datetime]  #: wall time
    published_at: Mapped[datetime | None]  #: wall time; None: nobody has published it yet
    versions: Mapped[list[Any]] = mapped_column(default=list)  #: `welcome v5`: what it became
    pulled_at: Mapped[datetime | None]  #: wall time at which it was written into a checkout
    #: wall time from which nothing is owed: the repository has it, has gone on from it, or was
    #: chosen over it
    settled_at: Mapped[datetime | None]
