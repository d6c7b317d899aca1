"""Before an experiment: what contacts of a flow do today, and how long it would take to be sure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment
from sekvens.experiments.intervals import Amounts
from sekvens.experiments.measuring import Entry, Tally, measure
from sekvens.experiments.plan import Plan
from sekvens.experiments.samples import (
    alpha_of_each,
    contacts_for_mean,
    contacts_for_share,
    contacts_in_all,
)
from sekvens.flows.steps import Measure

#: The one group that there is before an experiment.
TODAY = "today"


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What an experiment would take."""

    contacts: int  #: all variants together
    days: (
        float | None
    )  #: at today's rate, until the last contact's time is over; None: nobody enters


def today_of(
    session: Session,
    flow: str,
    *,
    within: timedelta,
    looks_back: timedelta,
    now: datetime,
    currency: str,
) -> tuple[Tally, float]:
    """Tell what those did who entered a flow lately, and how many enter for the first time.

    Args:
        session: where they are.
        flow: the flow's name.
        within: how long after they entered counts what they did.
        looks_back: how far back entries are looked at.
        now: shop time.
        currency: the shop's.

    Returns:
        What they did, added up, and contacts a day.
    """
    entered = func.min(Enrollment.started_at)
    query = select(Enrollment.contact_id, entered).where(Enrollment.flow == flow)
    rows = session.execute(query.group_by(Enrollment.contact_id).having(entered > now - looks_back))
    entries = {whose: Entry(TODAY, at) for whose, at in rows}
    plan = Plan(
        name=flow, flow=flow, version=0, weights=((TODAY, 1.0),), within=within,
        measure=Measure.ORDERS,
    )  # fmt: skip
    measured = measure(session, plan, entries, now=now, currency=currency)
    return measured.tallies[TODAY], len(entries) / (looks_back / timedelta(days=1))


def needed(
    measured_by: Measure,
    today: Tally,
    *,
    lift: float,
    variants: int,
    looks: int,
    rate: float,
    within: timedelta,
) -> Needed | None:
    """Tell what it takes to find such a lift four times in five; None: nothing is known of today.

    `lift` is a part of what is so today, `rate` contacts a day.
    """
    alpha = alpha_of_each(variants)
    if measured_by is Measure.REVENUE:
        each = _for_revenue(today.revenue, lift, alpha)
    else:
        counted = today.clicks if measured_by is Measure.CLICKS else today.orders
        share = counted.some / counted.contacts if counted.contacts else 0.0
        each = contacts_for_share(share, lift, alpha=alpha) if 0 < share * (1 + lift) < 1 else None
    if each is None:
        return None
    contacts = contacts_in_all(each, variants=variants, looks=looks, alpha=alpha)
    days = contacts / rate + within / timedelta(days=1) if rate else None
    return Needed(contacts=contacts, days=days)


def _for_revenue(revenue: Amounts, lift: float, alpha: float) -> int | None:
    if not revenue.mean:
        return None
    spread = revenue.squares / revenue.contacts - revenue.mean**2
    return contacts_for_mean(revenue.mean, spread, lift, alpha=alpha)
