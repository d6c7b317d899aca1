"""Who goes first when more is due than may leave: order mail, marketing, what is late anyway.

Within one urgency flows take turns, however many contacts each has. Nothing is lost by waiting: a
queue that is full delays.
"""

from datetime import timedelta
from enum import IntEnum

from sekvens.flows.steps import Purpose

#: Marketing that is later than this (shop time) gives way to marketing that is on time …
OVERDUE_AFTER = timedelta(hours=1)
#: … but what a minute on the wall clock delays is on time, in a demo's quick days as well.
NEVER_OVERDUE = timedelta(minutes=1)

#: Temporal takes no longer name for those who take turns.
_TURN_LENGTH_MAX = 64


class Urgency(IntEnum):
    """Temporal's priority keys, 1 to 5, the lower first. In histories: never renumbered."""

    ORDER_MAIL = 1  #: belongs to an order or an account, late or not
    COUNTING = 2  #: what metrics are read from: people look at these when much waits
    MARKETING = 3  #: on time
    BACKLOG = 5  #: marketing that is overdue: an outage or a pause has held it


def urgency_of(purpose: Purpose, *, late: timedelta = timedelta(0), speed: float = 1.0) -> Urgency:
    """Tell the urgency of a message that is so late (shop time), or of a flow.

    Args:
        purpose: the message's own, or the flow's.
        late: how long ago it was due.
        speed: how fast shop time runs.
    """
    if purpose is Purpose.TRANSACTIONAL:
        return Urgency.ORDER_MAIL
    if late > OVERDUE_AFTER + NEVER_OVERDUE * speed:
        return Urgency.BACKLOG
    return Urgency.MARKETING


def turn_key(flow: str) -> str:
    """Name those who share a turn: the contacts in one flow."""
    return flow[:_TURN_LENGTH_MAX]
