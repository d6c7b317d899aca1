"""Counting what bounced and what was complained of, per purpose, among the newest messages.

What SES reports names its message. Where it does not count a bounce (it had not even tried, because
of a list that it keeps for us), neither do we. A shop that hears of bounces by another way posts
`Contact Suppressed`: that belongs to the last message that SES had accepted for the contact when we
learned of it. So a list of suppressed addresses that a shop brings along counts for nothing, and
neither does a complaint about a message that is older than the window.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.events.schema import CONTACT_SUPPRESSED
from sekvens.events.tables import ContactEvent
from sekvens.feedback.consequences import SOURCE
from sekvens.feedback.kinds import UNCOUNTED, ReportKind
from sekvens.feedback.tables import Feedback
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message
from sekvens.reputation.rates import LIMITS, Kind, Rate
from sekvens.switches.tables import BREAKER
from sekvens.switches.turning import last_ended

_REPORTED = {ReportKind.BOUNCED: Kind.BOUNCE, ReportKind.COMPLAINED: Kind.COMPLAINT}

#: SES's clock may be behind ours.
CLOCKS_DIFFER = timedelta(minutes=5)
#: What is older is no evidence of today's mail, however little was sent since.
AGE_MAX = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class _Window:
    """The newest messages of one purpose: how many, and since when (wall time)."""

    of: int
    begins: datetime


@dataclass(frozen=True, kw_only=True)
class Blame:
    """A bounce or a complaint, and the message that it is about."""

    kind: Kind
    message_id: str
    purpose: str
    accepted_at: datetime


def rates(session: Session, *, now: datetime) -> tuple[Rate, ...]:
    """Tell each purpose's rates at `now` (wall time), the marketing first.

    Marketing from before the breaker was last turned back is not held against it again.
    """
    forgiven = last_ended(session, BREAKER)
    windows = {
        (purpose, kind): _window(session, purpose, kind, since=_since(purpose, forgiven, now))
        for purpose in (Purpose.MARKETING, Purpose.TRANSACTIONAL)
        for kind in Kind
    }
    known = [window.begins for window in windows.values() if window is not None]
    blames: list[Blame] = []
    if known:
        since = min(known)
        blames = [*reported(session, since=since), *_posted(session, since=since)]
    return tuple(
        Rate(
            purpose=purpose,
            kind=kind,
            of=window.of if window else 0,
            seen=_seen(blames, purpose, kind, window),
        )
        for (purpose, kind), window in windows.items()
    )


def _since(purpose: Purpose, forgiven: datetime | None, now: datetime) -> datetime:
    oldest = now - AGE_MAX
    if purpose == Purpose.TRANSACTIONAL or forgiven is None:
        return oldest
    return max(oldest, forgiven)


def _window(session: Session, purpose: Purpose, kind: Kind, *, since: datetime) -> _Window | None:
    newest = (
        select(Message.accepted_at)
        .where(Message.purpose == purpose, Message.accepted_at > since)
        .order_by(Message.accepted_at.desc())
        .limit(LIMITS[kind].window)
        .subquery()
    )
    of, begins = session.execute(select(func.count(), func.min(newest.c.accepted_at))).one()
    return _Window(of=of, begins=begins) if of else None


def _seen(blames: Iterable[Blame], purpose: str, kind: Kind, window: _Window | None) -> int:
    """Count each message once, however often its contact is said to be suppressed."""
    if window is None:
        return 0
    messages = {
        blame.message_id
        for blame in blames
        if (blame.purpose, blame.kind) == (purpose, kind) and blame.accepted_at >= window.begins
    }
    return min(len(messages), window.of)


def reported(session: Session, *, since: datetime) -> list[Blame]:
    """Find what SES itself reports of messages that it has accepted since (wall time)."""
    query = (
        select(Feedback.kind, Message.id, Message.purpose, Message.accepted_at)
        .join(Message, Message.id == Feedback.message_id)
        .where(
            Feedback.kind.in_(_REPORTED),
            Feedback.at >= since - CLOCKS_DIFFER,
            Feedback.detail.is_(None) | Feedback.detail.not_in(UNCOUNTED),
            Message.accepted_at >= since,
        )
    )
    return [
        Blame(kind=_REPORTED[ReportKind(kind)], message_id=message_id, purpose=purpose,
              accepted_at=accepted_at)
        for kind, message_id, purpose, accepted_at in session.execute(query)
        if accepted_at is not None
    ]  # fmt: skip


def _posted(session: Session, *, since: datetime) -> Collection[Blame]:
    """Find what the shop has heard by another way, and the message that each belongs to."""
    whose = ContactEvent.contact_id
    learned = (
        select(
            ContactEvent.id, ContactEvent.properties, Message.id, Message.purpose,
            Message.accepted_at,
        )
        .select_from(Message)
        .join(Contact, Contact.id == Message.contact_id)
        .join(ContactEvent, or_(whose == Message.contact_id, whose == Contact.merged_into))
        .where(
            Message.accepted_at >= since,
            ContactEvent.name == CONTACT_SUPPRESSED,
            ContactEvent.received_at >= Message.accepted_at,
        )
        .order_by(ContactEvent.id, Message.accepted_at)
    )  # fmt: skip
    last_before: dict[int, Blame] = {}
    for event_id, properties, message_id, purpose, accepted_at in session.execute(learned):
        reason = str(properties.get("reason"))
        if reason in list(Kind) and properties.get("source") != SOURCE:
            last_before[event_id] = Blame(
                kind=Kind(reason), message_id=message_id, purpose=purpose, accepted_at=accepted_at
            )
    return last_before.values()
