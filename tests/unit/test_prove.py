"""A proof is green only if every part ran and was; its bundle says so in plain words."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests import proof, prove
from tests.chaos import verdicts
from tests.proof import Part, Ran

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

GREEN = '''"""Everything is kept, says this module.

And more of it.
"""
from tests.chaos.verdicts import record

def test_kept():
    record("matrix", "after_claim", seed=7, sends=2, duplicates=0, lost=0, p99_ms=12.5)

def test_kept_again():
    record("matrix", "after_claim", seed=8, sends=3, duplicates=0, lost=0, p99_ms=20.0)
'''
RED = """from tests.chaos.verdicts import record

def test_lost():
    record("races", "by purchase", lost=1)
    assert False
"""
NOTICED = """from tests.chaos.verdicts import record

def test_turns_red():
    record("sabotage", "no-claim", removed="the claim", noticed_by=["test_it"], verdict="noticed")
"""


def part(folder: Path, name: str, text: str) -> Part:
    """Write a part that is one file of tests; the plugin is what tests/conftest.py gives others."""
    file = folder / f"test_{name}.py"
    file.write_text(text, encoding="utf-8")
    return Part(name=name, says=f"says {name}", pytest=("-p", "tests.chaos.verdicts", str(file)))


def until(is_so: Callable[[], object]) -> None:
    """Wait until something is so, a minute at most."""
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_proof_is_green_when_every_part_is(tmp_path: Path) -> None:
    parts = [part(tmp_path, "kept", GREEN), part(tmp_path, "sabotage", NOTICED)]
    proven = prove.prove(parts, folder=tmp_path / "bundle", now=NOW)

    page = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert proven.is_green
    assert "# Proof of 2026-03-04 12:00 UTC\n\n**Green:** every part ran" in page
    assert "| after_claim | 2 | 5 | 0 | 0 | p99 ms 12.5 to 20 | green |" in page
    assert "| the claim | `test_it` | noticed |" in page
    assert all(f"| {name} |" in page for name in ("Sekvens", "Python", "SQLite", "PostgreSQL"))
    rows = verdicts.read(tmp_path / "bundle" / "verdicts.jsonl")
    assert [row["seed"] for row in rows] == [7, 8, None]
    names = {file.name for file in (tmp_path / "bundle").iterdir()}
    assert names >= {"kept.log", "kept.xml", "sabotage.log", "sabotage.xml"}


def test_one_red_test_makes_the_proof_red_and_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = (part(tmp_path, "kept", GREEN), part(tmp_path, "lost", RED))
    monkeypatch.setattr(prove, "PARTS", parts)

    assert prove.main([str(tmp_path / "bundle")]) == 1
    page = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "**RED:** lost failed." in page
    assert "test_lost.py::test_lost`" in page
    assert "| by purchase | 1 | 1 | | **RED** |" in page.replace("|  |", "| |")
    assert "lost       RED: 0 passed, 1 failed" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "import nothing_of_this_name"])
def test_a_part_that_runs_no_test_is_red(tmp_path: Path, text: str) -> None:
    proven = prove.prove([part(tmp_path, "empty", text)], folder=tmp_path / "bundle", now=NOW)

    assert not proven.is_green
    assert "pytest did not run to its end" in proven.parts[0].said()


def test_a_part_that_hangs_is_ended_and_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "SECONDS_MAX", 5)
    text = "import time\n\ndef test_hangs():\n    time.sleep(600)\n"
    proven = prove.prove([part(tmp_path, "hangs", text)], folder=tmp_path / "bundle", now=NOW)

    assert "RED" in proven.parts[0].said()
    assert "it took too long and was ended" in proven.parts[0].said()


def test_who_ends_a_proof_ends_its_tests(tmp_path: Path) -> None:
    told = tmp_path / "process"
    text = f"import os, pathlib, time\n\ndef test_hangs():\n    pathlib.Path({str(told)!r})"
    hangs = part(tmp_path, "hangs", f"{text}.write_text(str(os.getpid()))\n    time.sleep(600)\n")
    program = (
        "from tests import prove; from tests.proof import Part; "
        f"prove.PARTS = (Part(name='hangs', says='', pytest={hangs.pytest!r}),); "
        f"prove.main([{str(tmp_path / 'bundle')!r}])"
    )
    proving = subprocess.Popen([sys.executable, "-c", program], cwd=prove.ROOT)
    until(lambda: told.exists() and told.read_text())
    proving.terminate()

    assert proving.wait(60) == 128 + signal.SIGTERM
    until(lambda: not Path(f"/proc/{told.read_text()}/cmdline").exists())


def test_a_part_that_did_not_run_makes_the_page_red() -> None:
    parts = [Part(name=name, says="", pytest=()) for name in ("one", "two")]
    ran = Ran(part=parts[0], exit_code=0, seconds=1, passed=3, failed=0, skipped=0, red=())
    row = {"suite": "one", "cell": "a", "seed": None, "test": "tests/unit/test_prove.py::test_a"}
    page = proof.written([ran], [row], versions={}, now=NOW, planned=parts)

    assert "**RED:** two did not run." in page
    assert "## One\n\nA proof is green only if every part ran and was; its bundle" in page


def test_a_proof_names_a_commit_or_says_that_it_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))

    assert proof.versions()["Sekvens"] == "unknown"
