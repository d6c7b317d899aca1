"""What has come since the last look: whom to judge again, and which days it changes.

Facts are found by when they were written down, not by when they happened, so that a late one
corrects its own day. A transaction may commit a little after the instant that it wrote: each look
goes back further than that, and looking twice changes nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from sekvens.contacts.tables import Contact, Erasure
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Enrollment
from sekvens.events.facts import chunks
from sekvens.events.schema import (
    CART_EVENTS,
    CONSENT_EVENTS,
    CONTACT_SUPPRESSED,
    ORDER_EVENTS,
    SUPPRESSION_LIFTED,
)
from sekvens.events.tables import ContactEvent
from sekvens.feedback.tables import Feedback
from sekvens.messages.tables import Message
from sekvens.metrics.people import day_of_message, days_sent
from sekvens.metrics.rules import Rules
from sekvens.metrics.tables import CartResult, MetricCount, Period
from sekvens.metrics.verdicts import cart_flows

#: Longer than any transaction of ours takes to commit.
OVERLAP: Final = timedelta(minutes=15)
#: … on the one machine of a demo. In a quarter of an hour more than a year of it passes, and every
#: look would count all of that anew.
OVERLAP_OF_QUICK_DAYS: Final = timedelta(minutes=1)
#: An exit is written down when its worker gets to it: after an outage, with the time it was due.
EXITS_LATE_MAX: Final = timedelta(days=3)
#: Events after which their contact is judged again; so is whoever says who they are.
JUDGED_BY: Final = frozenset(
    {*ORDER_EVENTS, *CART_EVENTS, *CONSENT_EVENTS, CONTACT_SUPPRESSED, SUPPRESSION_LIFTED}
)
_WHO: Final = ("identify", "alias")


@dataclass(kw_only=True)
class Noticed:
    """What has changed."""

    people: set[str] = field(default_factory=set)  #: contact ids
    days: set[date] = field(default_factory=set)


def notice(
    session: Session, rules: Rules, *, since: datetime, clicks_since: datetime, now: datetime
) -> Noticed:
    """Look for what was written down since an instant, events apart. All three are wall time.

    Clicks are looked for further back: one that is not settled yet has not counted.
    """
    found = Noticed()
    _of_messages(session, rules, since, found)
    _of_engagement(session, rules, clicks_since, found)
    _of_feedback(session, rules, since, found)
    _of_erasures(session, rules, since, found)
    due = select(CartResult.contact_id).where(CartResult.settles_at <= rules.shop_time.at(now))
    found.people |= set(session.scalars(due))
    still_open = MetricCount.period == Period.DAY, MetricCount.name == "open"
    found.days |= set(session.scalars(select(MetricCount.day).where(*still_open)))
    ended = Enrollment.ended_at >= rules.shop_time.at(since) - EXITS_LATE_MAX
    exits = session.scalars(select(Enrollment.ended_at).where(ended))
    found.days |= {rules.day_of(at) for at in exits if at is not None}
    return found


def judged_by(events: Sequence[ContactEvent]) -> set[str]:
    """Tell whom events concern: who orders, fills a cart, agrees, refuses, or says who they are."""
    return {
        row.contact_id
        for row in events
        if row.contact_id is not None and (row.name in JUDGED_BY or row.type in _WHO)
    }


def with_same_address(session: Session, contact_ids: Collection[str]) -> set[str]:
    """Add whoever shares an address: a suppression is about the address."""
    other = aliased(Contact)
    query = select(other.id).join(Contact, Contact.email == other.email)
    found = set(contact_ids)
    for some in chunks(contact_ids):
        found |= set(session.scalars(query.where(Contact.id.in_(some))))
    return found


def unsettled_since(session: Session) -> datetime | None:
    """Tell the wall time of the oldest click that is not settled; None: all are."""
    query = select(func.min(Engagement.at)).where(Engagement.settles_at.is_not(None))
    return session.scalar(query)


def _of_messages(session: Session, rules: Rules, since: datetime, found: Noticed) -> None:
    about_carts = set(cart_flows(session))
    columns = Message.state, Message.sent_on, Message.claimed_at, Message.flow, Message.contact_id
    for at in (Message.accepted_at, Message.claimed_at):
        for state, sent_on, claimed_at, flow, whose in session.execute(
            select(*columns).where(at >= since)
        ):
            found.days.add(day_of_message(rules, state, sent_on, claimed_at))
            if flow in about_carts:
                found.people.add(whose)


def _of_engagement(session: Session, rules: Rules, since: datetime, found: Noticed) -> None:
    columns = Engagement.message_id, Engagement.contact_id
    rows = session.execute(select(*columns).where(Engagement.at >= since)).all()
    found.people |= {whose for _, whose in rows}
    found.days |= days_sent(session, {message_id for message_id, _ in rows}, rules)


def _of_feedback(session: Session, rules: Rules, since: datetime, found: Noticed) -> None:
    """Look at what SES reported; its clicks are written down with an older time of their own."""
    query = (
        select(Message.id, Message.contact_id, Feedback.kind)
        .join(Message, Message.id == Feedback.message_id)
        .where(Feedback.read_at >= since)
    )
    rows = session.execute(query).all()
    found.people |= {whose for _, whose, kind in rows if kind == "clicked"}
    found.days |= days_sent(session, {message_id for message_id, _, _ in rows}, rules)


def _of_erasures(session: Session, rules: Rules, since: datetime, found: Noticed) -> None:
    """Look at who was erased: what they came to is gone, so its days are told by their events."""
    for ids in session.scalars(select(Erasure.contact_ids).where(Erasure.erased_at >= since)):
        found.people |= set(ids)
        theirs = select(Message.id).where(Message.contact_id.in_(ids))
        found.days |= days_sent(session, set(session.scalars(theirs)), rules)
        ended = select(Enrollment.ended_at).where(Enrollment.contact_id.in_(ids))
        found.days |= {rules.day_of(at) for at in session.scalars(ended) if at is not None}
        events = select(ContactEvent.occurred_at).where(ContactEvent.contact_id.in_(ids))
        found.days |= {rules.day_of(at) for at in session.scalars(events)}
