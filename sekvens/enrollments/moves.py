"""Enrollments that a version moves: each is owed its move as it is owed an event, in its order.

A version that moves people is the fact; whoever is under way in an older one is owed a move,
however they came to be there, so who enters or goes on while it is published is not forgotten. The
row goes by the new version from the move on: what was matched by the old one stands before it among
the deliveries, what is matched by the new one behind it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState, FlowVersion
from sekvens.enrollments.turns import Turn, try_turn
from sekvens.events.deliveries import next_look
from sekvens.flows.moving import Policy

logger = logging.getLogger(__name__)

#: Enrollments owed their move in one round of the relay. Rounds are a quarter of a second apart at
#: the most, so that those whose wait is over at once do not all go on at once.
BATCH = 10
#: A worker that does not know moves passes over one; it is owed again after so long.
AGAIN_AFTER = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the moves to one version have come."""

    flow: str
    version: int
    policy: str
    waiting: int  #: under way in a version that it moves, and not owed their move yet
    moving: int  #: owed, and their workflow has not gone over yet
    moved: int  #: gone over, as far as deliveries are kept
    oldest_at: datetime | None  #: wall time since when the oldest of those moving is


def owe_moves(session: Session, *, now: datetime) -> int:
    """Owe some enrollments the move that a version asks for; tell how many. `now` is wall time.

    In turn with the relay's own reading of the outbox: an event is matched by the version that the
    row has, and no event may be between two.
    """
    if not has_moves(session, now=now) or not try_turn(session, Turn.EXPAND):
        return 0
    for target in _targets(session):
        rows = _lock(session, _is_behind(target))
        if rows:  # of one version at a time: enrollments are locked in one order
            return _owe(session, rows, now, version=target.version)
    return _owe(session, _lock(session, _is_passed_over(now)), now)


def has_moves(session: Session, *, now: datetime) -> bool:
    """Tell whether anybody is to be moved, without writing."""
    asked = [*(_is_behind(target) for target in _targets(session)), _is_passed_over(now)]
    return any(session.scalar(select(Enrollment.id).where(each).limit(1)) for each in asked)


def progress(session: Session, flow: str | None = None) -> list[Progress]:
    """Tell how far the moves of each version that moves people have come, the newest first."""
    return [
        _progress_of(session, target)
        for target in _targets(session)
        if flow is None or target.flow == flow
    ]


def moves_of(session: Session, contact_id: str) -> dict[str, tuple[int, datetime | None]]:
    """Tell of a contact's enrollments that are to move, by id: to which version, since when.

    The instant is wall time; None: it waits for its turn.
    """
    theirs = Enrollment.contact_id == contact_id
    on_their_way = select(Enrollment).where(
        theirs, Enrollment.moving_since.is_not(None), Enrollment.state != EnrollmentState.ENDED
    )
    found = {row.id: (row.flow_version, row.moving_since) for row in session.scalars(on_their_way)}
    for target in _targets(session):
        waiting = select(Enrollment.id).where(theirs, _is_behind(target))
        for enrollment_id in session.scalars(waiting):
            found.setdefault(enrollment_id, (target.version, None))
    return found


def _progress_of(session: Session, target: FlowVersion) -> Progress:
    here = and_(Enrollment.flow == target.flow, Enrollment.state != EnrollmentState.ENDED)
    arriving = and_(
        here, Enrollment.flow_version == target.version, Enrollment.moving_since.is_not(None)
    )
    moving, oldest_at = session.execute(
        select(func.count(), func.min(Enrollment.moving_since)).where(arriving)
    ).one()
    told = select(func.count(Delivery.enrollment_id.distinct())).join(
        Enrollment, Enrollment.id == Delivery.enrollment_id
    )
    told = told.where(Enrollment.flow == target.flow, Delivery.moves_to == target.version)
    waiting = select(func.count()).select_from(Enrollment).where(_is_behind(target))
    return Progress(
        flow=target.flow,
        version=target.version,
        policy=target.policy,
        waiting=session.scalar(waiting) or 0,
        moving=moving,
        moved=(session.scalar(told) or 0) - moving,
        oldest_at=oldest_at,
    )


def _targets(session: Session) -> Sequence[FlowVersion]:
    """List the versions that move people, the newest of a flow first: nobody is moved twice."""
    later = aliased(FlowVersion)
    is_undone = select(later.version).where(
        later.flow == FlowVersion.flow, later.undoes == FlowVersion.version
    )
    query = select(FlowVersion).where(FlowVersion.policy != Policy.FINISH_OLD, ~is_undone.exists())
    return session.scalars(query.order_by(FlowVersion.flow, FlowVersion.version.desc())).all()


def _is_behind(target: FlowVersion) -> ColumnElement[bool]:
    return and_(
        Enrollment.flow == target.flow,
        Enrollment.flow_version < target.version,
        Enrollment.flow_version >= (target.moves_from or 0),
        Enrollment.state != EnrollmentState.ENDED,
        Enrollment.exit_owed.is_(None),
    )


def _is_passed_over(now: datetime) -> ColumnElement[bool]:
    return and_(
        Enrollment.moving_since < now - AGAIN_AFTER,
        Enrollment.state != EnrollmentState.ENDED,
        Enrollment.exit_owed.is_(None),
        Enrollment.delivered_seq >= Enrollment.last_seq,
    )


def _lock(session: Session, which: ColumnElement[bool]) -> Sequence[Enrollment]:
    query = select(Enrollment).where(which).order_by(Enrollment.id).limit(BATCH).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _owe(
    session: Session, rows: Sequence[Enrollment], now: datetime, *, version: int | None = None
) -> int:
    """Owe a move to enrollments that are locked: to a version, or again to the one they go by."""
    for row in rows:
        row.flow_version = version or row.flow_version
        row.moving_since = now
        row.last_seq += 1
        look = next_look(row.signalled_at, urgent=False, now=now)
        row.due_at = min(row.due_at or look, look)
        move = Delivery(
            enrollment_id=row.id,
            seq=row.last_seq,
            message_id=f"move-{row.id}-{row.flow_version}",
            matched=[],
            urgent=False,
            moves_to=row.flow_version,
            created_at=now,
        )
        session.add(move)
    session.flush()
    if rows:
        extra = {"action": "enrollments_moved", "flow": f"{rows[0].flow} v{rows[0].flow_version}"}
        logger.info("%d enrollments are moved to %s", len(rows), extra["flow"], extra=extra)
    return len(rows)
