"""How commands read a file: with progress, and with a summary of what was rejected."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sekvens.commands.tables import make_console, make_table
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.imports.outcome import Imported


class NothingToImport(SekvensError):
    """A file has no row that can be used."""


@contextmanager
def opened_with_progress(path: Path) -> "Iterator[BinaryIO]":
    """Open a file; on a terminal a bar shows how much of it has been read."""
    from rich.progress import Progress

    console = make_console()
    with (
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        progress.open(path, "rb", description="Importing", total=path.stat().st_size) as file,
    ):
        yield file


def print_outcome(imported: "Imported", *, what: str) -> None:
    """Say what an import did, and which rows were rejected for what.

    Raises:
        NothingToImport: no row could be used; probably it is not the file that was meant.
    """
    from sekvens.imports.outcome import by_reason

    console = make_console()
    console.print(
        f"{_rows(imported.rows)}: {imported.added} {what} added, {imported.changed} changed, "
        f"{imported.unchanged} as they were; {_rows(imported.rows_rejected)} rejected"
    )
    if imported.rejected:
        table = make_table("rows", "why they were rejected", "on lines", title="Rejected")
        for reason, rows, lines in by_reason(imported.rejected):
            table.add_row(str(rows), reason, lines)
        console.print(table)
    if imported.rows == imported.rows_rejected:
        raise NothingToImport(
            f"no row of the file could be used, and no {what} are imported: is it the right file?"
        )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
