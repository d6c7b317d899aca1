"""Ports for the demo's services: the one asked for, or the next that is free."""

import dataclasses
import socket
from dataclasses import dataclass

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


def choose_ports(wanted: Ports) -> ChosenPorts:
    """Take each wanted port, or the next free one when another program has it.

    Raises:
        NoFreePort: every port tried is taken.
    """
    chosen: dict[str, int] = {}
    notes: list[str] = []
    for service, port in dataclasses.asdict(wanted).items():
        chosen[service] = _next_free(port, taken=set(chosen.values()))
        if chosen[service] != port and service in _NAMES:
            notes.append(f"port {port} ({_NAMES[service]}) is taken: using {chosen[service]}")
    return ChosenPorts(ports=Ports(**chosen), notes=tuple(notes))


def _next_free(wanted: int, *, taken: set[int]) -> int:
    for port in range(wanted, min(wanted + TRIES, 65536)):
        if port not in taken and _is_free(port):
            return port
    raise NoFreePort(f"no port from {wanted} to {wanted + TRIES - 1} is free: name another")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do it: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
