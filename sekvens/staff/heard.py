"""When the processes that run elsewhere were last heard of, by what they last wrote down.

All of it is wall time. A relay that is owed nothing writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Delivery
from sekvens.feedback.tables import FeedbackQueue
from sekvens.quota.tables import THE_ACCOUNT, SesQuota

#: Some worker asks SES once a minute what the account may send; after several it is gone.
QUIET_MAX: Final = timedelta(minutes=5)
#: What is owed for so long shows a relay that is away, or behind.
OWED_MAX: Final = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The newest that each has written; None: nothing yet."""

    worker_at: datetime | None  #: a worker's turn to ask SES
    relay_at: datetime | None  #: Temporal had something from a relay
    feedback_at: datetime | None  #: the queue of SES's reports was read to its end

    def is_worker_quiet(self, *, now: datetime) -> bool:
        """Whether no worker has been heard of for too long."""
        return self.worker_at is None or now - self.worker_at > QUIET_MAX


def last_heard(session: Session) -> Heard:
    """Read when each was last heard of."""
    quota = session.get(SesQuota, THE_ACCOUNT)
    return Heard(
        worker_at=quota.asked_at if quota else None,
        relay_at=session.scalar(select(func.max(Delivery.delivered_at))),
        feedback_at=session.scalar(select(func.max(FeedbackQueue.caught_up_at))),
    )


def is_relay_behind(oldest: datetime | None, *, now: datetime) -> bool:
    """Whether a relay owes the oldest thing (wall time at which it was committed) for too long."""
    return oldest is not None and now - oldest > OWED_MAX
