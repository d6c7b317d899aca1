"""How many sign-ups one IP address may send in an hour, counted in this process.

The address itself is never kept, only its mark, and that for an hour.
"""

from collections import deque
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

_HOUR: Final = timedelta(hours=1)
#: More at once than any real hour has; then the oldest are forgotten first.
MARKS_MAX: Final = 10_000


class SignUpLimit:
    """Counts sign-ups by the mark of where they came from; asked by many threads at once."""

    def __init__(self, per_hour: int) -> None:
        self._per_hour = per_hour
        self._seen: dict[str, deque[datetime]] = {}
        self._lock = Lock()

    def takes(self, mark: str, *, now: datetime) -> bool:
        """Count a sign-up, if it is not one too many. `now` is wall time."""
        with self._lock:
            times = self._seen.pop(mark, None) or deque()
            while times and times[0] <= now - _HOUR:
                times.popleft()
            self._seen[mark] = times  # the last one counted is forgotten last
            while len(self._seen) > MARKS_MAX:
                del self._seen[next(iter(self._seen))]
            if len(times) >= self._per_hour:
                return False
            times.append(now)
            return True
