"""Bugs told from outages, in one place: an outage is tried again without end, a bug parks.

A bug is told by its kind and its place, never by its text: that may quote what a contact posted,
and would stand in Temporal's history and in the log. A race may look like a bug, so it is tried a
few times first.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from temporalio import activity
from temporalio.exceptions import ApplicationError

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments.position import park, standing
from sekvens.flows.outcomes import Parked
from sekvens.log import place_of, where
from sekvens.outages import is_outage

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: By then, about three seconds, whoever won a race has written what the loser did not find.
ATTEMPTS_MAX: Final = 3
#: The reason in a word: `starter.py parked --code bug`.
BUG: Final = "bug"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What an activity was at."""

    contact_id: str
    enrollment_id: str = ""  #: empty: it is about the contact alone
    flow: str = ""
    step_id: str = ""  #: empty: where the enrollment stands


class Bugs:
    """Lets a bug hold the one enrollment that it befell, and nobody else's."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def parking(self, step: Step, work: Callable[[], T]) -> T | Parked:
        """Do the work of a step; a bug parks the enrollment, once it has come a few times.

        Raises:
            ApplicationError: a bug that is tried once more, by its kind and place.
            Exception: an outage, as it came.
        """
        try:
            return work()
        except Exception as error:  # noqa: BLE001  whatever is no outage is a bug, of any kind
            reason = self._told(step, error)
        with self._database.write() as session:
            flow, stands_at = standing(session, step.enrollment_id)
            step_id = step.step_id or stands_at or ""
            reason = f"{step.flow or flow}/{step_id} met a bug of ours: {reason}"
            now = self._clock.now()
            park(session, step.enrollment_id, reason, step_id=step_id, code=BUG, now=now)
        return Parked(reason=reason, code=BUG)

    def noting(self, step: Step, work: Callable[[], None]) -> str | None:
        """Do what cannot be parked; tell the bug, by its kind and place, that kept it from it."""
        try:
            work()
        except Exception as error:  # noqa: BLE001  as above
            return self._told(step, error)
        return None

    def _told(self, step: Step, error: Exception) -> str:
        """Tell a bug that has come often enough; raise what is tried again."""
        if is_outage(error):
            raise error
        attempt = activity.info().attempt
        logger.error(
            "%s of enrollment %s met a bug, attempt %d: %s",
            activity.info().activity_type,
            step.enrollment_id,
            attempt,
            where(error),
            extra={
                "action": "bug_met",
                "enrollment_id": step.enrollment_id,
                "contact_id": step.contact_id,
            },
        )
        kind = f"{type(error).__name__} at {place_of(error)}"
        if attempt < ATTEMPTS_MAX:
            raise ApplicationError(kind, type=BUG) from None
        return (
            f"{kind}. The worker's log has the way there (action=bug_met); "
            "mend it and retry, or skip the step"
        )
