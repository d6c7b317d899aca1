"""What the ledger and the enrollments know about a contact's calm, read for the gate.

Asked under the contact's lock, the count is safe: what SES has, or may have, is written down before
the lock is given back, and whoever else is in dispatch waits for the lock and will count us.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.cases import open_cases
from sekvens.contacts.tables import Contact, Preferences
from sekvens.contacts.zone import zone_of_row
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.enrollments.wire import SendInput
from sekvens.events.schema import EMAIL_DELIVERED
from sekvens.events.tables import ContactEvent
from sekvens.flows.steps import Purpose
from sekvens.messages.calm import YIELD_MAX, HoldReason, Rules, Situation
from sekvens.messages.tables import Message, MessageState
from sekvens.sections import SendingSettings
from sekvens.send_time.quiet_hours import QuietHours
from sekvens.shop import Shop
from sekvens.switches.turning import held_flows

#: Who is in dispatch for longer than this (wall time) does not wait for the lock: it died in the
#: call, and its message may have arrived. Longer than a sender's deadline and SES's time-outs.
DISPATCHED_FOR_MAX = timedelta(seconds=15)
#: The cap's week, and a day to spare: a local date begins up to 14 hours from UTC's.
COUNTED_FOR = timedelta(days=8)


def rules_of(sending: SendingSettings) -> Rules:
    """Read the rules of the calm from the settings."""
    return Rules(
        quiet=QuietHours(
            begins=time.fromisoformat(sending.quiet_from),
            ends=time.fromisoformat(sending.quiet_until),
        ),
        per_day=sending.marketing_per_day,
        per_week=sending.marketing_per_week,
        blackout_dates=frozenset(sending.blackout_dates),
    )


def situation_of(
    session: Session,
    order: SendInput,
    contact: Contact,
    contact_ids: Sequence[str],
    *,
    shop: Shop,
    priority: Sequence[str],
    latest: datetime | None,
    now: datetime,
) -> Situation:
    """Read the situation of one contact; `latest` is shop time, `now` is wall time."""
    preferences = session.get(Preferences, contact.id)
    paused_until = preferences.paused_until if preferences else None
    rests = [at for at in (contact.rests_until, paused_until) if at is not None]
    cases = open_cases(session, contact_ids, now=order.now)
    return Situation(
        zone=zone_of_row(contact, shop.timezone).name,
        sent=()
        if order.past_cap
        else (
            *_sent(session, order, contact_ids, now=now),
            *_reported(session, order, contact_ids),
        ),
        ahead=() if order.past_cap else _ahead(session, order, contact_ids, priority),
        rests_until=max(rests, default=None),
        open_cases=frozenset(HoldReason(f"open_{kind}") for kind in cases),
        past_cap=order.past_cap,
        fewer=preferences is not None and preferences.fewer,
        latest=latest,
    )


def _sent(
    session: Session, order: SendInput, contact_ids: Sequence[str], *, now: datetime
) -> tuple[datetime, ...]:
    """List when the contact got other marketing lately, or may have got it."""
    lately = Message.sent_on > order.now - COUNTED_FOR
    left_behind = and_(
        Message.state == MessageState.DISPATCHING,
        Message.sent_on.is_(None),
        Message.dispatched_at < now - DISPATCHED_FOR_MAX,
    )
    query = select(Message.sent_on, Message.dispatched_at).where(
        Message.contact_id.in_(contact_ids),
        Message.purpose == Purpose.MARKETING,
        or_(lately, left_behind),
        or_(Message.enrollment_id != order.enrollment_id, Message.step_id != order.step_id),
    )
    return tuple(
        sent_on or order.now - (now - (dispatched_at or now)) * order.shop_speed
        for sent_on, dispatched_at in session.execute(query)
    )


def _reported(
    session: Session, order: SendInput, contact_ids: Sequence[str]
) -> tuple[datetime, ...]:
    """List when other systems sent the contact marketing lately, as far as they report it."""
    query = select(ContactEvent.occurred_at, ContactEvent.properties).where(
        ContactEvent.contact_id.in_(contact_ids),
        ContactEvent.name == EMAIL_DELIVERED,
        ContactEvent.occurred_at > order.now - COUNTED_FOR,
    )
    found: dict[object, datetime] = {}
    for number, (at, properties) in enumerate(session.execute(query)):
        if properties.get("purpose") == Purpose.TRANSACTIONAL:
            continue
        # A receiving server may be said twice to have it.
        email_id = properties.get("email_id")
        key = (type(email_id).__name__, str(email_id)) if email_id else number
        found[key] = min(at, found.get(key, at))
    return tuple(found.values())


def _ahead(
    session: Session, order: SendInput, contact_ids: Sequence[str], priority: Sequence[str]
) -> tuple[datetime, ...]:
    """List when the contact's enrollments in flows of a higher priority mean to send next."""
    rank = priority.index(order.flow) if order.flow in priority else len(priority)
    query = select(Enrollment.next_send_at).where(
        Enrollment.contact_id.in_(contact_ids),
        Enrollment.state == EnrollmentState.ACTIVE,
        Enrollment.flow.in_(priority[:rank]),
        Enrollment.flow.not_in(held_flows()),
        Enrollment.next_send_at > order.now - YIELD_MAX,
    )
    return tuple(at for at in session.scalars(query) if at is not None)
