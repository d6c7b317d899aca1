"""What contacts did after they came to an experiment: clicked, ordered, for how much.

By what they were to get, whether they got it or not. A contact counts when all of their time is
over, and only what they did within it. Cancelled and refunded orders count for nothing. Revenue is
what was paid, discounts taken off, less what gifts and the like cost the shop.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.engagement.tables import Engagement, Kind
from sekvens.events.facts import chunks
from sekvens.events.schema import EMAIL_LINK_CLICKED
from sekvens.events.tables import ContactEvent, Order
from sekvens.experiments.incentives import Bought, Given, given_with
from sekvens.experiments.intervals import NOTHING, Amounts, amounts
from sekvens.experiments.plan import Plan
from sekvens.experiments.tables import Draw, ExperimentPlan
from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.lots import EVERYTHING
from sekvens.messages.tables import Message

#: The state of an order that counts.
_COUNTS = "completed"
NO_COSTS: Final[Mapping[str, Decimal]] = {}


class Entry(NamedTuple):
    """A contact who came to an experiment: which variant, and when (shop time)."""

    variant: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the contacts of one variant did, added up."""

    clicks: Amounts  #: 1 of each who clicked
    orders: Amounts  #: how many, of each who ordered
    revenue: Amounts  #: in the shop's currency, of each who ordered: paid, less `cost`
    #: discounts by codes of ours, of each who had one; they are off the revenue already
    discounts: Amounts = NOTHING
    cost: Amounts = NOTHING  #: of gifts and the like, of each who had one
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
    session: Session,
    plan: Plan,
    entries: Mapping[str, Entry],
    *,
    now: datetime,
    currency: str,
    costs: Mapping[str, Decimal] = NO_COSTS,
) -> Measured:
    """Add up what the contacts of each variant did.

    Args:
        session: where they are.
        plan: what is compared.
        entries: who came to it.
        now: shop time.
        currency: the shop's.
        costs: what offers cost beyond what an order's total lacks (`incentives.costs_of`).
    """
    drawn = dict.fromkeys(plan.variants, 0)
    for entry in entries.values():
        drawn[entry.variant] = drawn.get(entry.variant, 0) + 1
    due = {whose: each for whose, each in entries.items() if each.at + plan.within <= now}
    clicked = _clicked(session, due, plan.flow, plan.within)
    bought, foreign = _bought(session, due, plan.within, currency)
    given = given_with(session, bought, costs)
    groups: dict[str, list[str]] = {name: [] for name in plan.variants}
    for whose, entry in due.items():
        groups.setdefault(entry.variant, []).append(whose)
    tallies = {name: _tally(group, clicked, bought, given) for name, group in groups.items()}
    return Measured(drawn=drawn, tallies=tallies, foreign=foreign)


def _tally(
    group: Collection[str],
    clicked: Collection[str],
    bought: Iterable[Bought],
    given: Mapping[str, Given],
) -> Tally:
    count, members = len(group), set(group)
    orders: defaultdict[str, float] = defaultdict(float)
    revenue: defaultdict[str, float] = defaultdict(float)
    for order in bought:
        if order.contact_id in members:
            orders[order.contact_id] += 1
            revenue[order.contact_id] += order.total
    had = {whose: given.get(whose, Given()) for whose in orders}
    return Tally(
        clicks=amounts(count, (1.0 for whose in group if whose in clicked)),
        orders=amounts(count, orders.values()),
        revenue=amounts(count, (revenue[whose] - had[whose].cost for whose in orders)),
        discounts=amounts(count, (each.discount for each in had.values() if each.discount)),
        cost=amounts(count, (each.cost for each in had.values() if each.cost)),
    )


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
            # The index is of the name, too: without it every event was read.
            .where(ContactEvent.name == EMAIL_LINK_CLICKED)
            .where(ContactEvent.occurred_at.between(*_span(entries, some, within)))
        )
        if flow is not None:
            query = query.where(Message.flow == flow)
        for whose, at in session.execute(query):
            if whose is not None and _counts(entries[whose], at, within):
                found.add(whose)
    return found


def _bought(
    session: Session, entries: Mapping[str, Entry], within: timedelta, currency: str
) -> tuple[list[Bought], int]:
    """List the orders that count, and how many of them brought foreign money, that counts not."""
    found: list[Bought] = []
    foreign = 0
    columns = (
        Order.contact_id, Order.order_id, Order.ordered_at, Order.currency, Order.total,
        Order.details["discount"].as_string().label("discount"),
    )  # fmt: skip
    for some in chunks(entries):
        query = (
            select(*columns)
            .where(Order.contact_id.in_(some), Order.state == _COUNTS)
            .where(Order.ordered_at.between(*_span(entries, some, within)))
        )
        for row in session.execute(query.order_by(Order.contact_id, Order.order_id)):
            if not _counts(entries[row.contact_id], row.ordered_at, within):
                continue
            is_ours = row.currency in (None, currency)
            foreign += not is_ours
            discount = row.discount if is_ours else None
            found.append(
                Bought(
                    contact_id=row.contact_id,
                    order_id=row.order_id,
                    at=row.ordered_at,
                    total=float(Decimal(row.total or 0)) if is_ours else 0.0,
                    discount=abs(float(Decimal(discount or 0))),
                )
            )
    return found, foreign


def _span(
    entries: Mapping[str, Entry], some: Collection[str], within: timedelta
) -> tuple[datetime, datetime]:
    """Tell from when until when anything can count of some contacts: the rest is not read."""
    came = [entries[whose].at for whose in some]
    return min(came), max(came) + within


def _counts(entry: Entry, at: datetime, within: timedelta) -> bool:
    return entry.at <= at <= entry.at + within
