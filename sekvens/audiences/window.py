"""A window of contacts, and what a scan finds in it: who is in the way, and who may enter.

Nothing is written. What SQL leaves open is asked of each contact, so that whoever is found fits;
only `sekvens.enrollments.enroll` decides, in its own transaction.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, select
from sqlalchemy.orm import Session

from sekvens.audiences.wire import Counts
from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.enrollments.enroll import EntryRefusal, asked_at_entry, refusal_of
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.conditions import AllOf
from sekvens.flows.definition import Flow
from sekvens.segments.audience import candidates, everybody, is_decided
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
    maybe = session.scalars(query).all()
    found, refused = _decide(session, flow, maybe, now=now, is_decided=is_decided(asked))
    under_way, been = _in_the_way(session, flow, after=after, until=until, now=now)
    refused[EntryRefusal.UNDER_WAY] += under_way
    refused[EntryRefusal.REENTRY] += been
    refused[EntryRefusal.CONDITIONS] += len(ids) - under_way - been - len(maybe)
    return Window(
        scanned=len(ids),
        last=until if len(ids) == size else None,
        found=tuple(found),
        refused=Counts(refused={why.value: count for why, count in refused.items() if count}),
    )


def _decide(
    session: Session,
    flow: Flow,
    contact_ids: Sequence[str],
    *,
    now: datetime,
    is_decided: bool,
) -> tuple[list[str], Counter[EntryRefusal]]:
    """Keep those who fit; a contact of whom SQL has said it all is not asked again."""
    found, refused = [], Counter[EntryRefusal]()
    names = known_as(session, contact_ids)
    for contact_id in contact_ids:
        own = names[contact_id]
        why = None
        if len(own) > 1 or not is_decided:
            why = refusal_of(session, flow, contact_ids=own, entry_key=None, now=now, by_scan=True)
        if why is None:
            found.append(contact_id)
        else:
            refused[why] += 1
    return found, refused


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
    whose = Enrollment.contact_id == Contact.id  # `_decide` asks of those merged into them
    return exists().where(Enrollment.flow == flow.name, whose, *clauses).correlate(Contact)
