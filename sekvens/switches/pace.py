"""When a held message is looked at again: at slots of its own, which spread the resumption.

Nobody is signalled when a switch is turned back: each message finds it out at its next slot. The
slots of different enrollments are spread evenly, so what a long pause has held back leaves over
the same length of time again, up to an hour, and not at once.
"""

import zlib
from datetime import datetime, timedelta

#: Held for less than this, messages leave within as much again.
SPREAD_MIN = timedelta(minutes=1)
#: A message is looked at at least so often, however long the pause; the spread is no longer either.
SPREAD_MAX = timedelta(minutes=64)


def next_look(
    enrollment_id: str, *, since: datetime, now: datetime, spread_max: timedelta = SPREAD_MAX
) -> datetime:
    """Tell when (wall time) a message that has been held since then is looked at again.

    Its slots are a doubling stretch apart, so that six hours cost it about a dozen looks.
    """
    held_for = max(now - since, timedelta(0))
    spread = SPREAD_MIN
    while spread < min(held_for, spread_max):
        spread *= 2
    phase = spread * (zlib.crc32(enrollment_id.encode()) / 2**32)
    slots_passed = (held_for - phase) // spread + 1
    return now + (phase + slots_passed * spread - held_for)
