"""The demo as a newcomer sees it: `starter.py demo`, with every real service, on free ports."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekvens.flows.catalogue import CATALOGUE
from tests.ports import free_ports
from tests.unit.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]


def command(data: Path, *options: str) -> list[str]:
    names = ("--temporal-port", "--ui-port", "--inbox-port", "--api-port")
    ports = [part for pair in zip(names, map(str, free_ports(4)), strict=True) for part in pair]
    return [sys.executable, str(ROOT / "starter.py"), "demo", "--data", str(data), *ports, *options]


def process_ids_in(data: Path) -> set[int]:
    """Every process whose environment names this demo's folder."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(data).encode() in (folder / "environ").read_bytes():
                found.add(int(folder.name))
        except OSError:
            continue
    return found


def wait_until_none(data: Path) -> set[int]:
    deadline = time.monotonic() + PATIENCE
    while (left := process_ids_in(data)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


@pytest.fixture
def started(tmp_path) -> Iterator[subprocess.Popen[str]]:
    """A demo that runs until it is stopped, past the point where the shop opens."""
    with subprocess.Popen(
        command(tmp_path / "demo"), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        opened = any("The shop opens" in line for line in process.stdout)
        assert opened, "the demo ended before the shop opened"
        yield process
        if process.poll() is None:
            process.kill()


def test_a_demo_for_a_while_shows_e_mails_and_early_exits_and_leaves_nothing_behind(tmp_path):
    data = tmp_path / "demo"
    done = subprocess.run(
        command(data, "--for", "40"),
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert float(re.search(r"in the inbox ([\d.]+) s after", done.stdout)[1]) < PATIENCE
    assert re.search(r"welcome +gets “hello”", done.stdout)
    assert re.search(r"winback +enters", done.stdout)  # found by a scan, among people with a past
    for flow in CATALOGUE:
        assert re.search(rf"^ *{flow.name} +(\d+|-) ", done.stdout, re.MULTILINE), flow.name
    assert "Verdict: good" in done.stdout
    assert wait_until_none(data) == set()


def test_ctrl_c_stops_everything_cleanly_and_repeats_the_addresses(started, tmp_path):
    started.send_signal(signal.SIGINT)
    rest = started.stdout.read()

    assert started.wait(PATIENCE) == 0
    assert "Inbox" in rest
    assert wait_until_none(tmp_path / "demo") == set()


def test_a_supervisor_that_is_killed_leaves_no_process_behind(started, tmp_path):
    started.kill()

    assert wait_until_none(tmp_path / "demo") == set()


def test_a_service_that_breaks_ends_the_demo_with_its_name(started, tmp_path):
    logs = str(tmp_path / "demo" / "logs" / "worker.log")
    worker = next(
        process_id
        for process_id in process_ids_in(tmp_path / "demo")
        if b"worker.py" in Path(f"/proc/{process_id}/cmdline").read_bytes()
    )
    os.kill(worker, signal.SIGKILL)

    started.stdout.read()
    assert started.wait(PATIENCE) == 1
    assert Path(logs).exists()
    assert wait_until_none(tmp_path / "demo") == set()
