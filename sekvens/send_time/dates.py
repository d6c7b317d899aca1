"""Dates that a contact told us and that come round every year: birthdays, anniversaries."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

#: `1987-04-12`, `--04-12` (ISO 8601 without the year), `04-12`; a time behind it is left out.
_DATE = re.compile(r"(?:(\d{4})-|--)?(\d{2})-(\d{2})(?:[T ].*)?")
#: A year with a 29 February, so that every day of a year can be read.
_LEAP_YEAR = 2000


def day_of_year(told: object) -> tuple[int, int] | None:
    """Read month and day of a date as shops write it; None if it is none."""
    found = _DATE.fullmatch(str(told).strip()) if isinstance(told, str | date) else None
    if found is None:
        return None
    month, day = int(found[2]), int(found[3])
    try:
        date(_LEAP_YEAR, month, day)
    except ValueError:
        return None
    return month, day


def next_return(told: object, *, not_before: date) -> date | None:
    """Tell the first day, `not_before` included, on which a date comes round; None if it is none.

    Who was born on 29 February has their day on 28 February in other years, as Swedish law sees it.
    """
    day = day_of_year(told)
    if day is None:
        return None
    this_year = _in_year(day, not_before.year)
    return this_year if this_year >= not_before else _in_year(day, not_before.year + 1)


def at_local_time(day: date, at: time, zone: str) -> datetime:
    """Tell the instant in UTC at which a contact's clock shows `at` on a day.

    A time that daylight saving leaves out comes as much later; of one that it repeats, the first.
    """
    return datetime.combine(day, at, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def next_return_at(told: object, at: time, *, not_before: datetime, zone: str) -> datetime | None:
    """Tell the first instant, `not_before` included, at which a date returns at a local time."""
    today = not_before.astimezone(ZoneInfo(zone)).date()
    day = next_return(told, not_before=today)
    if day is None:
        return None
    instant = at_local_time(day, at, zone)
    if instant >= not_before:
        return instant
    later = next_return(told, not_before=day + timedelta(days=1))
    return at_local_time(later, at, zone) if later is not None else None


def last_day_at(ends: datetime, at: time, *, days_before: int, zone: str) -> datetime:
    """Tell when a clock shows `at` on the last whole day before an end, or days before that."""
    last_day = ends.astimezone(ZoneInfo(zone)).date() - timedelta(days=1 + days_before)
    return at_local_time(last_day, at, zone)


def _in_year(day: tuple[int, int], year: int) -> date:
    try:
        return date(year, *day)
    except ValueError:
        return date(year, 2, 28)
