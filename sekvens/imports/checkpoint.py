"""Checkpoints of imports: where to go on after a crash, and which files are in."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.imports.tables import ImportedFile


@dataclass(frozen=True, kw_only=True)
class FileMark:
    """What a file is known by."""

    digest: str
    tool: str
    kind: str
    export: str = ""


def find(session: Session, mark: FileMark) -> ImportedFile | None:
    """Find how far a file has come; None: nobody has begun with it."""
    return session.get(ImportedFile, mark.digest)


def advance(
    session: Session,
    mark: FileMark,
    *,
    line: int,
    counts: Counter[str],
    now: datetime,
    finished: bool = False,
) -> None:
    """Write down that a file is done up to a line; `counts` are those of this batch."""
    row = session.get(ImportedFile, mark.digest)
    if row is None:
        row = ImportedFile(
            digest=mark.digest,
            tool=mark.tool,
            kind=mark.kind,
            export=mark.export,
            line_done=0,
            counts={},
            started_at=now,
            updated_at=now,
        )
        session.add(row)
    row.line_done = max(row.line_done, line)
    row.counts = dict(Counter(row.counts) + counts)
    row.updated_at = now
    if finished:
        row.finished_at = now


def finished_kinds(
    session: Session, *, tool: str, export: str, within: timedelta, now: datetime
) -> Collection[str]:
    """Tell which kinds of files of one export have been imported, lately."""
    query = select(ImportedFile.kind).where(
        ImportedFile.tool == tool,
        ImportedFile.export == export,
        ImportedFile.finished_at > now - within,
    )
    return set(session.scalars(query))
