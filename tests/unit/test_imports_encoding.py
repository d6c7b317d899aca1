"""Files out of anything: whatever their encoding and delimiter, every row is read or rejected."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekvens.contacts.importing.columns import KLAVIYO_COLUMNS, MAILCHIMP_COLUMNS, OUR_COLUMNS
from sekvens.contacts.importing.klaviyo import read_profile, read_suppressed
from sekvens.contacts.importing.mailchimp import read_subscribed, read_unsubscribed
from sekvens.contacts.importing.reading import read_contact, read_file, read_suppression
from sekvens.contacts.importing.rows import ContactRow, SuppressionRow
from sekvens.imports.encoding import detect_encoding
from sekvens.imports.outcome import Rejected, UnreadableFile
from sekvens.imports.rows import Row, read_rows
from tests.unit.ingesting import NOON

READERS = [
    (read_contact, OUR_COLUMNS),
    (read_suppression, OUR_COLUMNS),
    (read_profile, KLAVIYO_COLUMNS),
    (read_suppressed, KLAVIYO_COLUMNS),
    (read_subscribed, MAILCHIMP_COLUMNS),
    (read_unsubscribed, MAILCHIMP_COLUMNS),
]
#: Letters that all of the encodings have.
TEXT = st.text(st.sampled_from('abc ÅÄÖåäöéß€;,\t"\n|@.'), max_size=12)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"]
)
def test_an_encoding_is_told_by_the_bytes(encoding: str) -> None:
    file = io.BytesIO("email;namn\nelsa@example.com;Åsa Öberg\n".encode(encoding))

    (row,) = read_rows(file, encoding=detect_encoding(file))

    assert isinstance(row, Row)
    assert row.get("namn") == "Åsa Öberg"


def test_a_bad_byte_rejects_its_row_and_not_the_files_encoding() -> None:
    content = "email,name\n" + "a@b.se,Åsa Öberg\n" * 3
    file = io.BytesIO(content.encode() + b"c@d.se,\xff\n")
    rows = list(read_rows(file, encoding=detect_encoding(file)))

    assert [isinstance(row, Row) for row in rows] == [True, True, True, False]


@settings(max_examples=150)
@given(
    rows=st.lists(st.lists(TEXT, min_size=3, max_size=3), max_size=8),
    delimiter=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_was_written_is_what_is_read(
    rows: Sequence[Sequence[str]], delimiter: str, encoding: str, end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows([["email", "förnamn", "size"], *rows])
    file = io.BytesIO(text.getvalue().encode(encoding))
    found = list(read_rows(file, encoding=detect_encoding(file)))

    written = [[value.strip() for value in row] for row in rows if any(row)]
    names = ("email", "förnamn", "size")
    read = [[row.values[name][0] for name in names] for row in found if isinstance(row, Row)]
    assert read == written


@settings(max_examples=300)
@given(content=st.binary(max_size=400), number=st.integers(0, len(READERS) - 1))
@example(content=b"", number=0)
def test_no_bytes_break_a_reader(content: bytes, number: int) -> None:
    reader, columns = READERS[number]
    file = io.BytesIO(b"email,consent,consent_at,first_name,external_id\n" + content)
    encoding = detect_encoding(file)
    try:
        found = list(read_file(file, columns, reader, encoding=encoding, now=NOON))
    except UnreadableFile:
        return

    assert all(isinstance(one, ContactRow | SuppressionRow | Rejected) for one in found)


@settings(max_examples=200)
@given(cells=st.lists(st.text(max_size=20), min_size=5, max_size=5), number=st.integers(0, 5))
def test_no_values_break_a_reader_and_no_reason_quotes_them(
    cells: Sequence[str], number: int
) -> None:
    reader, columns = READERS[number]
    text = io.StringIO()
    names = ["email", "consent", "consent_at", "first_name", "reason"]
    csv.writer(text).writerows([names, [f"x{cells[0]}", *cells[1:]]])
    file = io.BytesIO(text.getvalue().encode("utf-8", "replace"))
    encoding = detect_encoding(file)
    try:
        found = list(read_file(file, columns, reader, encoding=encoding, now=NOON))
    except UnreadableFile:
        return

    reasons = [one.reason for one in found if isinstance(one, Rejected)]
    assert len(found) <= 2
    assert not any(len(cell) > 6 and cell in reason for cell in cells for reason in reasons)
