"""Loyalty levels: the shop's ladder, from its settings, as conditions like any other.

A level takes so many orders, so much spent, or both; with `within_days` only what lies so far back
counts, and a level can lapse.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from sekvens.flows.asking import all_of, ordered, spent
from sekvens.flows.conditions import Condition
from sekvens.segments import sql
from sekvens.shop import Level


def ladder(levels: Sequence[Level]) -> list[Level]:
    """List the levels from the lowest to the highest."""
    return sorted(levels, key=lambda level: (level.orders_min, level.spent_min))


def condition_of(level: Level) -> Condition:
    """Say what it takes to be on a level, or above."""
    within = timedelta(days=level.within_days) if level.within_days else None
    asked = []
    if level.orders_min:
        asked.append(ordered(level.orders_min, within=within))
    if level.spent_min:
        asked.append(spent(level.spent_min, within=within))
    return all_of(*asked)


def conditions_of_levels(levels: Sequence[Level]) -> Mapping[str, Condition]:
    """List what each level takes, by its key, the lowest first."""
    return {level.key: condition_of(level) for level in ladder(levels)}


def level_reached(
    session: Session, levels: Sequence[Level], *, contact_id: str, now: datetime
) -> str | None:
    """Tell the key of the highest level that a contact is on; None: of none. `now` is shop time."""
    for level in reversed(ladder(levels)):
        if sql.holds(session, condition_of(level), contact_id=contact_id, now=now):
            return level.key
    return None
