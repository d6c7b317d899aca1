"""Days that only the facts know: a contact's birthday, an anniversary, the end of their offer."""

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.contacts.tables import Contact
from sekvens.contacts.zone import zone_of
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.flows.commands import NextDate
from sekvens.flows.steps import AnniversaryOf, DateOf, OfferEnd
from sekvens.offers.claims import end_of
from sekvens.send_time.dates import last_day_at, next_return_at
from sekvens.shop import Shop


def next_date(
    session: Session,
    question: NextDate,
    *,
    enrollment_id: str,
    contact_id: str,
    now: datetime,
    shop: Shop,
) -> datetime | None:
    """Tell when a date of a contact's next comes, in UTC; None if it is not known.

    `contact_id` is the canonical contact; `now` is shop time.
    """
    zone, asked = zone_of(session, contact_id, shop), question.date
    match asked:
        case DateOf():
            traits = session.scalar(select(Contact.traits).where(Contact.id == contact_id)) or {}
            told: object = traits.get(asked.trait)
        case AnniversaryOf():
            told = _first_day(session, asked, enrollment_id, contact_id, zone)
        case OfferEnd():
            ends = end_of(
                session,
                offer_name=asked.offer,
                contact_id=contact_id,
                enrollment_id=enrollment_id,
                now=now,
            )
            if ends is None:
                return None
            return last_day_at(ends, asked.at, days_before=asked.days_before, zone=zone)
        case _:
            assert_never(asked)
    return next_return_at(told, asked.at, not_before=question.not_before, zone=zone)


def _first_day(
    session: Session, asked: AnniversaryOf, enrollment_id: str, contact_id: str, zone: str
) -> str | None:
    query = select(ContactEvent.properties, ContactEvent.occurred_at).where(
        ContactEvent.contact_id.in_(known_as(session, [contact_id])[contact_id]),
        ContactEvent.name == asked.pattern.name,
    )
    entry_key = session.get_one(Enrollment, enrollment_id).entry_key
    days = [
        occurred_at.astimezone(ZoneInfo(zone)).date().isoformat()
        for properties, occurred_at in session.execute(query)
        if asked.pattern.matches(asked.pattern.name, properties, entry_key=entry_key)
    ]
    return min(days, default=None)
