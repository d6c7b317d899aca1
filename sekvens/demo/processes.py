"""Child processes: started in order, watched, and all ended by their own process ids.

No service outlives the supervisor: `stop` ends them, and a guard does so when the supervisor is
killed.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from sekvens.errors import SekvensError

ROOT = Path(__file__).resolve().parents[2]
#: A service that is told to stop may take this long, then it is killed.
STOP_SECONDS = 30.0
TAIL_LINES = 15


class ServiceStopped(SekvensError):
    """A service ended by itself."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What to start, and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    is_ready: Callable[[], bool]
    may_end: bool = False  #: ending by itself, in good order, is no fault
    environ: Mapping[str, str] = field(default_factory=dict)  #: beside what all services have
    stops_on: signal.Signals = signal.SIGTERM  #: how it is told to stop in good order


class Running(Protocol):
    """A process that was started; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...


class Launch(Protocol):
    """A way to start a command: the leader of a session, its output in a file."""

    def __call__(
        self, command: Sequence[str], *, output: BinaryIO, environ: Mapping[str, str]
    ) -> Running: ...


def launch(command: Sequence[str], *, output: BinaryIO, environ: Mapping[str, str]) -> Running:
    """Start a command as anybody would."""
    return subprocess.Popen(  # noqa: S603  our own commands
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=environ,
        # A session of its own: Ctrl-C in the terminal reaches the supervisor alone.
        start_new_session=True,
    )


@dataclass(frozen=True, kw_only=True)
class _Child:
    service: Service
    process: Running
    log: Path


class Processes:
    """The services that run, in the order they were started."""

    def __init__(self, *, environ: Mapping[str, str], logs: Path, launch: Launch = launch) -> None:
        paths = [str(ROOT), environ.get("PYTHONPATH", "")]
        self._environ = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        self._logs = logs
        self._launch = launch
        self._children: list[_Child] = []
        logs.mkdir(parents=True, exist_ok=True)
        self._guard = subprocess.Popen(
            [sys.executable, "-m", "sekvens.demo.guard"],
            stdin=subprocess.PIPE,
            env=self._environ,
            start_new_session=True,
        )

    def start(self, service: Service) -> None:
        """Start a service; its output goes to a log file of its name."""
        log = self._logs / f"{service.name}.log"
        with log.open("ab") as output:
            environ = {**self._environ, **service.environ}
            process = self._launch(service.command, output=output, environ=environ)
        self._children.append(_Child(service=service, process=process, log=log))
        self._tell_guard("+", process.pid)

    def wait_until_ready(self, *, timeout_seconds: float) -> None:
        """Wait until every service that was started is ready.

        Raises:
            ServiceStopped: one ended, or was not ready in time; the message shows its log's end.
        """
        waiting = list(self._children)
        deadline = time.monotonic() + timeout_seconds
        while waiting:
            self.check()
            waiting = [child for child in waiting if not child.service.is_ready()]
            if waiting and time.monotonic() > deadline:
                slow = waiting[0]
                raise ServiceStopped(
                    f"{slow.service.name} was not ready within {timeout_seconds:g} s. {_tail(slow)}"
                )
            time.sleep(0.05)

    def check(self) -> None:
        """Look whether every service is still there.

        Raises:
            ServiceStopped: one ended by itself; the message shows its log's end.
        """
        for child in self._children:
            code = child.process.poll()
            if code is None or (code == 0 and child.service.may_end):
                continue
            raise ServiceStopped(f"{child.service.name} {_ended(code)}. {_tail(child)}")

    def stop(self, *names: str) -> None:
        """Stop the services of these names (all, when none is named) and wait for them."""
        chosen = [c for c in self._children if not names or c.service.name in names]
        for child in chosen:
            _signal(child, child.service.stops_on)
        deadline = time.monotonic() + STOP_SECONDS
        for child in chosen:
            try:
                child.process.wait(max(0.05, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
                child.process.wait()
            self._tell_guard("-", child.process.pid)
            self._children.remove(child)

    def close(self) -> None:
        """Stop what still runs, the guard last."""
        self.stop()
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()

    def process_ids(self) -> dict[str, int]:
        """Tell the process id of each service."""
        return {child.service.name: child.process.pid for child in self._children}

    def _tell_guard(self, change: str, process_id: int) -> None:
        if self._guard.stdin:
            self._guard.stdin.write(f"{change}{process_id}\n".encode())
            self._guard.stdin.flush()


def _signal(child: _Child, number: signal.Signals) -> None:
    # Its whole group, for a service may have children; it leads the group, so the ids are one.
    if child.process.poll() is None:
        with suppress(ProcessLookupError):  # it has ended in this moment
            os.killpg(child.process.pid, number)


def _ended(code: int) -> str:
    if code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


def _tail(child: _Child) -> str:
    lines = child.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    shown = "\n".join(f"    {line}" for line in lines) or "    (it wrote nothing)"
    return f"The end of its log, {child.log}:\n{shown}"
