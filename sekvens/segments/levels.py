"""Loyalty levels: the shop's ladder, from its settings, as conditions like any other.

A level takes so many orders, so much spent, or both; with `within_days` only what lies so far back
counts, and a level can lapse.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.tables import Order
from sekvens.flows.asking import all_of, ordered, spent
from sekvens.flows.conditions import Condition
from sekvens.segments.dealings import PastEvent
from sekvens.segments.memory import ORDER, ContactFacts, holds
from sekvens.shop import Level

#: A level that somebody did not have so long ago is new to them.
JUST: Final = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where somebody stands on the ladder."""

    level: str | None = None  #: key of the highest level that they are on; None: on none
    is_new: bool = False  #: 30 days before they were on a lower one, or on none


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


def standing(
    session: Session, levels: Sequence[Level], *, contact_id: str, now: datetime
) -> Standing:
    """Tell the level that a contact is on, by the orders that stand. `now` is shop time."""
    query = select(Order.order_id, Order.total, Order.ordered_at)
    rows = session.execute(
        query.where(Order.contact_id == contact_id, Order.state == "completed")
    ).all()
    facts = ContactFacts(
        events=tuple(
            PastEvent(ORDER, {"order_id": order_id, "total": total}, ordered_at)
            for order_id, total, ordered_at in rows
        )
    )
    steps = ladder(levels)
    reached, before = (_steps_up(steps, facts, at) for at in (now, now - JUST))
    return Standing(level=steps[reached - 1].key if reached else None, is_new=reached > before)


def _steps_up(steps: Sequence[Level], facts: ContactFacts, now: datetime) -> int:
    """Tell on which step somebody stood at an instant: 1 is the lowest, 0 is none."""
    on = (
        number
        for number, level in enumerate(steps, start=1)
        if holds(condition_of(level), facts, now=now)
    )
    return max(on, default=0)
