"""Conditions and event patterns: what a flow may ask about a contact, as data.

One syntax tree, evaluated in two places: `sekvens.segments.sql` for real contacts and
`sekvens.segments.memory` for the simulator. A condition never holds an evaluator.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias


@dataclass(frozen=True, kw_only=True)
class EventPattern:
    """Events of one name whose properties equal those in `where`, as (property, value) pairs."""

    name: str
    where: tuple[tuple[str, str], ...] = ()
    kind: Literal["event"] = "event"

    @property
    def key(self) -> str:
        """The pattern's stable identity, by which the relay says which patterns matched."""
        return "&".join([self.name, *(f"{name}={value}" for name, value in sorted(self.where))])

    def matches(self, name: str, properties: dict[str, object]) -> bool:
        """Tell whether an event of this name with these properties fits."""
        return name == self.name and all(
            str(properties.get(wanted)) == value for wanted, value in self.where
        )


@dataclass(frozen=True, kw_only=True)
class Subscribed:
    """The contact's consent to marketing is `subscribed`."""

    kind: Literal["subscribed"] = "subscribed"


@dataclass(frozen=True, kw_only=True)
class Happened:
    """The contact has done this; `within` looks back from now, None looks back for ever."""

    pattern: EventPattern
    within: timedelta | None = None
    kind: Literal["happened"] = "happened"


@dataclass(frozen=True, kw_only=True)
class TraitIs:
    """A trait of the contact equals a value, compared as text."""

    trait: str
    value: str
    kind: Literal["trait_is"] = "trait_is"


@dataclass(frozen=True, kw_only=True)
class Not:
    """The inner condition does not hold."""

    condition: "Condition"
    kind: Literal["not"] = "not"


@dataclass(frozen=True, kw_only=True)
class AllOf:
    """Every inner condition holds; an empty list holds."""

    conditions: tuple["Condition", ...]
    kind: Literal["all_of"] = "all_of"


@dataclass(frozen=True, kw_only=True)
class AnyOf:
    """At least one inner condition holds; an empty list does not."""

    conditions: tuple["Condition", ...]
    kind: Literal["any_of"] = "any_of"


Condition: TypeAlias = Subscribed | Happened | TraitIs | Not | AllOf | AnyOf
