"""A window of contacts, and what a scan finds in it: who is in the way, and who may enter.

Nothing is written. What SQL leaves open is asked of each contact, so that whoever is found fits;
only `sekvens.enrollments.enroll` decides, in its own transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_, select
from sqlalchemy.orm import Session

from sekvens.audiences.wire import Counts
from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.enrollments.enroll import EntryRefusal, asked_at_entry
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.conditions import AllOf, Condition
from sekvens.flows.definition import Flow
from sekvens.segments import sql
from sekvens.segments.audience import candidates, everybody, is_decided, is_persons
from sekvens.segments.figures import reorder_gap

#: Contacts looked at in one statement: some 50 ms, so that a scan can be stopped at any time.
WINDOW: Final = 2_000


@dataclass(frozen=True, kw_only=True)
class Window:
    """What was found among some contacts, in the order of their ids."""

    scanned: int
    last: str | None  #: the id of the last one; None: there is nobody behind it
    found: tuple[str, ...]  #: those whom the flow may take now
    refused: Counts  #: all the others


def look(
    session: Session, flow: Flow, *, after: str | None, now: datetime, size: int = WINDOW
) -> Window:
    """Look at the contacts behind an id. `now` is shop time."""
    ids = session.scalars(everybody(after=after).limit(size)).all()
    if not ids:
        return Window(scanned=0, last=None, found=(), refused=Counts())
    until = ids[-1]
    asked = AllOf(conditions=asked_at_entry(flow, by_scan=True))
    query = candidates(asked, now=now, gap=reorder_gap(session), after=after, until=until).where(
        not_(_is_under_way(flow)), not_(_has_been(flow, now))
    )
    found = fitting(session, asked, session.scalars(query).all(), now=now)
    under_way, been = _in_the_way(session, flow, after=after, until=until, now=now)
    others = len(ids) - under_way - been - len(found)
    reasons = {
        EntryRefusal.UNDER_WAY.value: under_way,
        EntryRefusal.REENTRY.value: been,
        EntryRefusal.CONDITIONS.value: others,
    }
    return Window(
        scanned=len(ids),
        last=until if len(ids) == size else None,
        found=tuple(found),
        refused=Counts(refused={why: count for why, count in reasons.items() if count}),
    )


def fitting(
    session: Session, asked: Condition, contact_ids: Sequence[str], *, now: datetime
) -> Sequence[str]:
    """Keep those of whom a condition holds exactly; nothing is asked where SQL has said it all."""
    if is_decided(asked):
        return contact_ids
    names = known_as(session, contact_ids)
    return [
        contact_id
        for contact_id in contact_ids
        if sql.holds(session, asked, contact_id=contact_id, contact_ids=names[contact_id], now=now)
    ]


def count_everybody(session: Session) -> int:
    """Tell how many contacts there are."""
    return session.scalar(select(func.count()).select_from(everybody(after=None).subquery())) or 0


def _in_the_way(
    session: Session, flow: Flow, *, after: str | None, until: str, now: datetime
) -> tuple[int, int]:
    """Count those who are under way, and those whom the flow does not take again yet."""
    under_way = _is_under_way(flow)
    been = and_(not_(under_way), _has_been(flow, now))
    counted = (
        everybody(after=after, until=until)
        .with_only_columns(_sum_of(under_way), _sum_of(been))
        .order_by(None)
    )
    first, second = session.execute(counted).one()
    return int(first or 0), int(second or 0)


def _sum_of(clause: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((clause, 1), else_=0))


def _is_under_way(flow: Flow) -> ColumnElement[bool]:
    """Say what `enroll.is_in_the_way` says, of an entry without a key."""
    clauses = [Enrollment.state != EnrollmentState.ENDED]
    if flow.reentry.rule in ("always", "each"):
        clauses.append(Enrollment.entry_key.is_(None))
    return _has_enrollment(flow, *clauses)


def _has_been(flow: Flow, now: datetime) -> ColumnElement[bool]:
    match flow.reentry.rule:
        case "once":
            return _has_enrollment(flow)
        case "each":
            return _has_enrollment(flow, Enrollment.entry_key.is_(None))
        case "after":
            return _has_enrollment(flow, Enrollment.started_at > now - flow.reentry.gap)
        case _:
            return false()


def _has_enrollment(flow: Flow, *clauses: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(
        *(
            exists().where(Enrollment.flow == flow.name, whose, *clauses).correlate(Contact)
            for whose in is_persons(Enrollment.contact_id)
        )
    )
