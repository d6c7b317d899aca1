"""A population: contacts drawn by chance, each from a seed of their own, the same every time.

What somebody does is drawn before it is lived, as acts like those that a story writes: so a contact
whom something befell can be told again, with fewer acts, until only what matters is left.
"""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from sekvens.simulator.acts import CLICKED_AFTER, VERBS
from sekvens.simulator.story import Act, Person, Population, When

#: How often a contact does what in 30 days, where a story does not say: made up, not measured.
HABITS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "subscribe": 0.35,
        "look": 2.0,
        "add": 0.5,
        "look at the cart": 0.2,
        "check out": 0.25,
        "buy something": 0.2,
        "unsubscribe": 0.02,
        "visit": 1.0,
        "move": 0.01,
        "complain": 0.01,
        "settle": 0.01,
        "return": 0.02,
        "returned": 0.02,
        "bounce": 0.002,
        "fewer": 0.005,
        "pause": 0.003,
    }
)
ZONES: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Europe/Stockholm": 0.7,
        "Europe/London": 0.12,
        "America/New_York": 0.1,
        "Asia/Tokyo": 0.05,
        "Australia/Sydney": 0.03,
    }
)
PRODUCTS: Final = ("a-hat", "a-scarf", "a-jumper", "a-blanket")
#: How many of the contacts had subscribed, and had bought, before the story starts.
SUBSCRIBED_BEFORE: Final = 0.5
BOUGHT_BEFORE: Final = 0.25
BEFORE_MAX: Final = timedelta(days=200)
HAS_BIRTHDAY: Final = 0.2
#: E-mails that somebody may click, drawn ahead.
CLICKED_MAX: Final = 40
#: A parcel leaves so long after its order, and arrives.
SHIPS_AFTER: Final = timedelta(days=1)
ARRIVES_AFTER: Final = timedelta(days=3)
_MONTH: Final = timedelta(days=30)


def people(population: Population, *, days: int) -> Iterator[Person]:
    """Draw the contacts of a population, one after the other."""
    length = timedelta(days=days)
    habits = {
        verb: math.exp(-a_month * (length / _MONTH))
        for verb, a_month in {**HABITS, **population.a_month}.items()
    }
    minutes = length / timedelta(minutes=1)
    zones = dict(population.zones or ZONES)
    for number in range(population.contacts):
        yield _Drawing(population, number, habits, zones, minutes).person()


@dataclass(frozen=True)
class _Drawing:
    population: Population
    number: int
    habits: Mapping[str, float]  #: verb -> how likely it is that it is never done
    zones: Mapping[str, float]
    minutes: float  #: that the story lasts

    def person(self) -> Person:
        chance = random.Random(f"{self.population.seed}/{self.number}")  # noqa: S311  a drawing
        zone = chance.choices([*self.zones], [*self.zones.values()])[0]
        birthday = f"{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
        return Person(
            name=f"contact-{self.number + 1}",
            zone=zone,
            traits={"birthday": birthday} if chance.random() < HAS_BIRTHDAY else {},
            acts=(*self._before(chance), *self._during(chance), *self._clicks(chance)),
        )

    def _before(self, chance: random.Random) -> Iterator[Act]:
        for verb, share in (("subscribe", SUBSCRIBED_BEFORE), ("buy something", BOUGHT_BEFORE)):
            if chance.random() < share:
                yield _act(verb, When(after=-chance.random() * BEFORE_MAX))

    def _during(self, chance: random.Random) -> Iterator[Act]:
        for verb, never in self.habits.items():
            for _ in range(_poisson(chance, never)):
                at = timedelta(minutes=int(chance.random() * self.minutes))
                yield _act(verb, When(after=at), self._about(verb, chance))
                if verb == "buy something":
                    yield _act("ship", When(after=at + SHIPS_AFTER))
                    yield _act("arrive", When(after=at + ARRIVES_AFTER))

    def _about(self, verb: str, chance: random.Random) -> str:
        if verb == "move":
            return chance.choices([*self.zones], [*self.zones.values()])[0]
        if verb == "pause":
            return str(chance.choice((7, 14, 30)))
        return chance.choice(PRODUCTS) if "{}" in VERBS[verb] else ""

    def _clicks(self, chance: random.Random) -> Iterator[Act]:
        for email in range(1, CLICKED_MAX + 1):
            if chance.random() < self.population.clicks:
                yield _act("click", When(after=CLICKED_AFTER, email=email), str(email))


def _act(verb: str, when: When, about: str = "") -> Act:
    return Act(verb=verb, about=about, when=when, text=VERBS[verb].replace("{}", about))


def _poisson(chance: random.Random, never: float) -> int:
    """Draw how often something happens of which it is so likely that it never happens."""
    drawn, product = 0, chance.random()
    while product > never:
        drawn += 1
        product *= chance.random()
    return drawn
