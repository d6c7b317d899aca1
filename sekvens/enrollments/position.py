"""How an enrollment's row moves, is parked and is closed: by its own activities alone."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment, EnrollmentState


def stand_at(session: Session, enrollment_id: str, step_id: str | None) -> None:
    """Record the step that an enrollment stands at (None: behind the last), parked no longer."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(step_id=step_id, state=EnrollmentState.ACTIVE, parked_reason=None)
    )


def park(session: Session, enrollment_id: str, reason: str) -> None:
    """Record that an enrollment is held until a person looks, and why."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(state=EnrollmentState.PARKED, parked_reason=reason)
    )


def close(session: Session, enrollment_id: str, *, reason: str, now: datetime) -> None:
    """Record how an enrollment ended; the first end stands. `now` is shop time."""
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id, Enrollment.state != EnrollmentState.ENDED)
        .values(
            state=EnrollmentState.ENDED,
            exit_reason=reason,
            parked_reason=None,
            step_id=None,
            ended_at=now,
        )
    )
