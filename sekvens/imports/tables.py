"""How far the import of a file has come, so that a repeat goes on from there, or does nothing.

The row is written in the transaction of the batch that it counts: what it says is what is there.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ImportedFile(Base):
    """One file, known by its content and the terms on which it is imported. Times are wall time."""

    __tablename__ = "imported_files"
    __table_args__ = (Index("ix_imported_files_tool_kind", "tool", "kind"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    tool: Mapped[str]  #: `import`, `klaviyo`, `mailchimp`
    kind: Mapped[str]  #: what it holds: `contacts`, `suppressions`, or a section of an audience
    export: Mapped[str]  #: the tool's own name of the export it is part of; empty: it has none
    line_done: Mapped[int]  #: the last line that is taken over, or rejected
    counts: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
