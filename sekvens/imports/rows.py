"""Rows of a text file with a header, each with the line it begins on.

Bytes that are no text of the file's encoding reject their row, not the file.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Final

from sekvens.imports.outcome import Rejected, UnreadableFile

#: What may stand between columns: commas, what a Swedish Excel writes, and tabs.
DELIMITERS: Final = ",;\t"
#: Columns of one file, more than anybody's export has.
COLUMNS_MAX: Final = 1_000
_NO_HEADER: Final = "line 1 is no header: the names of the columns must stand there"
_UNDECODED: Final = "\ufffd"
_ENCODINGS: Final = (
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
)
_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"', re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: what stands under each name of the header. Names are written `like_this`."""

    line: int
    values: Mapping[str, Sequence[str]]

    def get(self, *names: str) -> str:
        """Tell the first value that is not empty under any of the names, in their order."""
        return next((value for name in names for value in self.values.get(name, ()) if value), "")


@contextmanager
def opened_text(file: BinaryIO, encoding: str | None = None) -> Iterator[io.TextIOWrapper]:
    """Read a binary file as text; the file stays open.

    Without an encoding it is UTF-16 where the file says so, else UTF-8.
    """
    buffered = io.BufferedReader(file)  # type: ignore[type-var]
    if encoding is None:
        head = buffered.peek(4)
        encoding = next((name for mark, name in _ENCODINGS if head.startswith(mark)), "utf-8")
    text = io.TextIOWrapper(buffered, encoding=encoding, errors="replace", newline="")
    try:
        yield text
    finally:
        text.detach()
        buffered.detach()


def read_rows(file: BinaryIO, *, encoding: str | None = None) -> Iterator[Row | Rejected]:
    """Read a file with quoted values (CSV), whichever delimiter its header uses.

    Args:
        file: The file, opened in binary mode.
        encoding: The file's; without one, what its first bytes say, else UTF-8.

    Raises:
        UnreadableFile: it has no header, or a quoted value has no end.
    """
    with opened_text(file, encoding) as text:
        lines = iter(text)
        header, delimiter = _header(next(lines, ""))
        records = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            began = records.line_num + 2
            try:
                record = next(records)
            except StopIteration:
                return
            except csv.Error as error:
                raise UnreadableFile(
                    f"the row that begins on line {began} cannot be read ({error}): "
                    "mend it and import the file again"
                ) from None
            if any(record):
                yield _row(header, record, began)


def read_header(file: BinaryIO, *, encoding: str | None = None) -> list[str]:
    """Read the names of a file's columns, as `Row` has them; then it is at its beginning again.

    Raises:
        UnreadableFile: it has no header.
    """
    with opened_text(file, encoding) as text:
        names, _ = _header(next(iter(text), ""))
    file.seek(0)
    return names


def read_unquoted_rows(file: BinaryIO) -> Iterator[Row | Rejected]:
    """Read a file whose rows are lines and whose values are separated by tabs (TSV).

    A value may begin with a quotation mark, as texts do; only one that is quoted as a whole is
    unquoted, and nothing reaches past its line.

    Raises:
        UnreadableFile: it has no header.
    """
    with opened_text(file) as text:
        lines = iter(text)
        header = _names(next(lines, "").rstrip("\r\n").split("\t"))
        for number, line in enumerate(lines, start=2):
            record = [_unquoted(value.strip()) for value in line.rstrip("\r\n").split("\t")]
            if any(record):
                yield _row(header, record, number)


def header_name(column: str) -> str:
    """Level a column's name: `Variant Compare At Price`, `g:image link` and `Body (HTML)`."""
    name = re.sub(r"^g:", "", column.strip().casefold())
    # Of `shipping(country:price)`, as Merchant Center writes it, the name counts.
    return re.sub(r"\W+", "_", name).strip("_")


def _header(line: str) -> tuple[list[str], str]:
    """Read the header and tell which delimiter it uses."""
    delimiter = max(DELIMITERS, key=line.count)
    try:
        return _names(next(csv.reader([line], delimiter=delimiter), [])), delimiter
    except csv.Error:
        raise UnreadableFile(_NO_HEADER) from None


def _names(columns: Sequence[str]) -> list[str]:
    names = [header_name(column) for column in columns]
    if not any(names) or len(names) > COLUMNS_MAX:
        raise UnreadableFile(_NO_HEADER)
    return names


def _row(header: Sequence[str], record: Sequence[str], line: int) -> Row | Rejected:
    if any(_UNDECODED in value for value in record):
        return Rejected(line=line, reason="it holds bytes that are no text: save it as UTF-8")
    if any(record[len(header) :]):
        return Rejected(line=line, reason="it has more columns than the header")
    values: dict[str, list[str]] = {}
    for name, value in zip(header, record, strict=False):
        values.setdefault(name, []).append(value.strip())
    return Row(line=line, values=values)


def _unquoted(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    return quoted[1].replace('""', '"') if quoted else value
