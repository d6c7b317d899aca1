"""Whether the workers have more to do than they can: then marketing is not begun for a while.

An exit would stand behind all the starts in Temporal's queue, and a worker that keeps more
enrollments than its cache holds replays each of them. In the database they wait at no cost, and
behind nobody. It delays, and drops nothing.
"""

from datetime import datetime, timedelta

from sekvens.clock import Clock
from sekvens.enrollments.temporal import TemporalStarter
from sekvens.events.deliveries import BATCH, Lane

#: Workflow tasks that may wait: work for a few seconds, so that no worker is idle meanwhile.
TASKS_WAITING_MAX = 100
#: So often Temporal is asked, and only while there is much to start.
LOOK = timedelta(seconds=1)


class Pressure:
    """What one relay knows of how busy the workers are."""

    def __init__(self, client: TemporalStarter, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._asked_at: datetime | None = None
        self._is_high = False
        self._has_much = False

    async def choose_lane(self) -> Lane:
        """Tell what to serve now: all that is owed, or all but the start of marketing."""
        now = self._clock.now()
        is_time = self._asked_at is None or now - self._asked_at >= LOOK
        if is_time and (self._has_much or self._is_high):
            self._asked_at = now
            self._is_high = await self._client.backlog() > TASKS_WAITING_MAX
        return Lane.NO_MARKETING_STARTS if self._is_high else Lane.ALL

    def note(self, lane: Lane, leased: int) -> None:
        """Take note of how much there was."""
        if lane is Lane.ALL:
            self._has_much = leased == BATCH
