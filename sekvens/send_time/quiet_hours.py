"""Quiet hours on a contact's own clock: when they end, and when the next day begins.

A night is the stretch between two instants, not a range of numbers on a clock: it begins when the
clock first shows the one time and ends when it first shows the other, whatever the clock is put to
in between. So no change of daylight saving begins a night twice or leaves one without an end.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from sekvens.flows.steps import LocalTime
from sekvens.send_time.local_time import next_local_time

MIDNIGHT = LocalTime(at=time(0))
#: The smallest step of a `datetime`.
MOMENT = timedelta(microseconds=1)
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """From `begins` until `ends` on a contact's clock, over midnight or not; equal: never."""

    begins: time
    ends: time

    @cached_property
    def edges(self) -> tuple[LocalTime, LocalTime]:
        """Tell both times as times to ask for."""
        return LocalTime(at=self.begins), LocalTime(at=self.ends)


NEVER_QUIET = QuietHours(begins=time(0), ends=time(0))


def when_quiet_ends(now: datetime, quiet: QuietHours, zone: str) -> datetime | None:
    """Tell when the quiet hours that `now` lies in are over; None when it lies in none.

    Args:
        now: an aware instant.
        quiet: the quiet hours; the instant at which they end is quiet no longer.
        zone: an IANA name, such as `Europe/Stockholm`.

    Returns:
        The instant, in UTC, later than `now`.
    """
    if quiet.begins == quiet.ends:
        return None
    # It stays the same until the next edge, and many ask on the same day.
    for until, ends in _of_a_day(int(now.timestamp()) // _DAY_SECONDS, quiet, zone):
        if now < until:
            return ends
    return _edge_and_end(now, quiet, zone)[1]


@lru_cache(maxsize=4096)
def _of_a_day(
    day: int, quiet: QuietHours, zone: str
) -> tuple[tuple[datetime, datetime | None], ...]:
    """Tell when quiet hours end from the start of a day (of UTC, since 1970) until each edge."""
    at = datetime.fromtimestamp(day * _DAY_SECONDS, UTC)
    over = at + timedelta(days=1)
    found: list[tuple[datetime, datetime | None]] = []
    while at < over:
        found.append(_edge_and_end(at, quiet, zone))
        at = found[-1][0]
    return tuple(found)


def _edge_and_end(now: datetime, quiet: QuietHours, zone: str) -> tuple[datetime, datetime | None]:
    """Tell when quiet hours next begin or end, and when they end that `now` lies in."""
    from_begins, from_ends = quiet.edges
    ends = next_local_time(now + MOMENT, from_ends, zone)
    begins = next_local_time(now + MOMENT, from_begins, zone)
    # Where the clock jumps over both, they come in the order in which it would have shown them.
    ends_first = ends < begins or (ends == begins and quiet.ends < quiet.begins)
    return (ends, ends) if ends_first else (begins, None)


def next_day(now: datetime, zone: str) -> datetime:
    """Tell the first instant, later than `now`, of a date that comes after today's in `zone`."""
    place = ZoneInfo(zone)
    today = now.astimezone(place).date()
    begins = next_local_time(now + MOMENT, MIDNIGHT, zone)
    while begins.astimezone(place).date() <= today:  # the clock was put back over midnight
        begins = next_local_time(begins + MOMENT, MIDNIGHT, zone)
    return begins
