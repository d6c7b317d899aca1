"""The next time a contact's own clock shows a time of day, as an instant in UTC.

Time zones change by decree, so this is never computed where a replay must agree with the past: an
activity asks, and the instant that it returns is what an enrollment remembers.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sekvens.flows.steps import LocalTime

#: A week of weekdays, a day that a zone left out (Apia, 30 December 2011), and one to spare.
DAYS_MAX = 15
_DAY_SECONDS = 86_400


def next_local_time(not_before: datetime, local_time: LocalTime, zone: str) -> datetime:
    """Tell when the clock in `zone` next shows `local_time`, not before an instant.

    On each date that counts it is the first instant at which the clock shows the time or, where
    the clock jumps over it, a later one. When a clock is put back and shows the time twice, the
    first is meant. A date on which neither comes is passed over.

    Args:
        not_before: an aware instant; the answer may equal it.
        local_time: the time of day, and the weekdays of the local calendar that count.
        zone: an IANA name, such as `Europe/Stockholm`; see `zone_or`.

    Returns:
        The instant, in UTC.

    Raises:
        ValueError: `not_before` is naive, or no weekday counts.
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """
    if not_before.tzinfo is None:
        raise ValueError("next_local_time needs an aware instant")
    # Many ask on the same day: two answers from its start on are nearly always enough.
    for at in _of_a_day(int(not_before.timestamp()) // _DAY_SECONDS, local_time, zone):
        if at >= not_before:
            return at
    return _next(not_before.astimezone(UTC), local_time, zone)


@lru_cache(maxsize=4096)
def _of_a_day(day: int, local_time: LocalTime, zone: str) -> tuple[datetime, datetime]:
    """Tell the first two instants from the start of a day on: days of UTC, since 1970."""
    first = _next(datetime.fromtimestamp(day * _DAY_SECONDS, UTC), local_time, zone)
    return first, _next(first + datetime.resolution, local_time, zone)


def _next(not_before: datetime, local_time: LocalTime, zone: str) -> datetime:
    place = ZoneInfo(zone)
    today = not_before.astimezone(place).date()
    for ahead in range(DAYS_MAX):
        day = today + timedelta(days=ahead)
        if day.weekday() not in local_time.weekdays:
            continue
        instant = _first_instant(day, local_time, place)
        if instant is not None and instant >= not_before:
            return instant
    raise ValueError(f"no weekday counts in {local_time.weekdays}: 0 is Monday, 6 is Sunday")


def zone_or(zone: str | None, otherwise: str) -> str:
    """Return `zone` if it names a time zone, else `otherwise`; a shop may send anything."""
    if not zone:
        return otherwise
    try:
        return ZoneInfo(zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return otherwise


def _first_instant(day: date, local_time: LocalTime, place: ZoneInfo) -> datetime | None:
    shown = datetime.combine(day, local_time.at.replace(fold=0), tzinfo=place)
    instant = shown.astimezone(UTC)
    if instant.astimezone(place).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return instant
    # The clock jumps over this time. Read with the offset from after the jump it lies before it,
    # with the offset from before the jump it lies after it: the jump is in between.
    jump = _jump(shown.replace(fold=1).astimezone(UTC), instant, place)
    return jump if jump.astimezone(place).date() == day else None


def _jump(before: datetime, after: datetime, place: ZoneInfo) -> datetime:
    offset = before.astimezone(place).utcoffset()
    seconds_before, seconds_after = 0, int((after - before).total_seconds())
    before = before.replace(microsecond=0)
    while seconds_after - seconds_before > 1:
        middle = (seconds_before + seconds_after) // 2
        if (before + timedelta(seconds=middle)).astimezone(place).utcoffset() == offset:
            seconds_before = middle
        else:
            seconds_after = middle
    return before + timedelta(seconds=seconds_after)
