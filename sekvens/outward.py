"""Connections to addresses from the settings: bounded in time, never into a private network.

The name is resolved once, every address that it resolves to is checked, and the checked one is
connected to: a name that changes between check and call gains nothing.
"""

import http.client
import ipaddress
import socket
import ssl
from functools import cache
from typing import Final
from urllib.parse import SplitResult, urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Unreachable(Exception):
    """Nobody answered, or the answer broke off: worth another try."""


class Forbidden(Exception):
    """The address is one that must not be called from here."""


def connected(url: str, *, allow_private: bool, seconds: float) -> http.client.HTTPConnection:
    """Connect to where a URL leads; connecting and its handshake take `seconds` each at the most.

    Raises:
        Forbidden: the name leads to an address that is not public, and that is not allowed.
        Unreachable: there was no connection in time.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
    try:
        address = _address(host, port, allow_private)
        wire = socket.create_connection((address, port), timeout=seconds)
        if parts.scheme == "https":
            wire = _trust().wrap_socket(wire, server_hostname=host)
    except OSError as error:  # TLS's errors are such too
        raise Unreachable(f"no connection: {type(error).__name__}") from error
    connection = http.client.HTTPConnection(host, port)
    connection.sock = wire
    return connection


def path_of(url: str) -> str:
    """Tell what is asked for at a URL's host."""
    parts: SplitResult = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


@cache
def _trust() -> ssl.SSLContext:
    """Read once whom we believe: it takes tens of milliseconds."""
    return ssl.create_default_context()


def _address(host: str, port: int, allow_private: bool) -> str:  # noqa: FBT001  one caller, above
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    # Any one of them would do for an attacker, so all must be public.
    if not allow_private and not all(ipaddress.ip_address(ip).is_global for ip in found):
        raise Forbidden(
            "its name leads into a private network: set allow_private = true if that is meant"
        )
    return found[0]
