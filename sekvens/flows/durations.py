"""Durations in words: the one place that decides how a stretch of time reads."""

from datetime import timedelta

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def in_words(duration: timedelta) -> str:
    """Write a duration to the second: `4 hours`, `1 day 12 hours`, `no time`."""
    seconds = round(duration.total_seconds())
    words = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            words.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(words) or "no time"


def as_moment(earliest: timedelta, latest: timedelta) -> str:
    """Name the moment between two times since a start: `at once`, `4 hours`, `day 2`, `day 6 to 8`.

    A spread of a day or less is what a wait until a time of day makes of one intended day.
    """
    if earliest == latest:
        return "at once" if not latest else in_words(latest)
    if latest - earliest <= timedelta(days=1):
        return f"day {_nearest_day((earliest + latest) / 2)}"
    return f"day {_nearest_day(earliest)} to {_nearest_day(latest)}"


def _nearest_day(elapsed: timedelta) -> int:
    return int(elapsed / timedelta(days=1) + 0.5)
