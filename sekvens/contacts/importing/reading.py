"""Rows of a file, read into what they say of contacts.

A row that cannot be used is rejected with its line and a reason that quotes nothing of it. A date
of consent that cannot be read rejects its row: evidence is not guessed at.
"""

import re
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from sekvens.contacts.importing.columns import Columns
from sekvens.contacts.importing.rows import (
    ContactRow,
    Found,
    RejectedRow,
    SuppressionRow,
    Word,
)
from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.events.parse import ID_LENGTH_MAX, OLDEST
from sekvens.imports.outcome import Rejected
from sekvens.imports.plain import seen_line
from sekvens.imports.rows import Row, read_header, read_rows
from sekvens.imports.values import instant_of
from sekvens.messages.addresses import usable

VALUE_LENGTH_MAX: Final = 1000
#: A clock in another zone, written without it; what is further ahead is a slip of the pen.
AHEAD_MAX: Final = timedelta(days=1)

_STATUSES: Final = {
    ConsentStatus.SUBSCRIBED: {"subscribed", "subscribe", "yes", "true", "1", "ja", "opted_in"},
    ConsentStatus.UNSUBSCRIBED: {"unsubscribed", "unsubscribe", "opted_out"},
    ConsentStatus.PENDING: {"pending", "unconfirmed"},
    ConsentStatus.NEVER_SUBSCRIBED: {
        *("", "never_subscribed", "not_subscribed", "nonsubscribed", "no", "false", "0", "nej"),
    },
}
_STATUS_BY_WORD: Final = {word: status for status, words in _STATUSES.items() for word in words}
_TRAITS: Final = ("first_name", "last_name", "locale", "timezone", "country")


class Unusable(Exception):
    """Leaves the reading of one row with the reason; becomes `RejectedRow` before it is seen."""


#: Reads one row; `now` is wall time.
RowReader = Callable[[Row, Columns, datetime], Iterable[Found]]


def read_file(
    file: BinaryIO, columns: Columns, reader: RowReader, *, encoding: str, now: datetime
) -> Generator[Found, None, None]:
    """Read a file's rows as a stream. `now` is wall time.

    Raises:
        UnreadableFile: it is no table of values with a header, or lacks a column.
    """
    columns.check(read_header(file, encoding=encoding))
    for row in read_rows(file, encoding=encoding):
        if isinstance(row, Rejected):
            yield row
            continue
        try:
            yield from list(reader(row, columns, now))
        except Unusable as unusable:
            cells = {name: " / ".join(filter(None, given)) for name, given in row.values.items()}
            yield RejectedRow(line=row.line, reason=str(unusable), cells=cells)


def read_contact(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read a contact of our own columns."""
    status = _STATUS_BY_WORD.get(_word(columns.get(row, "consent")))
    if status is None:
        raise Unusable("consent is none of subscribed, unsubscribed, pending, never_subscribed")
    word = Word(
        status=status,
        at=instant(columns.get(row, "consent_at"), "consent_at", now),
        evidence=evidence(
            source=columns.get(row, "consent_source"),
            wording=columns.get(row, "consent_wording"),
            ip=columns.get(row, "consent_ip"),
        ),
    )
    yield contact_of(row, columns, word, now)


def read_suppression(row: Row, columns: Columns, now: datetime) -> Iterator[Found]:
    """Read an address that must not be mailed, of our own columns."""
    given = _word(columns.get(row, "reason")) or SuppressionReason.MANUAL
    if given not in list(SuppressionReason):
        raise Unusable(f"reason is none of {', '.join(SuppressionReason)}")
    yield suppression_of(row, columns, SuppressionReason(given), now)


def contact_of(row: Row, columns: Columns, word: Word, now: datetime) -> ContactRow:
    """Make a contact of a row.

    Raises:
        Unusable: it has no address that SES would take, or an id as long as a page.
    """
    address = usable(columns.get(row, "email"))
    if address is None:
        raise Unusable("the address is missing, or none that a mail server would take")
    external_id = columns.get(row, "external_id")
    if len(external_id) > ID_LENGTH_MAX or "\0" in external_id:
        raise Unusable("external_id is too long to be one")
    traits = {name: columns.get(row, name) for name in _TRAITS} | columns.traits_of(row)
    return ContactRow(
        line=row.line,
        email=address,
        external_id=external_id or None,
        traits={
            name: seen_line(value)[:VALUE_LENGTH_MAX]
            for name, value in traits.items()
            if seen_line(value)
        },
        traits_at=_instant_or_none(columns.get(row, "updated_at"), now),
        word=word,
    )


def suppression_of(
    row: Row, columns: Columns, reason: SuppressionReason, now: datetime, *, at: str = "at"
) -> SuppressionRow:
    """Make a suppression of a row.

    An address that no mail server would take may be suppressed: somebody may mend it.

    Raises:
        Unusable: it has nothing like an address.
    """
    address = seen_line(columns.get(row, "email"))
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise Unusable("the address is missing")
    return SuppressionRow(
        line=row.line,
        email=address,
        reason=reason,
        at=_instant_or_none(columns.get(row, at), now),
    )


def instant(text: str, what: str, now: datetime) -> datetime | None:
    """Read a date that is evidence; nothing is None.

    Raises:
        Unusable: it is no date, or one that cannot be.
    """
    if not text:
        return None
    at = instant_of(text)
    if at is None or not OLDEST <= at <= now + AHEAD_MAX:
        raise Unusable(f"{what} is no date such as 2026-11-30T12:00:00Z, or one that cannot be")
    return min(at, now.astimezone(UTC))


def evidence(**given: str) -> dict[str, str]:
    """Keep what there is of evidence, each on one line."""
    levelled = {name: seen_line(text)[:VALUE_LENGTH_MAX] for name, text in given.items()}
    return {name: text for name, text in levelled.items() if text}


def _instant_or_none(text: str, now: datetime) -> datetime | None:
    try:
        return instant(text, "", now)
    except Unusable:
        return None


def _word(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text.strip().casefold()).strip("_")
