"""How long a message is held back after a refusal: longer each time, up to a limit.

An outage of hours then costs an enrollment a bounded number of looks, and a passing refusal costs
it seconds. Order mail is looked at twice as often in the end, so that it goes on first.
"""

from datetime import timedelta

from sekvens.errors import DispatchTooLate, LockTimeout, NotSent, SesPaused, SesThrottled
from sekvens.flows.steps import Purpose

#: The first wait (wall time) after each kind of refusal; it doubles with every attempt. What SES
#: refused for its rate tries again at once, nearly: others pass it meanwhile, and it was due first.
FIRST_WAIT: dict[type[Exception], timedelta] = {
    SesThrottled: timedelta(seconds=2),
    SesPaused: timedelta(minutes=1),
    LockTimeout: timedelta(seconds=5),
    DispatchTooLate: timedelta(seconds=1),
    NotSent: timedelta(seconds=15),
}
#: Marketing waits no longer than this: about forty attempts in an outage of six hours …
WAIT_MAX = timedelta(minutes=10)
#: … and order mail no longer than this: about eighty.
ORDER_MAIL_WAIT_MAX = timedelta(minutes=5)


def retry_after(error: Exception, *, attempts: int, purpose: str) -> timedelta:
    """Tell how long to wait after the refusal of an attempt, counted from 1."""
    first = FIRST_WAIT.get(type(error), FIRST_WAIT[NotSent])
    longest = ORDER_MAIL_WAIT_MAX if purpose == Purpose.TRANSACTIONAL else WAIT_MAX
    return min(first * (1 << min(attempts - 1, 16)), longest)
