"""What contacts did after they came to an experiment: clicked, ordered, for how much.

By what they were to get, whether they got it or not. A contact counts when all of their time is
over, and only what they did within it. Cancelled and refunded orders count for nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.engagement.tables import Engagement, Kind
from sekvens.events.facts import chunks
from sekvens.events.tables import ContactEvent, Order
from sekvens.experiments.intervals import Amounts, amounts
from sekvens.experiments.plan import Plan
from sekvens.experiments.tables import Draw, ExperimentPlan
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.lots import EVERYTHING
from sekvens.messages.tables import Message

#: The state of an order that counts.
_COUNTS = "completed"


class Entry(NamedTuple):
    """A contact who came to an experiment: which variant, and when (shop time)."""

    variant: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the contacts of one variant did, added up."""

    clicks: Amounts  #: 1 of each who clicked
    orders: Amounts  #: how many, of each who ordered
    revenue: Amounts  #: in the shop's currency, of each who ordered
    kind: Literal["tally"] = "tally"

    @property
    def contacts(self) -> int:
        """Tell how many they are."""
        return self.orders.contacts


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What an experiment has come to so far."""

    drawn: Mapping[str, int]  #: contacts of each variant, those included whose time is not over
    tallies: Mapping[str, Tally]  #: of those whose time is over
    foreign: int  #: orders in another currency: they count as orders, and not as revenue

    @property
    def contacts(self) -> int:
        """Tell how many contacts count."""
        return sum(tally.contacts for tally in self.tallies.values())


def entries_of(session: Session, begun: ExperimentPlan) -> dict[str, Entry]:
    """Find who drew in the round that an experiment is in; who gets no marketing at all is out."""
    query = select(Draw.contact_id, Draw.variant, Draw.drawn_at).where(
        Draw.experiment == begun.name, Draw.round == begun.round
    )
    if begun.name != EVERYTHING:
        silent = select(Draw.contact_id).where(
            Draw.experiment == EVERYTHING, Draw.variant == HOLDOUT
        )
        query = query.where(Draw.contact_id.not_in(silent))
    return {whose: Entry(variant, at) for whose, variant, at in session.execute(query)}


def measure(
    session: Session, plan: Plan, entries: Mapping[str, Entry], *, now: datetime, currency: str
) -> Measured:
    """Add up what the contacts of each variant did; `now` is shop time."""
    drawn = dict.fromkeys(plan.variants, 0)
    for entry in entries.values():
        drawn[entry.variant] = drawn.get(entry.variant, 0) + 1
    due = {whose: each for whose, each in entries.items() if each.at + plan.within <= now}
    clicked = _clicked(session, due, plan.flow, plan.within)
    orders, revenue, foreign = _ordered(session, due, plan.within, currency)
    groups: dict[str, list[str]] = {name: [] for name in plan.variants}
    for whose, entry in due.items():
        groups.setdefault(entry.variant, []).append(whose)
    tallies = {
        name: Tally(
            clicks=amounts(len(group), (1.0 for whose in group if whose in clicked)),
            orders=amounts(len(group), (orders[whose] for whose in group if whose in orders)),
            revenue=amounts(len(group), (revenue[whose] for whose in group if whose in orders)),
        )
        for name, group in groups.items()
    }
    return Measured(drawn=drawn, tallies=tallies, foreign=foreign)


def _clicked(
    session: Session, entries: Mapping[str, Entry], flow: str | None, within: timedelta
) -> Collection[str]:
    """Find who clicked, as far as anything shows a person; the event has the shop time of it."""
    found: set[str] = set()
    for some in chunks(entries):
        query = (
            select(ContactEvent.contact_id, ContactEvent.occurred_at)
            .join(Engagement, Engagement.event_id == ContactEvent.message_id)
            .join(Message, Message.id == Engagement.message_id)
            .where(ContactEvent.contact_id.in_(some), Engagement.kind == Kind.CLICK)
        )
        if flow is not None:
            query = query.where(Message.flow == flow)
        for whose, at in session.execute(query):
            if whose is not None and _counts(entries[whose], at, within):
                found.add(whose)
    return found


def _ordered(
    session: Session, entries: Mapping[str, Entry], within: timedelta, currency: str
) -> tuple[Mapping[str, float], Mapping[str, float], int]:
    orders: defaultdict[str, float] = defaultdict(float)
    revenue: defaultdict[str, float] = defaultdict(float)
    foreign = 0
    for some in chunks(entries):
        query = select(Order.contact_id, Order.ordered_at, Order.total, Order.currency).where(
            Order.contact_id.in_(some), Order.state == _COUNTS
        )
        for whose, at, total, paid_in in session.execute(query):
            if not _counts(entries[whose], at, within):
                continue
            orders[whose] += 1
            if paid_in in (None, currency):
                revenue[whose] += float(Decimal(total or 0))
            else:
                foreign += 1
    return orders, revenue, foreign


def _counts(entry: Entry, at: datetime, within: timedelta) -> bool:
    return entry.at <= at <= entry.at + within
