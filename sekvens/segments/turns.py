"""How many have entered and left the segments that flows listen for. Nothing is written."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from sekvens.segments.tables import SegmentMembership, SegmentWatch


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Contacts, by the last time that each entered and left."""

    entered: int = 0
    left: int = 0


def turned(session: Session, *, since: datetime, since_wall: datetime) -> dict[str, Turned]:
    """Tell of each segment that is watched how many have entered and left since (shop time).

    One whose first look was not over by then (`since_wall`, wall time) is left out: everybody whom
    that look found would seem to have entered.
    """
    watched = select(SegmentWatch.segment).where(SegmentWatch.complete_at < since_wall)
    row = SegmentMembership
    query = (
        select(
            row.segment,
            func.sum(case((row.since >= since, 1), else_=0)),
            func.sum(case((row.until >= since, 1), else_=0)),
        )
        .where(row.segment.in_(watched), or_(row.since >= since, row.until >= since))
        .group_by(row.segment)
    )
    found = {name: Turned() for name in session.scalars(watched)}
    for name, entered, left in session.execute(query):
        found[name] = Turned(entered=entered, left=left)
    return found
