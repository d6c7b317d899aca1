"""How much of SES's rate the queue lets through, and how much of the day marketing may use.

Pure. SES counts recipients over the 24 hours that have just passed, whoever sent them.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Older figures hold nothing: SES itself refuses what is too much.
TRUSTED_FOR = timedelta(minutes=10)
#: SES lets a second's worth through at once, and its count may be this much behind.
BEHIND = timedelta(seconds=10)

#: Part of SES's rate that the queue lets through. Messages come in bunches, probes and the shop's
#: other systems come beside them, and what SES refuses loses its turn, order mail too.
OF_RATE = 0.95
#: Amazon's lowest; a queue that lets nothing through would not even hear why.
RATE_MIN = 1.0


@dataclass(frozen=True, kw_only=True)
class Day:
    """What SES said of the day, and how old that is."""

    day_max: float  #: messages in 24 hours; -1: no limit
    sent: float  #: in the 24 hours before `told_at`
    send_rate_max: float  #: messages a second
    told_at: datetime  #: wall time


def queue_rate(send_rate_max: float) -> float:
    """Tell how many messages a second may leave the queue, of those that SES takes."""
    return max(send_rate_max, RATE_MIN) * OF_RATE


def kept_for_order_mail(day_max: float, share: float) -> int:
    """Tell how many messages of a day marketing leaves to order mail."""
    return math.ceil(max(day_max, 0) * share)


def left_for_marketing(day: Day, *, share: float) -> float:
    """Tell how many more marketing e-mails fitted into the day when SES was asked."""
    if day.day_max < 0:
        return math.inf
    return day.day_max - kept_for_order_mail(day.day_max, share) - day.sent


def has_surely_room(day: Day, *, share: float, now: datetime) -> bool:
    """Tell whether there is room even if all were sent since that SES would take."""
    since = max(now - day.told_at, timedelta(0)) + BEHIND
    sent_since_max = day.send_rate_max * since.total_seconds()
    return left_for_marketing(day, share=share) > sent_since_max
