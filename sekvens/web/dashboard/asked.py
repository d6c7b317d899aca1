"""What a page of the dashboard is given: the house it stands in, and what was asked of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from sekvens.metrics.pages import Period
from sekvens.metrics.rules import Rules
from sekvens.settings import Settings
from sekvens.web.dashboard.rendering import filters
from sekvens.web.dashboard.words import Words
from sekvens.web.staff_door import Form, LoggedIn

#: Periods that a page offers, in days.
PERIODS: Final = (7, 30, 90, 365)
_PERIOD: Final = 30
#: Digits of an id that the database counts up itself: more would not fit its column.
ID_DIGITS: Final = 9


@dataclass(frozen=True, kw_only=True)
class House:
    """What does not change between requests."""

    settings: Settings
    database: Database
    clock: Clock
    shop_time: ShopTime
    rules: Rules  #: by which metrics count: days of the shop, windows

    @property
    def flows(self) -> Mapping[str, Flow]:
        """The flows of this checkout, by name."""
        return {flow.name: flow for flow in CATALOGUE}

    def writes(self, language: str) -> dict[str, Callable[[Any], str]]:
        """Make what writes numbers, money and times for people, as templates have it."""
        shop = self.settings.shop
        return filters(language, zone=shop.timezone, currency=shop.currency)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request of somebody who is logged in."""

    who: LoggedIn
    t: Words  #: the page's words, in the language of whoever asked
    now: datetime  #: wall time
    shop_now: datetime  #: shop time
    today: date  #: the shop's day
    path: Mapping[str, str]  #: the parts of the path that have a name
    query: Mapping[str, str]  #: the first value of each; of a form, its fields too
    fields: Form = field(default_factory=dict)  #: all values of each
    is_posted: bool = False  #: by a form of our own page: the door has seen to that

    @property
    def language(self) -> str:
        """The language that is answered in: `sv` or `en`."""
        return self.t.language

    def every(self, name: str) -> Sequence[str]:
        """List what was given for a name, each once: what was ticked off, for one."""
        return list(dict.fromkeys(filter(None, self.fields.get(name, ()))))

    def number(self, name: str, *, digits: int) -> int | None:
        """Read a whole number of at most so many digits; None: it is none, or not given."""
        given = self.query.get(name, "")
        is_number = given.isascii() and given.isdigit() and len(given) <= digits
        return int(given) if is_number else None

    @property
    def days(self) -> int:
        """The length of the period that is looked at: one of `PERIODS`."""
        given = self.query.get("days", "")
        return int(given) if given in map(str, PERIODS) else _PERIOD

    @property
    def period(self) -> Period:
        """The days that are looked at, today among them."""
        until = self.today + timedelta(days=1)
        return Period(since=until - timedelta(days=self.days), until=until)
