"""The gate before a deploy: `starter.py replay` passes this tree, and rings for a broken one.

The negative controls run the command as anybody would, in a copy of the tree that is broken.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.replay.recording import HISTORIES
from tests.sabotage.bench import ROOT, copied, damage
from tests.sabotage.sabotages import Change

#: Of three flows: two that wait first, and scheduled work, which has no interpreter.
SAMPLE = ("welcome-all-the-way.v3", "cart-emptied.v1", "scheduled/retention")

#: As Temporal's UI gave it (Download, "Encoded"): a welcome that waits for day two.
DOWNLOADED = Path(__file__).parent / "downloads" / "temporal-ui-2.54-encoded.json"

IGNORES_EXITS = Change(
    file="sekvens/flows/interpreter.py",
    old="        return state.leave(reason, now)\n    state = hear(",
    new="        pass\n    state = hear(",
)
DIES = Change(
    file="sekvens/flows/interpreter.py",
    old="    state = kind(step=graph.first, entered_at=now)\n",
    new="    import ctypes\n    ctypes.string_at(0)\n"
    "    state = kind(step=graph.first, entered_at=now)\n",
)


def replay(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SEKVENS_", "TEMPORAL_"))}
    command = [sys.executable, "starter.py", "replay", "--jobs", "1", *arguments]
    return subprocess.run(
        command, cwd=tree, env=kept, capture_output=True, text=True, timeout=200, check=False
    )


def sample(*names: str) -> Sequence[str]:
    return [str(HISTORIES / f"{name}.json.gz") for name in names or SAMPLE]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("gate") / "tree")


def broken(tree: Path, change: Change, request: pytest.FixtureRequest) -> None:
    file = tree / change.file
    whole = file.read_text(encoding="utf-8")
    request.addfinalizer(lambda: file.write_text(whole, encoding="utf-8"))
    damage(tree, [change])


def test_the_gate_is_open_for_this_tree_whoever_wrote_the_file():
    done = replay(ROOT, *sample(), str(DOWNLOADED))

    assert done.returncode == 0, done.stderr
    assert "All of 4 histories replay." in done.stdout


def test_the_gate_rings_for_a_broken_interpreter_and_names_the_flow(
    tree: Path, request: pytest.FixtureRequest
):
    broken(tree, IGNORES_EXITS, request)

    done = replay(tree, *sample())
    assert done.returncode == 1, done.stderr
    assert "cart-abandonment v1 at event" in done.stdout
    assert "the history has " in done.stdout
    assert "Do not deploy this" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_replay_that_takes_its_process_with_it_stops_none_of_the_rest(
    tree: Path, request: pytest.FixtureRequest
):
    broken(tree, DIES, request)

    done = replay(tree, *sample())
    assert done.returncode == 1
    assert "welcome v3: Its process died of the replay." in done.stdout
    assert "retention" in done.stdout
    assert "2 of 3 histories do not replay." in done.stdout
