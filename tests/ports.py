"""Free ports of 127.0.0.1 for the services that tests start.

The invariant: none of them is one that the kernel gives to connections. Such a port may be
somebody's again before the service that it was meant for has opened it.
"""

import random
import socket

HOST = "127.0.0.1"
#: Above those that well-known programs have, below those that Linux gives to connections.
FIRST, LAST = 10_000, 32_000

#: Not seeded: runs beside one another shall choose differently.
_chance = random.SystemRandom()
_given: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Choose ports that nobody listens on, and that this process was not given before."""
    return [free_port() for _ in range(count)]


def free_port() -> int:
    """Choose one."""
    while True:
        port = _chance.randrange(FIRST, LAST)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
