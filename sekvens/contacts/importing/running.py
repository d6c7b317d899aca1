"""The import of a file: in batches, each of them whole or not at all, on where the last stopped.

A batch and its checkpoint are one transaction. A rejected row is counted in the same one; what
stood in it goes into a file that nobody but its owner may read.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from contextlib import suppress as ignored
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Final, Self, TextIO

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.contacts.importing.parts import SUPPRESSIONS_LAST_FOR, Part
from sekvens.contacts.importing.rows import ContactRow, Found, RejectedRow, SuppressionRow
from sekvens.contacts.importing.taking_over import Terms, take_over, take_suppressions
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.events.barrier import wait_for_senders
from sekvens.imports import checkpoint
from sekvens.imports.outcome import Rejected

#: Rows of one transaction: on SQLite it keeps every other writer waiting.
BATCH: Final = 200
#: Another process may make the same contact at the same moment; whoever loses does it again.
RACES_MAX: Final = 5


class SuppressionsMissing(SekvensError):
    """Profiles would be imported before those who must not be mailed."""


class _Undone(Exception):
    """Ends a dry run's transaction."""


@dataclass(kw_only=True)
class PartOutcome:
    """What became of one part; what an earlier import of it did is not counted again."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    rejected: list[Rejected] = field(default_factory=list)
    rows: int = 0
    begun_at_line: int = 0  #: more than 0: it went on where an earlier import stopped
    was_done: bool = False  #: it had been imported before, whole


@dataclass(frozen=True, kw_only=True)
class Run:
    """How parts are imported."""

    database: Database
    clock: Clock
    terms: Terms
    dry: bool = False  #: say what would happen, and change nothing
    rejects: "RejectsFile | None" = None


def import_part(
    part: Part,
    run: Run,
    *,
    on_read: Callable[[int], None] = lambda _: None,
    without_suppressions: bool = False,
) -> PartOutcome:
    """Import a part.

    Args:
        part: What is to be imported.
        run: How.
        on_read: Hears after each batch how many bytes have been read.
        without_suppressions: Its export has none, so none need be there.

    Raises:
        SuppressionsMissing: the suppressions of the same export are not in.
        UnreadableFile: it is broken; what stands before that place has been taken over.
    """
    outcome = PartOutcome(name=part.name)
    with run.database.read() as session:
        before = checkpoint.find(session, part.mark)
        if before is not None and before.finished_at is not None:
            outcome.was_done = True
            return outcome
        if not without_suppressions:
            _check_suppressions(session, part, run)
    outcome.begun_at_line = before.line_done if before is not None else 0
    with part.opened() as file, closing(part.read(file, run.terms.now)) as found:
        for batch in _batches(found):
            _take(batch, part, run, outcome)
            outcome.rows += len({one.line for one in batch})
            on_read(file.tell())
    if not run.dry:
        _finish(part, run)
    return outcome


def _batches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """Cut a file into batches; what one row says is never divided between two."""
    rows = (list(some) for _, some in groupby(found, key=lambda one: one.line))
    while batch := [one for some in islice(rows, BATCH) for one in some]:
        yield batch


def _check_suppressions(session: Session, part: Part, run: Run) -> None:
    if not part.needs:
        return
    there = checkpoint.finished_kinds(
        session,
        tool=part.mark.tool,
        export=part.mark.export,
        within=SUPPRESSIONS_LAST_FOR,
        now=run.terms.now,
    )
    missing = sorted(part.needs - set(there))
    if missing:
        raise SuppressionsMissing(
            f"{part.name} is not imported before its suppressions ({', '.join(missing)}), or "
            "somebody might be mailed who must not be: import those of the same export first "
            "(--suppressions FILE for Klaviyo, the whole ZIP of Mailchimp), or say "
            "--no-suppressions if there are none"
        )


def _take(batch: list[Found], part: Part, run: Run, outcome: PartOutcome) -> None:
    rejected = [one for one in batch if isinstance(one, Rejected)]
    outcome.rejected += rejected
    if run.rejects is not None:
        run.rejects.write(part.name, rejected)
    new = [one for one in batch if one.line > outcome.begun_at_line]
    if not new:
        return
    counts, concerned = _store_again(new, part, run)
    outcome.counts += counts
    if concerned:
        wait_for_senders(run.database, concerned, clock=run.clock)


def _store_again(batch: list[Found], part: Part, run: Run) -> tuple[Counter[str], frozenset[str]]:
    """Store a batch, again if another process made one of its contacts meanwhile."""
    for race in range(1, RACES_MAX + 1):
        try:
            return _store(batch, part, run)
        except IntegrityError:
            if race == RACES_MAX:
                raise
    raise AssertionError("the last race was either won or raised")


def _store(batch: list[Found], part: Part, run: Run) -> tuple[Counter[str], frozenset[str]]:
    counts: Counter[str] = Counter()
    concerned: frozenset[str] = frozenset()
    # A dry run does all of it, and takes it back: nobody could foretell it better.
    with ignored(_Undone), run.database.write() as session:
        suppressions = [one for one in batch if isinstance(one, SuppressionRow)]
        contacts = [one for one in batch if isinstance(one, ContactRow)]
        counts["rejected"] = sum(isinstance(one, Rejected) for one in batch)
        if suppressions:
            taken = take_suppressions(session, suppressions, run.terms)
            counts, concerned = counts + taken.counts, taken.contact_ids
        if contacts:
            taken = take_over(session, contacts, run.terms)
            counts, concerned = counts + taken.counts, concerned | taken.contact_ids
        if run.dry:
            raise _Undone
        line, now = batch[-1].line, run.clock.now()
        checkpoint.advance(session, part.mark, line=line, counts=counts, now=now)
    return counts, frozenset() if run.dry else concerned


def _finish(part: Part, run: Run) -> None:
    with run.database.write() as session:
        checkpoint.advance(
            session, part.mark, line=0, counts=Counter(), now=run.clock.now(), finished=True
        )


class RejectsFile:
    """Where rejected rows are written, with what stood in them; made when there is one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def is_used(self) -> bool:
        """Tell whether anything was written."""
        return self._file is not None

    def write(self, name: str, rejected: list[Rejected]) -> None:
        """Write rows; what they hold is for the owner of the file alone."""
        if not rejected:
            return
        if self._file is None:
            number = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._file = os.fdopen(number, "w", encoding="utf-8", newline="")
            csv.writer(self._file).writerow(["file", "line", "reason", "row"])
        csv.writer(self._file).writerows(self._rows(name, rejected))

    @staticmethod
    def _rows(name: str, rejected: list[Rejected]) -> Iterator[list[str]]:
        for one in rejected:
            cells = one.cells if isinstance(one, RejectedRow) else {}
            row = json.dumps(dict(cells), ensure_ascii=False) if cells else ""
            yield [name, str(one.line), one.reason, row]
