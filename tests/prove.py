"""`make prove`: runs what shows that the promise is kept, and leaves a bundle that says so.

    python -m tests.prove [FOLDER]

The invariant: the exit code is 0 only if every part ran tests and all of them were green. A part
that found nothing to run, or took too long, is red. The bundle is written in any case.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from tests import proof
from tests.chaos.scale import LONG
from tests.chaos.verdicts import PROOF, read
from tests.proof import Part, Ran

ROOT = Path(__file__).parents[1]

#: A part that has hung is ended: pytest itself ends a test that does.
SECONDS_MAX = 6 * 3600 if LONG else 1800
#: What a part has to stop its services in, before it is killed.
PATIENCE_SECONDS = 30

PARTS = (
    Part(
        name="chaos",
        says="crashes, races, outages, floods and priority, against the local SES's own log",
        pytest=("tests/chaos", "-n", "4", "--dist=loadfile", "--no-loadscope-reorder"),
    ),
    Part(
        name="sabotage",
        says="one protection removed at a time, and its own test turned red",
        pytest=("tests/sabotage", "-n", "2", "--dist=load"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What was run, and where it stands."""

    folder: Path
    parts: tuple[Ran, ...]

    @property
    def is_green(self) -> bool:
        """Tell whether every part was green."""
        return all(part.is_green for part in self.parts)


def main(arguments: Sequence[str]) -> int:
    """Prove it, and say in a few lines how it went."""
    # As Ctrl-C does: whoever ends the proof ends what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    now = datetime.now(UTC)
    folder = Path(arguments[0]) if arguments else ROOT / "var" / "proof" / f"{now:%Y%m%dT%H%M%SZ}"
    proof_of = prove(PARTS, folder=folder, now=now)
    for part in proof_of.parts:
        _say(f"{part.part.name:<10} {part.said()}")
    _say(f"{'GREEN' if proof_of.is_green else 'RED'}: {folder / 'README.md'}")
    return 0 if proof_of.is_green else 1


def prove(parts: Sequence[Part], *, folder: Path, now: datetime) -> Proof:
    """Run the parts one after the other, and write the bundle into a folder that is new."""
    folder.mkdir(parents=True)
    versions = proof.versions()
    done: list[Ran] = []
    for part in parts:
        _say(f"{part.name}: {part.says} …")
        done.append(_run(part, folder=folder))
        # After each part: whoever loses patience has what was shown so far.
        rows = read(folder / "verdicts.jsonl")
        text = proof.written(done, rows, versions=versions, now=now, planned=parts)
        (folder / "README.md").write_text(text, encoding="utf-8")
    return Proof(folder=folder, parts=tuple(done))


def _run(part: Part, *, folder: Path) -> Ran:
    """Run one part's tests in a process group of their own; its words go into a file."""
    report, began = folder / f"{part.name}.xml", time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-ra", f"--junitxml={report}", *part.pytest]
    env = os.environ | {PROOF: str(folder.resolve())}
    with (folder / f"{part.name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            exit_code: int | None = process.wait(SECONDS_MAX)
        except subprocess.TimeoutExpired:
            exit_code = None
        finally:
            _end(process)
    return _read(part, report, exit_code=exit_code, seconds=time.monotonic() - began)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what still runs: politely first, for tests stop their services then."""
    for how in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_SECONDS)


def _read(part: Part, report: Path, *, exit_code: int | None, seconds: float) -> Ran:
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    red: list[str] = []
    cases = ET.parse(report).getroot().iter("testcase") if report.exists() else ()  # noqa: S314
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
            red.append(f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}")
        else:
            counts["skipped" if case.find("skipped") is not None else "passed"] += 1
    return Ran(part=part, exit_code=exit_code, seconds=seconds, red=tuple(red), **counts)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
