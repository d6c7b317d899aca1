"""Messages that wait, looked at again at once: each look is owed as an event is, in its order.

Whatever held them was taken away and committed before; a look tells nothing, and a second one does
no harm.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.events.deliveries import next_look


def owe_looks(
    session: Session, enrollment_ids: Collection[str], *, now: datetime, interval: timedelta
) -> int:
    """Owe enrollments that go on a look at their message, one each `interval`; tell how many.

    They are locked in the order in which everybody locks them. `now` (of the first) and `interval`
    are wall time.
    """
    query = (
        select(Enrollment)
        .where(Enrollment.id.in_(enrollment_ids), Enrollment.state != EnrollmentState.ENDED)
        .order_by(Enrollment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    rows = session.scalars(query).all()
    for number, row in enumerate(rows):
        row.last_seq += 1
        look = next_look(row.signalled_at, urgent=False, now=now + interval * number)
        row.due_at = min(row.due_at or look, look)
        owed = Delivery(
            enrollment_id=row.id,
            seq=row.last_seq,
            message_id=f"look-{row.id}-{row.last_seq}",
            matched=[],
            urgent=False,
            looks=True,
            created_at=now,
        )
        session.add(owed)
    session.flush()
    return len(rows)
