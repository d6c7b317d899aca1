"""Wall time, as a dependency: nobody in the product calls `datetime.now()` but `SystemClock`."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that tells wall time; drives the ledger, locks, grace and signatures."""

    def now(self) -> datetime:
        """Tell the time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Tell the machine's time."""
        return datetime.now(UTC)


class FrozenClock:
    """A clock that stands still until it is moved; shipped for tests, ours and our users'."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a frozen clock needs an aware datetime")
        self._now = now

    def now(self) -> datetime:
        """Tell the time it stands at."""
        return self._now

    def move(self, by: timedelta) -> None:
        """Move the clock, forwards or back."""
        self._now += by
