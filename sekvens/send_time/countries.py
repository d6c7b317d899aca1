"""The time zones of a country, from the tables that come with the time zone database."""

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

#: Of a country whose first zone in the table is not the one in which most of its people live.
_MOST_LIVE_IN: Final = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "RU": "Europe/Moscow",
    "UA": "Europe/Kyiv",
}
#: What the table of codes does not call a country by, and shops do.
_ALSO_CALLED: Final = {
    "great britain": "GB",
    "uk": "GB",
    "united kingdom": "GB",
    "usa": "US",
}
#: Zones whose clocks show the same at both are one: Büsingen is no zone of its own to us.
_COMPARED_AT: Final = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))


@lru_cache(maxsize=1024)  # a shop may send anything
def zones_of(country: str) -> tuple[str, ...]:
    """List the zones in which a country's clocks differ, the one in which most live first.

    Args:
        country: a code of ISO 3166 (`SE`), or the country's English name.

    Returns:
        IANA names; none of a country that we do not know.
    """
    called = country.strip().casefold()
    code = _ALSO_CALLED.get(called) or _codes().get(called, "")
    names = sorted(_zones().get(code, ()), key=lambda name: name != _MOST_LIVE_IN.get(code))
    by_clock: dict[tuple[object, ...], str] = {}
    for name in names:
        place = ZoneInfo(name)
        by_clock.setdefault(tuple(place.utcoffset(at) for at in _COMPARED_AT), name)
    return tuple(by_clock.values())


@cache
def _codes() -> dict[str, str]:
    found = {}
    for code, name in _rows("iso3166.tab"):
        found[code.casefold()] = found[name.casefold()] = code
    return found


@cache
def _zones() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for code, _, name, *_ in _rows("zone.tab"):
        found[code] = (*found.get(code, ()), name)
    return found


def _rows(table: str) -> list[list[str]]:
    text = (files("tzdata.zoneinfo") / table).read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines() if line and line[0] != "#"]
