"""Ports for the demo's services: the one asked for, or the next that is free."""

import dataclasses
import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sekvens.errors import SekvensError

HOST = "127.0.0.1"
#: How many ports after a taken one are tried.
TRIES = 50

_NAMES = {"temporal": "Temporal", "temporal_ui": "its UI", "api": "API", "inbox": "inbox"}


class NoFreePort(SekvensError):
    """No port is free in the neighbourhood of the one asked for."""


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where each service listens."""

    temporal: int = 7233
    temporal_ui: int = 8233
    api: int = 8080
    inbox: int = 8025
    #: where these two say that they are ready; of no interest to anybody else
    worker_health: int = 8091
    relay_health: int = 8092


@dataclass(frozen=True, kw_only=True)
class ChosenPorts:
    """The ports that will be used, and a sentence for each that was taken."""

    ports: Ports
    notes: tuple[str, ...]


@contextmanager
def reserve_ports(wanted: Ports) -> Iterator[ChosenPorts]:
    """Reserve each wanted port, or the next free one when another program has it.

    Another demo that starts at the same moment takes others: a port is ours from here on, though
    its service opens it a few seconds later.

    Raises:
        NoFreePort: every port tried is taken.
    """
    chosen: dict[str, int] = {}
    notes: list[str] = []
    with ExitStack() as reserved:
        for service, port in dataclasses.asdict(wanted).items():
            chosen[service] = _reserve(port, reserved)
            if chosen[service] != port and service in _NAMES:
                notes.append(f"port {port} ({_NAMES[service]}) is taken: using {chosen[service]}")
        yield ChosenPorts(ports=Ports(**chosen), notes=tuple(notes))


def _reserve(wanted: int, reserved: ExitStack) -> int:
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if _is_free(port) and _lock(port, reserved):
            return port
    raise NoFreePort(f"no port from {wanted} to {wanted + TRIES - 1} is free: name another")


def _lock(port: int, reserved: ExitStack) -> bool:
    """Lock a port against other demos on this machine, until `reserved` closes."""
    path = Path(tempfile.gettempdir()) / f"sekvens-port-{port}.lock"
    try:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except PermissionError:  # somebody else's demo
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return False
    reserved.callback(os.close, lock)
    return True


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
