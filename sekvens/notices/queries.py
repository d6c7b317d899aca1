"""How the systems stand that are told of consent, for people."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.notices.tables import ConsentHook, Notice


@dataclass(frozen=True, kw_only=True)
class HookStanding:
    """One hook, and how many notices it has not taken yet. Times are wall time."""

    name: str
    told_at: datetime | None
    failing_since: datetime | None
    problem: str | None
    due_at: datetime | None
    waiting: int


def standings(session: Session) -> list[HookStanding]:
    """List the hooks that are told of consent, by name."""
    waiting = select(func.count(Notice.id)).where(Notice.hook == ConsentHook.name)
    query = select(ConsentHook, waiting.scalar_subquery()).order_by(ConsentHook.name)
    return [
        HookStanding(
            name=hook.name,
            told_at=hook.told_at,
            failing_since=hook.failing_since,
            problem=hook.problem,
            due_at=hook.due_at,
            waiting=number or 0,
        )
        for hook, number in session.execute(query)
    ]
