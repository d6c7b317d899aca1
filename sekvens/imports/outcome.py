"""What became of a file's rows. Every row is accepted or rejected, and none is forgotten.

A reason never quotes the row: a file may hold anything, people's names and addresses among it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sekvens.errors import SekvensError

#: So many lines are named for one reason; the rest are counted.
LINES_NAMED = 10


class UnreadableFile(SekvensError):
    """A file cannot be read to its end: it is broken, or not of a format that we know."""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """A row, or rows that belong together, that cannot be used. Lines count from 1."""

    line: int
    reason: str
    rows: int = 1


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import did. `rows` is accepted and rejected together."""

    rows: int
    added: int
    changed: int
    unchanged: int
    rejected: tuple[Rejected, ...]

    @property
    def rows_rejected(self) -> int:
        """How many rows were not used."""
        return sum(rejected.rows for rejected in self.rejected)


def by_reason(rejected: Iterable[Rejected]) -> list[tuple[str, int, str]]:
    """Sum up what was rejected: reason, number of rows, and the lines, the commonest first."""
    grouped: dict[str, list[Rejected]] = {}
    for one in rejected:
        grouped.setdefault(one.reason, []).append(one)
    summed = [
        (reason, sum(one.rows for one in some), _lines([one.line for one in some]))
        for reason, some in grouped.items()
    ]
    return sorted(summed, key=lambda row: (-row[1], row[0]))


def _lines(lines: list[int]) -> str:
    named = ", ".join(str(line) for line in sorted(lines)[:LINES_NAMED])
    return f"{named} …" if len(lines) > LINES_NAMED else named
