"""Services that start warm: forked from one process that has imported what they all import.

Importing takes most of a service's start, and the tests start hundreds. What is forked is told what
a command line would tell it and runs the same file as `__main__`, in a session of its own.
"""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from typing import BinaryIO

from sekvens.demo.processes import ROOT, Running, launch
from tests.stalls import be_patient_with_workflows

#: What services import; the server of the forks does so once.
PRELOADED = ("worker", "starter", "sekvens.ses.local.__main__", "sekvens.web.app", "uvicorn")

_context = get_context("forkserver")
_context.set_forkserver_preload([*PRELOADED, __name__])


def launch_warm(command: Sequence[str], *, output: BinaryIO, environ: Mapping[str, str]) -> Running:
    """Start a command of this checkout's as a fork; anything else as every command is started."""
    runs = tuple(command[1:2]) if command[1] != "-m" else tuple(command[1:3])
    ours = {(str(ROOT / "worker.py"),), (str(ROOT / "starter.py"),), ("-m", "sekvens.ses.local")}
    if command[0] != sys.executable or runs not in ours:
        return launch(command, output=output, environ=environ)
    arguments = (runs[-1], command[len(runs) + 1 :], dict(environ), output.name)
    process = _context.Process(target=_become, args=arguments, daemon=True)
    process.start()
    return Fork(process)


class Fork:
    """A forked service, asked as `subprocess.Popen` is."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        assert process.pid is not None
        self.pid = process.pid

    def poll(self) -> int | None:
        """Tell the exit code, if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self._process.exitcode

    def terminate(self) -> None:
        """Ask it to stop."""
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)


def _become(program: str, arguments: Sequence[str], environ: Mapping[str, str], log: str) -> None:
    """Be a service, in a fork, until its end."""
    os.setsid()
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115  for good
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environ)
    be_patient_with_workflows()
    sys.argv = [program, *arguments]
    if program.endswith(".py"):
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module(program, run_name="__main__", alter_sys=True)
