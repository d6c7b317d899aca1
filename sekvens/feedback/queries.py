"""What operators ask of feedback: how much of which kind has come, and what they must look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.feedback.kinds import ReportKind
from sekvens.feedback.tables import Feedback, MessageFate

#: Kinds that nobody but an operator can do something about.
FOR_OPERATORS: Final = (
    ReportKind.FAILED,
    ReportKind.REJECTED,
    ReportKind.UNKNOWN,
    ReportKind.UNREADABLE,
)


@dataclass(frozen=True, kw_only=True)
class Odd:
    """Reports of one sort that an operator should look at."""

    kind: ReportKind
    type: str
    detail: str | None
    count: int
    newest_at: datetime


def counts(session: Session, *, since: datetime) -> dict[ReportKind, int]:
    """Count the reports of each kind since an instant (wall time)."""
    query = select(Feedback.kind, func.count()).where(Feedback.at >= since).group_by(Feedback.kind)
    return {ReportKind(kind): count for kind, count in session.execute(query)}


def odd(session: Session, *, since: datetime) -> list[Odd]:
    """List what an operator should look at, the newest first."""
    newest = func.max(Feedback.at)
    query = (
        select(Feedback.kind, Feedback.type, Feedback.detail, func.count(), newest)
        .where(Feedback.kind.in_(FOR_OPERATORS), Feedback.at >= since)
        .group_by(Feedback.kind, Feedback.type, Feedback.detail)
        .order_by(newest.desc())
    )
    return [
        Odd(kind=ReportKind(kind), type=given, detail=detail, count=count, newest_at=at)
        for kind, given, detail, count, at in session.execute(query)
    ]


def fates_of(session: Session, message_ids: Sequence[str]) -> dict[str, MessageFate]:
    """Tell what became of some messages, as far as SES has reported it."""
    query = select(MessageFate).where(MessageFate.message_id.in_(message_ids))
    return {fate.message_id: fate for fate in session.scalars(query)}
