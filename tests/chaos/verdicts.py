"""What the suites found, cell by cell: lines of a file and a table of them.

A verdict is one line, written whole or not at all, so that many workers of pytest share one file.
`record` it before the assertions: what a red test has measured is what one wants to read.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

#: The folder of the proof, whose `verdicts.jsonl` outlives the run.
PROOF = "SEKVENS_PROOF"
#: The file of the run under way, whether anybody wants a proof or not; workers inherit it.
THIS_RUN = "SEKVENS_VERDICTS_OF_THIS_RUN"
#: Tests write no verdict that says they are red: pytest knows it, and says so under this name.
RED_TEST = "red test"
#: Columns of their own; everything else that a verdict says stands in the third.
NAMED = ("suite", "cell", "seed", "test", "at")

Row = dict[str, Any]


def record(suite: str, cell: str, *, seed: int | None = None, **facts: object) -> None:
    """Write down what a cell of a suite has shown, as numbers and short words.

    `facts` are whatever JSON can hold: `sends=40, duplicates=0, lost=0, silent=0, p99_ms=31.5`.
    Nothing is judged here: that is the test's work, and a red test makes its rows red.
    """
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    row = {"suite": suite, "cell": cell, "seed": seed, **facts, "test": test}
    line = json.dumps({**row, "at": datetime.now(UTC).isoformat(timespec="seconds")}, default=str)
    files = [Path(os.environ[PROOF]) / "verdicts.jsonl"] if os.environ.get(PROOF) else []
    files += [Path(os.environ[THIS_RUN])] if os.environ.get(THIS_RUN) else []
    for file in files:
        _append(file, line)


def read(file: Path) -> list[Row]:
    """Give the verdicts of a file in the order in which they were written; none, no verdicts."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def is_red(row: Row, among: Iterable[Row]) -> bool:
    """Say whether the test that wrote this verdict came out red."""
    return any(other["suite"] == RED_TEST and other["cell"] == row["test"] for other in among)


def told(row: Row) -> str:
    """Say in a line what a verdict found."""
    facts = {name: value for name, value in row.items() if name not in NAMED}
    said = [f"{name} {_short(value)}".replace("_", " ") for name, value in facts.items()]
    return ", ".join(said + ([f"seed {row['seed']}"] if row["seed"] is not None else []))


def table(rows: Sequence[Row]) -> list[str]:
    """Lay the verdicts out in three columns, suite by suite, red ones marked."""
    cells = [
        (row["suite"], row["cell"], ("RED: " if is_red(row, rows) else "") + told(row))
        for row in sorted(rows, key=lambda row: str(row["suite"]))
    ]
    wide = [max((len(cell[column]) for cell in cells), default=0) for column in (0, 1)]
    return [f"{suite:<{wide[0]}}  {cell:<{wide[1]}}  {said}" for suite, cell, said in cells]


def main(arguments: Sequence[str]) -> int:
    """Print the table of a file of verdicts; 1 if one of them is red."""
    if len(arguments) != 1:
        sys.stderr.write("Say which file: python -m tests.chaos.verdicts FILE\n")
        return 2
    rows = read(Path(arguments[0]))
    sys.stdout.write("".join(f"{line}\n" for line in table(rows) or ["No verdicts."]))
    return int(any(row["suite"] == RED_TEST for row in rows))


# Hooks of pytest, imported by tests/conftest.py. The process that starts the workers keeps the
# file; workers run the same hooks, and only write.


def pytest_configure(config: pytest.Config) -> None:
    if not _is_worker(config):
        handle, name = tempfile.mkstemp(prefix="verdicts-", suffix=".jsonl")
        os.close(handle)
        os.environ[THIS_RUN] = name


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if _is_worker(config):
        return
    file = Path(os.environ.pop(THIS_RUN))
    rows, red = read(file), _red_tests(terminalreporter)
    file.unlink()
    if rows or os.environ.get(PROOF):
        for test in red:
            record(RED_TEST, test)
    if rows:
        terminalreporter.section("verdicts")
        rows += [{"suite": RED_TEST, "cell": test, "seed": None, "test": ""} for test in red]
        for line in table(rows):
            terminalreporter.write_line(line)


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def _red_tests(reporter: pytest.TerminalReporter) -> list[str]:
    reports = [*reporter.stats.get("failed", []), *reporter.stats.get("error", [])]
    return sorted({report.nodeid for report in reports})


def _append(file: Path, line: str) -> None:
    """Add a line with one call: the kernel puts appends one behind the other."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, f"{line}\n".encode())
    finally:
        os.close(handle)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
