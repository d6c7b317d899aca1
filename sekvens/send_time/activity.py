"""At which hours contacts do something, by their own clocks, and what was sent and clicked then.

What follows a message of ours within `FOLLOWS_FOR` is left out: it says when we wrote, not when
somebody likes to be written to. Opens are never asked for. A click counts for the hour at which its
message left, beside all messages of that hour.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, ScalarSelect, Select, func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.engagement.tables import Engagement, Kind
from sekvens.events.tables import ContactEvent
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.send_time.best import HOURS
from sekvens.send_time.zones import zone_from

ACTIVITY: Final = (
    "Product Viewed", "Product Added", "Cart Viewed", "Checkout Started", "Order Completed",
)  # fmt: skip
LOOKS_BACK: Final = timedelta(days=90)
#: Most visits that a message of ours leads to come within this time.
FOLLOWS_FOR: Final = timedelta(hours=6)
#: So many of the newest messages are read, and so many of the newest events are looked through.
ROWS_MAX: Final = 50_000


#: What the zone of a contact is known by: their columns timezone, timezone_by and country.
_Lives: TypeAlias = tuple[str | None, str | None, str | None]
_LIVES: Final = (Contact.timezone, Contact.timezone_by, Contact.country)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """For each hour of the day: activity, marketing messages sent, and those of them clicked."""

    activity: list[int] = field(default_factory=lambda: [0] * HOURS)
    sends: list[int] = field(default_factory=lambda: [0] * HOURS)
    clicks: list[int] = field(default_factory=lambda: [0] * HOURS)


def count_hours(
    session: Session, *, now: datetime, zone: str, contact_id: str | None = None
) -> Counts:
    """Count what happened lately at each hour: everybody's, or one contact's.

    `now` is shop time; `zone` is that of contacts who have told none.
    """
    counts, since = Counts(), now - LOOKS_BACK
    sent: defaultdict[str, list[datetime]] = defaultdict(list)
    messages = _messages(session, since, now, contact_id)
    for whose, at, purpose, lives, clicked in messages:
        sent[whose].insert(0, at)  # they come newest first
        if purpose == Purpose.MARKETING:
            hour = _hour(at, lives, zone)
            counts.sends[hour] += 1
            counts.clicks[hour] += bool(clicked)
    if len(messages) == ROWS_MAX:  # what older messages led to is not known
        since = messages[-1][1] + FOLLOWS_FOR
    for whose, at, lives in _events(session, since, now, contact_id):
        if not _follows(at, sent.get(whose, [])):
            counts.activity[_hour(at, lives, zone)] += 1
    return counts


def clicked_by_a_person() -> ColumnElement[bool]:
    """Say of a message that a person clicked in it, as far as anything shows by now."""
    return _clicks(Engagement.id).exists()


def first_click_at() -> ScalarSelect[datetime | None]:
    """Tell of a message when (wall time) a person first clicked in it; null: nobody has."""
    return _clicks(func.min(Engagement.at)).scalar_subquery()


def _clicks(asked: Any) -> Select[Any]:
    return select(asked).where(
        Engagement.message_id == Message.id,
        Engagement.kind == Kind.CLICK,
        Engagement.is_machine.is_(False),
        Engagement.settles_at.is_(None),
    )


def _hour(at: datetime, lives: _Lives, zone: str) -> int:
    return at.astimezone(ZoneInfo(zone_from(*lives, otherwise=zone).name)).hour


def _follows(at: datetime, sent: list[datetime]) -> bool:
    before = bisect_left(sent, at)
    return before > 0 and at - sent[before - 1] <= FOLLOWS_FOR


def _messages(
    session: Session, since: datetime, now: datetime, contact_id: str | None
) -> Sequence[tuple[str, datetime, str, _Lives, bool]]:
    query = (
        select(
            Message.contact_id,
            Message.sent_on,
            Message.purpose,
            clicked_by_a_person(),
            *_LIVES,
        )
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.state == MessageState.ACCEPTED)
        .where(Message.sent_on > since, Message.sent_on <= now)
        .order_by(Message.sent_on.desc())
        .limit(ROWS_MAX)
    )
    if contact_id is not None:
        query = query.where(Message.contact_id == contact_id)
    return [
        (whose, at, purpose, (timezone, by, country), is_clicked)
        for whose, at, purpose, is_clicked, timezone, by, country in session.execute(query)
        if at is not None
    ]


def _events(
    session: Session, since: datetime, now: datetime, contact_id: str | None
) -> Iterator[tuple[str, datetime, _Lives]]:
    query = (
        select(ContactEvent.contact_id, ContactEvent.occurred_at, *_LIVES)
        .join(Contact, Contact.id == ContactEvent.contact_id)
        .where(ContactEvent.name.in_(ACTIVITY))
        .where(ContactEvent.occurred_at > since, ContactEvent.occurred_at <= now)
    )
    if contact_id is not None:
        query = query.where(ContactEvent.contact_id == contact_id)
    else:
        newest = session.scalar(select(func.max(ContactEvent.id))) or 0
        query = query.where(ContactEvent.id > newest - ROWS_MAX)
    for whose, at, timezone, by, country in session.execute(query):
        if whose is not None:
            yield whose, at, (timezone, by, country)
