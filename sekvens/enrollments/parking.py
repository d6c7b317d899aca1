"""What is parked, in groups: the same flow, step and reason need the same from a person.

Thousands may be parked for one reason: groups are counted in the database, and members are read as
many as are wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
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
    by = (Enrollment.flow, Enrollment.step_id, Enrollment.parked_code)
    at = Enrollment.parked_at
    since, newest, first = func.min(at), func.max(at), func.min(Enrollment.id)
    query = parked_among(select(*by, func.count(), since, newest), flow, code)
    return [
        ParkedGroup(
            flow=name,
            step=step,
            code=kind,
            enrollments=count,
            since=begun,
            reason=_reason(session, name, step, kind, at=last),
        )
        for name, step, kind, count, begun, last in session.execute(
            query.group_by(*by).order_by(since, first)
        )
    ]


def _reason(
    session: Session, flow: str, step: str | None, code: str | None, *, at: datetime | None
) -> str | None:
    """Read why one of a group is parked, of those since an instant: one row of the index."""
    query = parked_among(select(Enrollment.parked_reason), flow, code).where(
        *_at(step, code), Enrollment.parked_at == at
    )
    return session.scalar(query.order_by(Enrollment.id.desc()).limit(1))


def _at(step: str | None, code: str | None) -> tuple[ColumnElement[bool], ...]:
    return Enrollment.step_id == step, Enrollment.parked_code == code


def group_of(session: Session, flow: str, step: str | None, code: str | None) -> ParkedGroup | None:
    """Find one group; None: nobody is in it any more."""
    found = (each for each in groups(session, flow, code=code) if each.step == step)
    return next((each for each in found if each.code == code), None)


def members(session: Session, group: ParkedGroup, *, limit: int) -> Sequence[Enrollment]:
    """List enrollments of a group, those held longest first."""
    query = parked_among(select(Enrollment), group.flow, group.code)
    query = query.where(*_at(group.step, group.code))
    return session.scalars(query.order_by(Enrollment.parked_at, Enrollment.id).limit(limit)).all()
