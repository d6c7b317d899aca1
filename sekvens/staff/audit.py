"""The audit log: what members of the staff did on the dashboard, before and after it was done.

An entry is committed before an act begins: what broke off stands there without a result.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.staff.tables import AuditEntry


def begin(
    session: Session, *, by: str, action: str, on: Mapping[str, str], says: str, now: datetime
) -> int:
    """Write down that somebody is about to act (`now` is wall time); tells the entry's id.

    `on` are ids, and `says` the sentence that they agreed to: neither holds personal data.
    """
    entry = AuditEntry(at=now, by=by, action=action, target=dict(on), says=says)
    session.add(entry)
    session.flush()
    return entry.id


def end(session: Session, entry_id: int, *, result: str, failed: bool, now: datetime) -> None:
    """Write down what came of it."""
    entry = session.get_one(AuditEntry, entry_id)
    entry.result, entry.failed, entry.ended_at = result, failed, now


def result_of(session: Session, entry_id: int, *, by: str) -> AuditEntry | None:
    """Give an entry to whoever acted, and to nobody else."""
    entry = session.get(AuditEntry, entry_id)
    return entry if entry is not None and entry.by == by else None


def newest(session: Session, *, before: int | None = None, most: int = 50) -> Sequence[AuditEntry]:
    """List entries, newest first; `before` is the id of the last one of the page before."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(most)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    return session.scalars(query).all()
