"""What a file holds, part by part, suppressions first.

An export of Mailchimp is a ZIP with up to four files; whatever order they stand in, the bounced
and the unsubscribed are read before the subscribed. A file's digest is of its content and of the
terms on which it is read, so that another mapping is another import.
"""

import hashlib
import json
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from sekvens.contacts.importing import klaviyo, mailchimp
from sekvens.contacts.importing.columns import (
    KLAVIYO_COLUMNS,
    MAILCHIMP_COLUMNS,
    OUR_COLUMNS,
    Columns,
    mapped,
)
from sekvens.contacts.importing.mailchimp import Section
from sekvens.contacts.importing.reading import (
    RowReader,
    read_contact,
    read_file,
    read_suppression,
)
from sekvens.contacts.importing.rows import Found
from sekvens.errors import SekvensError
from sekvens.imports.checkpoint import FileMark
from sekvens.imports.encoding import PIECE, detect_encoding
from sekvens.imports.outcome import UnreadableFile

#: Suppressions that are older than this were exported for another occasion.
SUPPRESSIONS_LAST_FOR: Final = timedelta(days=7)


class Tool(StrEnum):
    """Where a file comes from."""

    CSV = "csv"  #: anything with our columns, or mapped to them
    KLAVIYO = "klaviyo"
    MAILCHIMP = "mailchimp"


class Kind(StrEnum):
    """What a file holds, where the tool does not say it by the file's name."""

    CONTACTS = "contacts"
    SUPPRESSIONS = "suppressions"


class UnknownSection(SekvensError):
    """A file of Mailchimp's does not say by its name which section of the audience it holds."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """One file's worth of rows."""

    name: str  #: for people: the file's
    path: Path
    member: str | None  #: inside a ZIP
    mark: FileMark
    columns: Columns
    reader: RowReader
    needs: frozenset[str] = frozenset()  #: kinds of the same export that must be imported before

    @contextmanager
    def opened(self) -> "Iterator[BinaryIO]":
        """Open it in binary mode; it can be sought."""
        with _opened(self.path, self.member) as file:
            yield file

    def size(self) -> int:
        """Tell how many bytes it holds, unpacked."""
        if self.member is None:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as archive:
            return archive.getinfo(self.member).file_size

    def read(self, file: BinaryIO, now: datetime) -> Generator[Found, None, None]:
        """Read the rows as a stream."""
        encoding = detect_encoding(file)
        return read_file(file, self.columns, self.reader, encoding=encoding, now=now)


_SECTIONS: Final[dict[Section, RowReader]] = {
    Section.CLEANED: mailchimp.read_cleaned,
    Section.UNSUBSCRIBED: mailchimp.read_unsubscribed,
    Section.SUBSCRIBED: mailchimp.read_subscribed,
    Section.NONSUBSCRIBED: mailchimp.read_nonsubscribed,
}
_FIRST: Final = frozenset({Section.CLEANED.value, Section.UNSUBSCRIBED.value})


def parts_of(
    path: Path, *, tool: Tool, kind: Kind, maps: Sequence[str] = (), terms: Sequence[str] = ()
) -> list[Part]:
    """List what is to be imported of a file, in order.

    On other `terms` the same file is another import.

    Raises:
        UnknownSection: a file of Mailchimp's has another name than it was exported under.
        UnknownField: `maps` name a field that there is not.
        UnreadableFile: it is a broken ZIP, or one without an export in it.
    """
    if tool is not Tool.MAILCHIMP or kind is Kind.SUPPRESSIONS:
        return [_part(path, tool=tool, kind=kind, maps=maps, terms=terms)]
    members: list[str | None] = [None]  # the file itself
    if zipfile.is_zipfile(path):
        members = [name for name in _names(path) if mailchimp.section_of(name)]
        if not members:
            raise UnreadableFile("the ZIP holds no export of an audience: subscribed_….csv")
    parts = [_section(path, member, maps, terms) for member in members]
    there = {part.mark.kind for part in parts}
    if len(parts) > 1:  # the whole export: what it lacks, there is none of
        parts = [replace(part, needs=part.needs & there) for part in parts]
    order = [section.value for section in Section]
    return sorted(parts, key=lambda part: order.index(part.mark.kind))


def _part(path: Path, *, tool: Tool, kind: Kind, maps: Sequence[str], terms: Sequence[str]) -> Part:
    columns = {Tool.CSV: OUR_COLUMNS, Tool.KLAVIYO: KLAVIYO_COLUMNS}.get(tool, OUR_COLUMNS)
    readers: dict[tuple[Tool, Kind], RowReader] = {
        (Tool.KLAVIYO, Kind.CONTACTS): klaviyo.read_profile,
        (Tool.KLAVIYO, Kind.SUPPRESSIONS): klaviyo.read_suppressed,
        (Tool.CSV, Kind.CONTACTS): read_contact,
    }
    needed = tool is Tool.KLAVIYO and kind is Kind.CONTACTS
    return Part(
        name=path.name,
        path=path,
        member=None,
        mark=FileMark(
            digest=_digest(path, None, [tool, kind, *maps, *terms]), tool=tool, kind=kind
        ),
        columns=mapped(columns, maps),
        reader=readers.get((tool, kind), read_suppression),
        needs=frozenset({Kind.SUPPRESSIONS.value}) if needed else frozenset(),
    )


def _section(path: Path, member: str | None, maps: Sequence[str], terms: Sequence[str]) -> Part:
    name = member or path.name
    found = mailchimp.section_of(name)
    if found is None:
        raise UnknownSection(
            f"{path.name} does not say which section of the audience it holds: keep the name it "
            "was exported under, such as subscribed_email_audience_export_1a2b3c.csv, or give "
            "the whole ZIP"
        )
    section, export = found
    return Part(
        name=name,
        path=path,
        member=member,
        mark=FileMark(
            digest=_digest(path, member, [Tool.MAILCHIMP, section, *maps, *terms]),
            tool=Tool.MAILCHIMP,
            kind=section,
            export=export,
        ),
        columns=mapped(MAILCHIMP_COLUMNS, maps),
        reader=_SECTIONS[section],
        needs=frozenset() if section.value in _FIRST else _FIRST,
    )


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


@contextmanager
def _opened(path: Path, member: str | None) -> Iterator[BinaryIO]:
    if member is None:
        with path.open("rb") as file:
            yield file
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as inside:
            yield cast("BinaryIO", inside)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnreadableFile(f"{path.name} cannot be unpacked: {type(error).__name__}") from error


def _digest(path: Path, member: str | None, terms: Sequence[str]) -> str:
    digest = hashlib.sha256(json.dumps(list(terms)).encode())
    with _opened(path, member) as file:
        for piece in iter(partial(cast("IO[bytes]", file).read, PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()
