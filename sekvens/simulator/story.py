"""A story: contacts and what they do when, over all flows at once, and how SES fares meanwhile.

Frozen data; `sekvens.simulator.reading` reads it from a file that a marketer writes, and
`sekvens.simulator.life` lives it through. All times are shop time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import NamedTuple


class When(NamedTuple):
    """When an act is done: so long after the start, or so long after (or before) an e-mail."""

    after: timedelta = timedelta(0)  #: negative: before the start, or before the e-mail
    at: time | None = None  #: on that day, when the contact's clock shows this
    email: int | str | None = None  #: the contact's first, second, …; or `welcome/hello`

    @property
    def is_foreseen(self) -> bool:
        """Tell whether it comes before an e-mail, so that the e-mail must be foreseen."""
        return self.email is not None and self.after < timedelta(0)


class Act(NamedTuple):
    """Something that a contact does, or that befalls them."""

    verb: str  #: one of `sekvens.simulator.acts.VERBS`
    about: str = ""  #: the product, the place, the answer
    when: When = When()
    text: str = ""  #: as it was written


@dataclass(frozen=True, kw_only=True)
class Person:
    """A contact of a story."""

    name: str
    zone: str
    locale: str = ""
    traits: Mapping[str, str] = field(default_factory=dict)
    acts: tuple[Act, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outage:
    """A time in which SES takes nothing."""

    begins: datetime
    ends: datetime  #: the first instant at which it takes mail again


@dataclass(frozen=True, kw_only=True)
class StockChange:
    """A product that the shop has no more of, or has again."""

    at: datetime
    product: str
    is_sold_out: bool


@dataclass(frozen=True, kw_only=True)
class Population:
    """Contacts who are drawn by chance: how many, and how often they do what in 30 days."""

    contacts: int
    seed: int = 1
    a_month: Mapping[str, float] = field(default_factory=dict)  #: verb -> times in 30 days
    clicks: float = 0.1  #: the share of e-mails that are clicked
    zones: Mapping[str, float] = field(default_factory=dict)  #: IANA name -> share


@dataclass(frozen=True, kw_only=True)
class Story:
    """What is to be lived through."""

    name: str
    about: str
    starts: datetime
    days: int
    people: tuple[Person, ...] = ()
    outages: tuple[Outage, ...] = ()
    stock: tuple[StockChange, ...] = ()
    population: Population | None = None
    sending: Mapping[str, object] = field(default_factory=dict)  #: over the settings' `[sending]`
    off: tuple[str, ...] = ()  #: flows that nobody enters, beside those of the settings

    @property
    def contacts(self) -> int:
        """Count who is in it, the drawn ones included."""
        return len(self.people) + (self.population.contacts if self.population else 0)

    @property
    def ends(self) -> datetime:
        """Tell when it is over."""
        return self.starts + timedelta(days=self.days)
