"""One POST to an address from the settings: bounded in time, never to a private network.

The name is resolved once, every address that it resolves to is checked, and the checked one is
connected to: a name that changes between check and call gains nothing. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

CONNECT_SECONDS: Final = 5.0
REPLY_SECONDS: Final = 10.0
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Unreachable(Exception):
    """Nobody answered, or the answer broke off: worth another try."""


class Forbidden(Exception):
    """The address is one that must not be called from here."""


def post(url: str, *, headers: Mapping[str, str], body: bytes, allow_private: bool) -> int:
    """Post a body, and tell the status of the answer; what else it says is not read.

    Raises:
        Forbidden: the name leads to an address that is not public, and that is not allowed.
        Unreachable: there was no answer in time.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection = _connection(parts.scheme, host, port, _address(host, port, allow_private))
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"no connection: {type(error).__name__}") from error
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"no answer: {type(error).__name__}") from error
    finally:
        connection.close()


def _address(host: str, port: int, allow_private: bool) -> str:  # noqa: FBT001  one caller, above
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    # Any one of them would do for an attacker, so all must be public.
    if not allow_private and not all(ipaddress.ip_address(ip).is_global for ip in found):
        raise Forbidden(
            "its name leads into a private network: set allow_private = true if that is meant"
        )
    return found[0]


def _connection(scheme: str, host: str, port: int, address: str) -> http.client.HTTPConnection:
    connected = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
    connected.settimeout(REPLY_SECONDS)
    connection = http.client.HTTPConnection(host, port, timeout=REPLY_SECONDS)
    if scheme == "https":
        context = ssl.create_default_context()
        connected = context.wrap_socket(connected, server_hostname=host)
    connection.sock = connected
    return connection
