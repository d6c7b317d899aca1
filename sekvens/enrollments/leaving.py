"""Enrollments that end though no event of their flow says so: of a merge, or of an erasure.

The exit is a committed fact from the moment at which it is owed: the gate reads it from the row.
The relay tells the workflow as it tells of an exit event.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.enrollments.enroll import is_in_the_way
from sekvens.enrollments.publish import published_flow
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState, FlowVersion
from sekvens.enrollments.turns import Turn, take_turn
from sekvens.events.deliveries import next_look
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason


def under_way(session: Session, contact_ids: Collection[str]) -> Sequence[Enrollment]:
    """Lock the enrollments of some contacts that go on, and keep anybody from making more.

    Nobody enrolls one of these contacts until the transaction ends, the relay included. The order
    of the locks is everybody's: the outbox, contacts sorted, enrollments sorted.
    """
    take_turn(session, Turn.EXPAND)
    for contact_id in sorted(contact_ids):
        take_turn(session, Turn.ENROLL, contact_id)
    query = (
        select(Enrollment)
        .where(
            Enrollment.contact_id.in_(contact_ids),
            Enrollment.state != EnrollmentState.ENDED,
            Enrollment.exit_owed.is_(None),
        )
        .order_by(Enrollment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).all()


def let_go(
    session: Session, leaving: Iterable[Enrollment], reason: ExitReason, *, now: datetime
) -> int:
    """Owe enrollments that are locked their exit, at once; tell how many. `now` is wall time."""
    count = 0
    for enrollment in leaving:
        enrollment.exit_owed = reason
        enrollment.last_seq += 1
        session.add(
            Delivery(
                enrollment_id=enrollment.id,
                seq=enrollment.last_seq,
                message_id=f"exit-{enrollment.id}",
                matched=[],
                urgent=True,
                exit_reason=reason,
                created_at=now,
            )
        )
        look = next_look(enrollment.signalled_at, urgent=True, now=now)
        enrollment.due_at = min(enrollment.due_at or look, look)
        count += 1
    session.flush()
    return count


def supersede(session: Session, contact_ids: Iterable[str], *, now: datetime) -> int:
    """Let the younger of two enrollments go where a flow would not have taken one person twice.

    `contact_ids` are canonical contacts who have just taken over others; `now` is wall time.
    """
    known = known_as(session, contact_ids)
    owner = {name: whose for whose, names in known.items() for name in names}
    rows = under_way(session, owner.keys())
    passages: defaultdict[tuple[str, str], list[Enrollment]] = defaultdict(list)
    for row in rows:
        passages[owner[row.contact_id], row.flow].append(row)
    younger = [
        row for passage in passages.values() for row in _younger(passage, _newest(session, passage))
    ]
    return let_go(session, younger, ExitReason.SUPERSEDED, now=now)


def _newest(session: Session, passage: Sequence[Enrollment]) -> Flow | None:
    """Read the flow that several are in, as the newest of their versions has it."""
    if len(passage) == 1:
        return None
    newest = max(passage, key=lambda row: row.flow_version)
    key = (newest.flow, newest.flow_version)
    digest = session.get_one(FlowVersion, key).digest
    return published_flow(session, *key, digest).flow


def _younger(passage: Sequence[Enrollment], flow: Flow | None) -> list[Enrollment]:
    """List those to which an older one is in the way."""
    if flow is None:
        return []
    stay: list[Enrollment] = []
    leave: list[Enrollment] = []
    for row in sorted(passage, key=lambda row: (row.started_at, row.id)):
        crowded = any(is_in_the_way(flow, older.entry_key, row.entry_key) for older in stay)
        (leave if crowded else stay).append(row)
    return leave
