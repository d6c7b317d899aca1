"""Reading a story's file, with the file, the line and a remedy for whatever is wrong in it."""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from sekvens.errors import SekvensError
from sekvens.send_time.dates import at_local_time
from sekvens.simulator.acts import VERBS, clock_of, read_act, zone_called
from sekvens.simulator.scenario import span
from sekvens.simulator.story import Act, Outage, Person, Population, StockChange, Story

T = TypeVar("T")

DAYS_MAX: Final = 3660
CONTACTS_MAX: Final = 1_000_000
#: A story that names no start begins at this instant, so that it goes the same way every time.
STARTS: Final = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

_STORY: Final = {
    "about", "starts", "days", "contacts", "ses", "population", "sending", "off", "zone", "stock",
}  # fmt: skip
_PERSON: Final = {"zone", "locale", "traits", "does"}
_POPULATION: Final = {"contacts", "seed", "a_month", "clicks", "zones"}
_STOCK: Final = re.compile(r"(.+) is (sold out|back) on day (\d+)(?: at (\d\d:\d\d))?")
_DOWN: Final = re.compile(r"down on day (\d+)(?: from (\d\d:\d\d))?(?: for ([\ddhm. ]+))?")


class StoryError(SekvensError):
    """A story's file cannot be read."""


def read_story(path: Path, *, zone: str) -> Story:
    """Read a story; `zone` is the shop's, and where contacts live of whom nothing is said.

    Raises:
        StoryError: something in it cannot be understood; the text names file, line and remedy.
        OSError: the file cannot be read.
    """
    return _Reader(path, path.read_text(encoding="utf-8"), zone).story()


class _Reader:
    def __init__(self, path: Path, source: str, zone: str) -> None:
        self._path = path
        self._lines = source.splitlines()
        self._zone = zone
        self._days = DAYS_MAX
        try:
            self._data = tomllib.loads(source)
        except tomllib.TOMLDecodeError as error:
            at = re.search(r"line (\d+)", str(error))
            line = int(at[1]) if at else len(self._lines)
            raise self._error(f"this is no TOML ({error})", line=line) from error

    def story(self) -> Story:
        data = self._data
        self._known(data, _STORY, "a story")
        self._zone = self._place(self._typed("zone", str, self._zone))
        starts = self._typed("starts", datetime, STARTS)
        if starts.tzinfo is None:
            raise self._error("write the zone as well: 2026-03-04T12:00:00Z", at="starts")
        days = self._typed("days", int, 90)
        if not 0 < days <= DAYS_MAX:
            raise self._error(f"days must be from 1 to {DAYS_MAX}", at="days")
        starts, self._days = starts.astimezone(UTC), days
        people = self._typed("contacts", dict, {})
        population = data.get("population")
        if not people and population is None:
            raise self._error("nobody is in it: add [contacts.anna] with does = […]", line=1)
        return Story(
            name=self._path.stem,
            about=self._typed("about", str, ""),
            starts=starts,
            days=days,
            people=tuple(self._person(name, given) for name, given in people.items()),
            outages=tuple(self._outage(said, starts) for said in self._typed("ses", list, [])),
            stock=tuple(self._stock(said, starts) for said in self._typed("stock", list, [])),
            population=None if population is None else self._population(population),
            sending=self._typed("sending", dict, {}),
            off=tuple(self._typed("off", list, [])),
        )

    def _person(self, name: str, given: Any) -> Person:
        if not isinstance(given, dict):
            raise self._error(f"write [contacts.{name}] and below it does = […]", at=name)
        self._known(given, _PERSON, "a contact")
        traits = given.get("traits", {})
        does = given.get("does", [])
        if not isinstance(traits, dict) or not isinstance(does, list):
            said = 'write traits = { birthday = "03-20" } and does = ["buys on day 3"]'
            raise self._error(said, at="does" if isinstance(traits, dict) else "traits")
        return Person(
            name=name,
            zone=self._place(str(given.get("zone", self._zone))),
            locale=str(given.get("locale", "")),
            traits={key: str(value) for key, value in traits.items()},
            acts=tuple(self._act(said) for said in does),
        )

    def _act(self, said: Any) -> Act:
        act = self._told(lambda: read_act(str(said)), at=str(said))
        if act.when.email is None and act.when.after > timedelta(days=self._days):
            raise self._error(f"the story is over on day {self._days}", at=str(said))
        return act

    def _place(self, place: str) -> str:
        return self._told(lambda: zone_called(place), at=place)

    def _outage(self, said: Any, starts: datetime) -> Outage:
        found = _DOWN.fullmatch(str(said))
        if found is None:
            raise self._error(
                f"“{said}” says nothing of SES: write “down on day 5”, or “down on day 5 from "
                "08:00 for 6h”",
                at=str(said),
            )
        begins = self._instant(starts, int(found[1]), found[2] or "00:00", at=str(said))
        lasts = self._told(lambda: span(found[3]), at=str(said)) if found[3] else timedelta(days=1)
        return Outage(begins=begins, ends=begins + lasts)

    def _stock(self, said: Any, starts: datetime) -> StockChange:
        found = _STOCK.fullmatch(str(said))
        if found is None:
            raise self._error(
                f"“{said}” says nothing of what is in stock: write “a-hat is sold out on day 3”, "
                "or “a-hat is back on day 9 at 08:00”",
                at=str(said),
            )
        at = self._instant(starts, int(found[3]), found[4] or "00:00", at=str(said))
        return StockChange(at=at, product=found[1], is_sold_out=found[2] == "sold out")

    def _instant(self, starts: datetime, days: int, clock: str, *, at: str) -> datetime:
        """Tell when the shop's clock shows a time on a day of the story."""
        shown = self._told(lambda: clock_of(clock), at=at)
        return at_local_time((starts + timedelta(days=days)).date(), shown, self._zone)

    def _population(self, given: Any) -> Population:
        if not isinstance(given, dict):
            raise self._error("write [population] and below it contacts = 20000", at="population")
        self._known(given, _POPULATION, "a population")
        contacts, a_month = given.get("contacts"), given.get("a_month", {})
        if not isinstance(contacts, int) or not 0 < contacts <= CONTACTS_MAX:
            raise self._error(f"contacts must be from 1 to {CONTACTS_MAX:,}", at="population")
        verbs = {said.replace(" {}", ""): verb for verb, said in VERBS.items()}
        unknown = [said for said in a_month if said not in verbs]
        if unknown:
            known = ", ".join(sorted(verbs))
            raise self._error(f"“{unknown[0]}” is none of {known}", at=unknown[0])
        zones = given.get("zones", {})
        if not isinstance(zones, dict):
            raise self._error('write zones = { "Europe/Stockholm" = 0.8 }', at="zones")
        return Population(
            contacts=contacts,
            seed=int(self._number(given.get("seed", 1), "seed")),
            a_month={verbs[said]: self._number(many, said) for said, many in a_month.items()},
            clicks=self._number(given.get("clicks", 0.1), "clicks", most=1.0),
            zones={self._place(zone): self._number(share, zone) for zone, share in zones.items()},
        )

    def _number(self, given: Any, at: str, *, most: float = math.inf) -> float:
        if not isinstance(given, int | float) or isinstance(given, bool) or not 0 <= given <= most:
            allowed = f"from 0 to {most:g}" if most < math.inf else "of 0 or more"
            raise self._error(f"{at} must be a number {allowed}", at=at)
        return float(given)

    def _known(self, given: Mapping[str, Any], known: set[str], what: str) -> None:
        for key in given:
            if key not in known:
                said = ", ".join(sorted(known))
                raise self._error(f"{what} has no “{key}”; it has {said}", at=key)

    def _typed(self, key: str, kind: type[T], otherwise: T) -> T:
        given = self._data.get(key, otherwise)
        if not isinstance(given, kind) or (kind is int and isinstance(given, bool)):
            names = {str: "a text", int: "a number", list: "a list", dict: "a table"}
            raise self._error(f"{key} must be {names.get(kind, 'a date and time')}", at=key)
        return given

    def _told(self, read: Callable[[], T], *, at: str) -> T:
        try:
            return read()
        except ValueError as error:  # NotUnderstood, and what `span` raises
            raise self._error(str(error), at=at) from error

    def _error(self, what: str, *, at: str = "", line: int | None = None) -> StoryError:
        """Say what is wrong, at the first line that holds a text."""
        found = (number for number, text in enumerate(self._lines, start=1) if at and at in text)
        return StoryError(f"{self._path}, line {line or next(found, 1)}: {what}")
