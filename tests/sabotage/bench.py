"""Runs tests in a copy of the tree, with one protection of the product removed, and judges them.

The tree itself is never touched. A sabotage counts as found only when each of its tests ran and
failed, and failed as it should: an ImportError shows that a text was replaced badly, no more.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from tests.sabotage.sabotages import Change, Sabotage

ROOT = Path(__file__).parents[2]
#: What is no part of the tree, or costs time to copy and is never asked for.
LEFT_OUT = (".venv", ".git", "var", ".hypothesis", ".*_cache", ".ci", "histories")
#: Ends a run that hangs; pytest has ended the test that does long before, unless it cannot.
SECONDS_MAX = 400
#: What tells of the process that runs the tests, and must not reach those in the copy.
OURS = re.compile(r"PYTEST_|SEKVENS_|CHAOS|SEED")
#: How pytest begins to tell of an assertion, or of an error that was expected and did not come.
ASSERTED = re.compile(r"assert |AssertionError|Failed: (?!Timeout)")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What pytest said: its exit code, and each test that failed, with the error it failed with."""

    exit_code: int
    passed: frozenset[str]
    failed: dict[str, str]
    errors: int
    said: str

    def is_green(self, tests: Collection[str]) -> bool:
        """Tell whether all of these tests, and nothing else, ran and passed."""
        return self.exit_code == 0 and self.passed == {_name(test) for test in tests}

    def is_red_for(self, sabotage: Sabotage) -> bool:
        """Tell whether every test of a sabotage ran and failed as it should."""
        as_expected = [
            bool(ASSERTED.match(error) or (sabotage.error and sabotage.error in error))
            for error in self.failed.values()
        ]
        return (
            self.exit_code == 1
            and self.errors == 0
            and set(self.failed) == {_name(test) for test in sabotage.tests}
            and all(as_expected)
        )


def copied(folder: Path) -> Path:
    """Copy the tree, as it is now, to a new folder.

    Compiled modules come along, so that only what is changed is compiled again.
    """
    return Path(
        shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    )


def occurrences(change: Change, tree: Path = ROOT) -> int:
    """Count how often the text that a sabotage replaces stands in its file."""
    return (tree / change.file).read_text(encoding="utf-8").count(change.old)


def damage(tree: Path, changes: Sequence[Change]) -> None:
    """Replace the texts of a sabotage in a copy of the tree."""
    if tree.resolve() == ROOT:
        raise ValueError("a sabotage is done to a copy")
    for change in changes:
        if occurrences(change, tree) != 1:
            raise ValueError(f"{change.file} does not hold exactly once: {change.old}")
        file = tree / change.file
        text = file.read_text(encoding="utf-8").replace(change.old, change.new)
        compile(text, change.file, "exec")
        file.write_text(text, encoding="utf-8")


def run(tree: Path, tests: Sequence[str]) -> Outcome:
    """Run tests in a copy of the tree, in a process of its own, with this Python."""
    report = tree / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["--timeout=60", "--durations=0", f"--junitxml={report}", *tests]
    env = {name: value for name, value in os.environ.items() if not OURS.match(name)}
    done = subprocess.run(
        command, cwd=tree, env=env, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    return _read(report, done.returncode, done.stdout + done.stderr)


def _read(report: Path, exit_code: int, said: str) -> Outcome:
    cases = ET.parse(report).getroot().iter("testcase") if report.exists() else ()  # noqa: S314  our own
    passed, failed, errors = set(), {}, 0
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        failure = case.find("failure")
        if failure is not None:
            failed[name] = failure.get("message", "")
        elif case.find("error") is not None:
            errors += 1
        elif case.find("skipped") is None:
            passed.add(name)
    return Outcome(
        exit_code=exit_code, passed=frozenset(passed), failed=failed, errors=errors, said=said
    )


def _name(test: str) -> str:
    """Give a test the name that the report has for it."""
    file, _, function = test.partition("::")
    return f"{file.removesuffix('.py').replace('/', '.')}.{function}"
