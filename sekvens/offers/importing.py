"""Codes for the pool: read from a file of the checkout's, or generated into one for it.

The same file twice changes nothing. A generated code stands in the file before it is in the pool,
so that no contact can be given one that the checkout was never handed.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.errors import SettingsError
from sekvens.imports.outcome import Imported, Rejected, UnreadableFile
from sekvens.imports.rows import DELIMITERS, Row, header_name, opened_text, read_rows
from sekvens.offers import codes
from sekvens.offers.patterns import is_writable, key_of, write_code
from sekvens.offers.tables import CodeSource, OfferCode

#: Codes of one transaction: a writer on SQLite keeps all others waiting.
BATCH: Final = 1000
#: A batch of which so few are new belongs to a pattern that is used up.
NEW_OF_BATCH_MIN: Final = 0.5

#: A code of the file, with its line.
Numbered = tuple[int, str]


def read_codes(file: BinaryIO, *, column: str | None = None) -> Iterator[Numbered | Rejected]:
    """Read the codes of a file: one a line, or the column of a CSV that has a header.

    Args:
        file: The file, at its beginning; it can be read twice.
        column: The header of the column; without it, `code` if the first line has it.

    Raises:
        UnreadableFile: it has no such column.
    """
    first = file.readline().decode("utf-8", errors="replace").strip().lstrip("\ufeff").casefold()
    file.seek(0)
    if column or first == "code" or any(delimiter in first for delimiter in DELIMITERS):
        numbered = _column(file, column or "code")
    else:
        numbered = _lines(file)
    seen: set[str] = set()
    for found in numbered:
        if isinstance(found, Rejected):
            yield found
            continue
        line, code = found
        if not is_writable(code):
            yield Rejected(line=line, reason="no code: not one word, or too long")
        elif key_of(code) in seen:
            yield Rejected(line=line, reason="a duplicate: it stands above in this file")
        else:
            seen.add(key_of(code))
            yield line, code


def import_codes(
    database: Database, found: Iterable[Numbered | Rejected], *, offer: str
) -> Imported:
    """Put codes into an offer's pool, some hundred in each transaction."""
    rows = added = unchanged = 0
    rejected: list[Rejected] = []
    iterator = iter(found)
    while batch := list(islice(iterator, BATCH)):
        rows += len(batch)
        rejected += [item for item in batch if isinstance(item, Rejected)]
        numbered = [item for item in batch if not isinstance(item, Rejected)]
        with database.write() as session:
            others = _others(session, numbered, offer)
            usable = [code for line, code in numbered if line not in others]
            new = len(codes.store(session, usable, offer=offer, source=CodeSource.POOL))
        rejected += [Rejected(line=line, reason="another offer has it") for line in others]
        added += new
        unchanged += len(usable) - new
    return Imported(
        rows=rows, added=added, changed=0, unchanged=unchanged, rejected=tuple(rejected)
    )


def generate_codes(
    database: Database, path: Path, *, offer: str, pattern: str, count: int
) -> Iterator[int]:
    """Generate codes into a new file, one a line, and into the pool; tell how many are there yet.

    Raises:
        SettingsError: the pattern has too few codes left.
        OSError: the file is there already, or cannot be written.
    """
    done = 0
    with path.open("x", encoding="utf-8") as file:
        while done < count:
            wanted = min(BATCH, count - done)
            with database.write() as session:
                made = codes.store(
                    session,
                    [write_code(pattern) for _ in range(wanted)],
                    offer=offer,
                    source=CodeSource.POOL,
                )
                if len(made) < wanted * NEW_OF_BATCH_MIN:
                    raise SettingsError(
                        f"the pattern {pattern!r} has too few codes left: {done} were generated; "
                        "give it more random characters"
                    )
                file.writelines(f"{code.code}\n" for code in made)
                file.flush()
                os.fsync(file.fileno())
            done += len(made)
            yield done


def _others(session: Session, numbered: list[Numbered], offer: str) -> list[int]:
    """List the lines whose code belongs to another offer already."""
    keys = {key_of(code): line for line, code in numbered}
    taken = session.scalars(
        select(OfferCode.key).where(OfferCode.key.in_(keys), OfferCode.offer != offer)
    )
    return sorted(keys[key] for key in taken)


def _lines(file: BinaryIO) -> Iterator[Numbered | Rejected]:
    with opened_text(file) as text:
        for line, code in enumerate(text, start=1):
            if code.strip():
                yield line, code.strip()


def _column(file: BinaryIO, column: str) -> Iterator[Numbered | Rejected]:
    name = header_name(column)
    for row in read_rows(file):
        if isinstance(row, Row):
            if name not in row.values:
                raise UnreadableFile(
                    f"the file has no column {column!r}: name the one that holds the codes "
                    "(--column)"
                )
            yield row.line, row.get(name).strip()
        else:
            yield row
