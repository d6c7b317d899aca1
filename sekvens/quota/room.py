"""How much of the day's quota marketing may use; what is left of it is kept for order mail.

Pure. SES counts recipients over the 24 hours that have just passed, whoever sent them.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

#: Older figures hold nothing: SES itself refuses what is too much.
TRUSTED_FOR = timedelta(minutes=10)
#: SES lets a second's worth through at once, and its count may be this much behind.
BEHIND = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Day:
    """What SES said of the day, and how old that is."""

    day_max: float  #: messages in 24 hours; -1: no limit
    sent: float  #: in the 24 hours before `told_at`
    send_rate_max: float  #: messages a second
    told_at: datetime  #: wall time


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
