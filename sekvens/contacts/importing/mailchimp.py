"""Mailchimp's export of an audience: a file each for subscribed, unsubscribed, cleaned and others.

Which of them a row stands in is its consent. Times are in UTC. `OPTIN_TIME` and `OPTIN_IP` say when
and from where somebody asked, `CONFIRM_TIME` and `CONFIRM_IP` when they confirmed it.

Columns and files: mailchimp.com/help/view-export-contacts; sections of an audience:
mailchimp.com/help/about-your-contacts. Before 2023 the files were called `…_members_export_…`.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final

from sekvens.contacts.importing.columns import Columns
from sekvens.contacts.importing.reading import contact_of, evidence, instant, suppression_of
from sekvens.contacts.importing.rows import Found, Word
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.imports.rows import Row

#: What a source begins with that came from there; a webhook that belongs to it is told nothing.
MAILCHIMP: Final = "mailchimp"

_NAME: Final = re.compile(
    r"(subscribed|unsubscribed|cleaned|nonsubscribed)_(?:email_audience|members)_export_?(\w*)\.csv"
)


class Section(StrEnum):
    """A part of an audience, in the order in which they are imported."""

    CLEANED = "cleaned"  #: addresses that bounced
    UNSUBSCRIBED = "unsubscribed"
    SUBSCRIBED = "subscribed"
    NONSUBSCRIBED = "nonsubscribed"  #: customers who were never asked, or said no


def section_of(name: str) -> tuple[Section, str] | None:
    """Tell the section that a file is of, and the export, by the file's name."""
    found = _NAME.fullmatch(name.rpartition("/")[2].casefold())
    return (Section(found[1]), found[2]) if found else None


def read_cleaned(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read an address that bounced."""
    yield suppression_of(row, columns, SuppressionReason.BOUNCE, now, at="cleaned_at")


def read_unsubscribed(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read somebody who took consent back."""
    said = [columns.get(row, name) for name in ("unsubscribed_for", "unsubscribed_for_other")]
    word = Word(
        status=ConsentStatus.UNSUBSCRIBED,
        at=instant(columns.get(row, "unsubscribed_at"), "UNSUB_TIME", now),
        evidence=evidence(source=MAILCHIMP, reason=": ".join(filter(None, said))),
    )
    yield contact_of(row, columns, word, now)


def read_subscribed(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read somebody who agreed; a confirmation counts before the request that it confirms."""
    requested, confirmed = columns.get(row, "requested_at"), columns.get(row, "confirmed_at")
    word = Word(
        status=ConsentStatus.SUBSCRIBED,
        at=instant(confirmed or requested, "CONFIRM_TIME or OPTIN_TIME", now),
        evidence=evidence(
            source=MAILCHIMP,
            requested_at=requested,
            confirmed_at=confirmed,
            ip=columns.get(row, "confirmed_ip") or columns.get(row, "requested_ip"),
        ),
    )
    yield contact_of(row, columns, word, now)


def read_nonsubscribed(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read a customer whom Mailchimp may not send marketing to."""
    yield contact_of(row, columns, Word(evidence={"source": MAILCHIMP}), now)
