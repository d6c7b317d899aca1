"""Freezing a process so that it really stands still, and holds up nobody but those it is to."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psutil

from tests.e2e.stack import Stack, eventually


def freeze(stack: Stack, service: str) -> int:
    """Freeze a service, but not while it writes: SQLite's one writer would keep all waiting.

    Returns:
        Its process id, for SIGCONT.
    """
    process_id = stack.processes.process_ids()[service]
    while True:
        os.kill(process_id, signal.SIGSTOP)
        eventually(lambda: _stands_still(process_id), "every thread has stopped")
        if not stack.database.is_sqlite or _can_write(stack):
            return process_id
        os.kill(process_id, signal.SIGCONT)
        time.sleep(0.3)


def _stands_still(process_id: int) -> bool:
    """Tell whether a frozen process is frozen: a thread ends its system call first, with locks."""
    threads = psutil.Process(process_id).threads()
    states = [Path(f"/proc/{process_id}/task/{each.id}/stat").read_text() for each in threads]
    return all(state.rpartition(")")[2].split()[0] == "T" for state in states)


def _can_write(stack: Stack) -> bool:
    file = stack.site.data / "sekvens.db"
    with closing(sqlite3.connect(file, timeout=2, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True
