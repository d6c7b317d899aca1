"""What is parked, in groups: the same flow, step and reason need the same from a person.

Thousands may be parked for one reason: groups are counted in the database, and members are read as
many as are wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.queries import parked_among
from sekvens.enrollments.tables import Enrollment


@dataclass(frozen=True, kw_only=True)
class ParkedGroup:
    """Enrollments that are parked at one step for one kind of reason."""

    flow: str
    step: str | None
    code: str | None  #: the kind of reason: `offer_pool_empty`
    enrollments: int
    since: datetime | None  #: wall time since which the first of them is parked
    reason: str | None  #: the newest reason, in words; no address


def groups(
    session: Session, flow: str | None = None, *, code: str | None = None
) -> list[ParkedGroup]:
    """Count what is parked, of one flow or kind of reason if it is named; held longest first."""
    row = Enrollment
    by = (row.flow, row.step_id, row.parked_code)
    newest_first = (row.parked_at.desc(), row.id.desc())
    each = parked_among(
        select(
            *by,
            row.parked_reason,
            func.count().over(partition_by=by).label("enrollments"),
            func.min(row.parked_at).over(partition_by=by).label("since"),
            func.min(row.id).over(partition_by=by).label("first"),
            func.row_number().over(partition_by=by, order_by=newest_first).label("nth"),
        ),
        flow,
        code,
    ).subquery()
    query = select(each).where(each.c.nth == 1).order_by(each.c.since, each.c.first)
    return [
        ParkedGroup(flow=name, step=step, code=kind, enrollments=count, since=since, reason=reason)
        for name, step, kind, reason, count, since, *_ in session.execute(query)
    ]


def group_of(session: Session, flow: str, step: str | None, code: str | None) -> ParkedGroup | None:
    """Find one group; None: nobody is in it any more."""
    found = (each for each in groups(session, flow, code=code) if each.step == step)
    return next((each for each in found if each.code == code), None)


def members(session: Session, group: ParkedGroup, *, limit: int) -> Sequence[Enrollment]:
    """List enrollments of a group, those held longest first."""
    query = parked_among(select(Enrollment), group.flow, group.code).where(
        Enrollment.step_id.is_not_distinct_from(group.step),
        Enrollment.parked_code.is_not_distinct_from(group.code),
    )
    return session.scalars(query.order_by(Enrollment.parked_at, Enrollment.id).limit(limit)).all()
