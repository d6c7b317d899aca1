"""Answers to the questions of when, in memory: days of the contact's own, and times of day."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from sekvens.flows.commands import NextDate
from sekvens.flows.steps import AnniversaryOf, DateOf, OfferEnd
from sekvens.segments.memory import Facts
from sekvens.send_time.dates import last_day_at, next_return_at


def next_date(
    question: NextDate,
    facts: Facts,
    *,
    entry_key: str | None,
    offer_ends: Callable[[str], datetime | None],
) -> datetime | None:
    """Tell when a date of the contact's next comes, in UTC; None if it is not known.

    `offer_ends` tells when an offer, as it was made to the contact, ends.
    """
    asked, zone = question.date, facts.zone
    match asked:
        case DateOf():
            told: object = facts.traits.get(asked.trait)
        case AnniversaryOf():
            days = [
                event.occurred_at.astimezone(ZoneInfo(zone)).date()
                for event in facts.named(asked.pattern.name)
                if asked.pattern.matches(event.name, event.properties, entry_key=entry_key)
            ]
            told = min(days, default=None)
        case OfferEnd():
            ends = offer_ends(asked.offer)
            if ends is None:
                return None
            return last_day_at(ends, asked.at, days_before=asked.days_before, zone=zone)
    return next_return_at(told, asked.at, not_before=question.not_before, zone=zone)
