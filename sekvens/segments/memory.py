"""Conditions evaluated in memory, for the simulator and for tests.

`sekvens.segments.sql` gives the same answer to the same question; a property test holds the two
together. An event counts when it occurred at `now` or before; `within` includes its far boundary:
an event exactly so long ago still counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, assert_never

from sekvens.contacts.tables import ConsentStatus
from sekvens.flows.conditions import AllOf, AnyOf, Condition, Happened, Not, Subscribed, TraitIs


class PastEvent(NamedTuple):
    """Something that a contact did."""

    name: str
    properties: dict[str, Any]
    occurred_at: datetime  #: shop time


@dataclass(frozen=True, kw_only=True)
class ContactFacts:
    """What is known about one contact."""

    consent: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED  #: to marketing
    events: tuple[PastEvent, ...] = ()
    traits: Mapping[str, Any] = field(default_factory=dict)


def holds(condition: Condition, facts: ContactFacts, *, now: datetime) -> bool:
    """Tell whether a condition holds for a contact at `now` (shop time)."""
    match condition:
        case Subscribed():
            return facts.consent is ConsentStatus.SUBSCRIBED
        case Happened():
            return any(_counts(condition, event, now) for event in facts.events)
        case TraitIs():
            return has_trait(facts.traits, condition)
        case Not():
            return not holds(condition.condition, facts, now=now)
        case AllOf():
            return all(holds(inner, facts, now=now) for inner in condition.conditions)
        case AnyOf():
            return any(holds(inner, facts, now=now) for inner in condition.conditions)
        case _:
            assert_never(condition)


def has_trait(traits: Mapping[str, Any], condition: TraitIs) -> bool:
    """Tell whether a trait equals the wanted value as text; one that is missing never does."""
    value = traits.get(condition.trait)
    return value is not None and str(value) == condition.value


def _counts(condition: Happened, event: PastEvent, now: datetime) -> bool:
    is_past = event.occurred_at <= now
    is_recent = condition.within is None or event.occurred_at >= now - condition.within
    return is_past and is_recent and condition.pattern.matches(event.name, event.properties)
