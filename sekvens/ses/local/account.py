"""The account's limits, enforced: messages a second and messages in 24 hours.

The rate is a bucket that holds one second's worth: a short burst passes, a sustained one does not,
as Amazon describes its own. Both limits count recipients.
"""

import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

_DAY = timedelta(hours=24)


class SendingLimits:
    """How much may be sent. Used by one thread."""

    def __init__(
        self,
        *,
        rate: float,
        day_max: int,
        sent: list[tuple[datetime, int]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        #: recipients a second
        self.rate = rate
        #: recipients in 24 hours; -1: no limit
        self.day_max = day_max
        #: false: nothing is taken, as when Amazon has paused an account
        self.sending_enabled = True
        self._monotonic = monotonic
        self._sent = deque(sent)
        self._sent_last_day = sum(recipients for _, recipients in sent)
        self._held = max(rate, 1.0)
        self._filled_at = monotonic()

    def take_from_rate(self, recipients: int) -> bool:
        """Take room for so many recipients from this second; false: there is none."""
        now = self._monotonic()
        self._held = min(max(self.rate, 1.0), self._held + (now - self._filled_at) * self.rate)
        self._filled_at = now
        if self._held < min(recipients, max(self.rate, 1.0)):
            return False
        self._held -= recipients
        return True

    def has_day_left(self, recipients: int, *, now: datetime) -> bool:
        """Tell whether so many more fit into the last 24 hours."""
        return self.day_max < 0 or self.sent_last_day(now) + recipients <= self.day_max

    def count(self, recipients: int, *, now: datetime) -> None:
        """Count an accepted message against the day."""
        self._sent.append((now, recipients))
        self._sent_last_day += recipients

    def sent_last_day(self, now: datetime) -> int:
        """Count the recipients of the last 24 hours."""
        while self._sent and self._sent[0][0] <= now - _DAY:
            self._sent_last_day -= self._sent.popleft()[1]
        return self._sent_last_day
