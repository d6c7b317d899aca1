"""How an enrollment's row moves, is parked and is closed: by its own activities alone."""

from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sekvens.enrollments.publish import published_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState, FlowVersion
from sekvens.flows.graph import Graph

_NOT_PARKED = MappingProxyType({"parked_reason": None, "parked_code": None, "parked_at": None})


def stand_at(session: Session, enrollment_id: str, step_id: str | None, *, now: datetime) -> None:
    """Record the step that an enrollment stands at (None: behind the last), parked no longer.

    `now` is shop time: from it on is estimated when the next e-mail leaves.
    """
    pinned = session.execute(
        select(FlowVersion.flow, FlowVersion.version, FlowVersion.digest)
        .join(
            Enrollment,
            (Enrollment.flow == FlowVersion.flow)
            & (Enrollment.flow_version == FlowVersion.version),
        )
        .where(Enrollment.id == enrollment_id)
    ).first()
    graph = None if pinned is None else published_flow(session, *pinned).graph
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(
            step_id=step_id,
            next_send_at=graph and next_send_at(graph, step_id, now=now),
            state=EnrollmentState.ACTIVE,
            **_NOT_PARKED,
        )
    )


def moved(
    session: Session,
    enrollment_id: str,
    step_id: str | None,
    *,
    version: int,
    counts_from: datetime,
) -> None:
    """Record where a moved enrollment stands, and that its workflow goes by this version now.

    `counts_from` is the shop time from which the step counts.
    """
    stand_at(session, enrollment_id, step_id, now=counts_from)
    arrived = update(Enrollment).where(
        Enrollment.id == enrollment_id, Enrollment.flow_version == version
    )
    session.execute(arrived.values(moving_since=None))


def next_send_at(graph: Graph, step_id: str | None, *, now: datetime) -> datetime | None:
    """Estimate when whoever reaches a step at `now` gets the next e-mail; None: none is known."""
    wait = graph.until_next_send(step_id)
    return None if wait is None else now + wait


def expect_send(session: Session, enrollment_id: str, *, at: datetime | None) -> None:
    """Record that the message an enrollment stands at leaves no sooner than `at` (shop time).

    None: nobody knows when, so that no other flow waits for it.
    """
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(next_send_at=at)
    )


def park(
    session: Session, enrollment_id: str, reason: str, *, step_id: str, code: str, now: datetime
) -> None:
    """Record that an enrollment is held at a step until a person looks; `now` is wall time."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(
            step_id=step_id,
            state=EnrollmentState.PARKED,
            parked_reason=reason,
            parked_code=code,
            parked_at=now,
        )
    )


def standing(session: Session, enrollment_id: str) -> tuple[str, str | None]:
    """Tell an enrollment's flow, and the step at which an activity last saw it."""
    row = session.get(Enrollment, enrollment_id)
    return ("", None) if row is None else (row.flow, row.step_id)


def close(
    session: Session, enrollment_id: str, *, reason: str, now: datetime, step_id: str | None = None
) -> str | None:
    """Record how an enrollment ended, and at which step; the first end stands. `now` is shop time.

    Tells its flow; None: it had ended before, or there is no such enrollment.
    """
    return session.scalar(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(
            state=EnrollmentState.ENDED,
            exit_reason=reason,
            **_NOT_PARKED,
            step_id=step_id,
            next_send_at=None,
            moving_since=None,
            ended_at=now,
        )
        .returning(Enrollment.flow)
    )
