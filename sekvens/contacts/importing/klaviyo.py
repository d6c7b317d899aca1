"""Klaviyo's exports: profiles, and suppressed profiles.

A profile is subscribed where Klaviyo says so with a time; what Klaviyo suppresses for marketing is
suppressed, but for the unsubscribed, who still get the mail about their orders.

Columns: help.klaviyo.com/hc/en-us/articles/115005078687 (export of a list or segment) and
/115005246108 (suppressed profiles); reasons: `EmailMarketingSuppression` of
developers.klaviyo.com/en/reference/get_profiles.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sekvens.contacts.importing.columns import Columns
from sekvens.contacts.importing.reading import contact_of, evidence, instant, suppression_of
from sekvens.contacts.importing.rows import Found, Word
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.imports.rows import Row

#: What a source begins with that came from there; a webhook that belongs to it is told nothing.
KLAVIYO: Final = "klaviyo"

#: Of several reasons the first of these counts. `Bounced`, `Marked as spam` and the like are what
#: the page of suppressed profiles shows, capitals what the API says.
_REASONS: Final = (
    (re.compile(r"spam|complain", re.IGNORECASE), SuppressionReason.COMPLAINT),
    (re.compile(r"bounce", re.IGNORECASE), SuppressionReason.BOUNCE),
    (re.compile(r"invalid", re.IGNORECASE), SuppressionReason.INVALID),
)
_UNSUBSCRIBED: Final = re.compile(r"unsubscrib", re.IGNORECASE)
_NOTHING: Final = frozenset({"", "[]", "{}", "no", "false", "none", "null", "0"})
_STATUSES: Final = {
    "subscribed": ConsentStatus.SUBSCRIBED,
    "subscribe": ConsentStatus.SUBSCRIBED,
    "unsubscribed": ConsentStatus.UNSUBSCRIBED,
    "pending": ConsentStatus.PENDING,
}


def read_profile(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read a profile; one that is suppressed is a suppression, too."""
    suppressed = columns.get(row, "suppressions")
    if suppressed.casefold() not in _NOTHING:
        yield from _suppressed(row, columns, suppressed, now)
    given = columns.get(row, "consent").casefold()
    source = columns.get(row, "consent_source")
    word = Word(
        status=_STATUSES.get(given, ConsentStatus.NEVER_SUBSCRIBED),
        at=instant(columns.get(row, "consent_at"), "the time of consent", now),
        evidence=evidence(source=_source(source), ip=columns.get(row, "consent_ip")),
    )
    yield contact_of(row, columns, word, now)


def read_suppressed(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read a row of the suppressed profiles."""
    yield from _suppressed(row, columns, columns.get(row, "reason"), now)


def _suppressed(row: Row, columns: Columns, reasons: str, now: datetime) -> Iterator[Found]:
    because = next((reason for said, reason in _REASONS if said.search(reasons)), None)
    if because is None and _UNSUBSCRIBED.search(reasons):
        at = instant(columns.get(row, "at"), "the time of the suppression", now)
        word = Word(status=ConsentStatus.UNSUBSCRIBED, at=at, evidence={"source": KLAVIYO})
        yield contact_of(row, columns, word, now)
        return
    yield suppression_of(row, columns, because or SuppressionReason.MANUAL, now)


def _source(given: str) -> str:
    return f"{KLAVIYO}: {given}" if given else KLAVIYO
