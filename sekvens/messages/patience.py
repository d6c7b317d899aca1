"""How long a message is held back after a refusal: longer each time, up to a limit.

An outage of hours then costs an enrollment a bounded number of looks (about forty in six hours),
and a passing refusal costs it seconds.
"""

from datetime import timedelta

from sekvens.errors import DispatchTooLate, LockTimeout, NotSent, SesPaused, SesThrottled

#: The first wait (wall time) after each kind of refusal; it doubles with every attempt.
FIRST_WAIT: dict[type[Exception], timedelta] = {
    SesThrottled: timedelta(seconds=10),
    SesPaused: timedelta(minutes=1),
    LockTimeout: timedelta(seconds=5),
    DispatchTooLate: timedelta(seconds=1),
    NotSent: timedelta(seconds=15),
}
WAIT_MAX = timedelta(minutes=10)


def retry_after(error: Exception, *, attempts: int) -> timedelta:
    """Tell how long to wait after the refusal of an attempt, counted from 1."""
    first = FIRST_WAIT.get(type(error), FIRST_WAIT[NotSent])
    return min(first * (1 << min(attempts - 1, 16)), WAIT_MAX)
