"""The domain name system, asked by dnspython: the machine's own resolver, or one that is named."""

import ipaddress
from typing import Final

import dns.exception
import dns.resolver

from sekvens.doctor.findings import CouldNotBeAsked

_SECONDS: Final = 5.0
_PORT: Final = 53


class DnsNames:
    """Names looked up at a resolver.

    Args:
        resolver: its address, with a port after a colon if that is not 53; empty: the machine's.
    """

    def __init__(self, resolver: str = "") -> None:
        self._resolver = resolver

    def texts(self, name: str) -> list[str]:
        """Look up TXT records, the strings of each put together."""
        try:
            answer = self._made().resolve(name, "TXT", lifetime=_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError) as error:
            raise CouldNotBeAsked(
                f"no resolver told the records of {name} ({type(error).__name__}): name one with "
                "--resolver 1.1.1.1"
            ) from error
        return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]

    def _made(self) -> dns.resolver.Resolver:
        if not self._resolver:
            return dns.resolver.Resolver()
        address, port = address_of(self._resolver)
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [address]
        resolver.port = port
        return resolver


def address_of(given: str) -> tuple[str, int]:
    """Read a resolver's address: `1.1.1.1`, `127.0.0.1:5353`, `[::1]:5353`.

    Raises:
        ValueError: it is none.
    """
    try:
        return str(ipaddress.ip_address(given.strip("[]"))), _PORT
    except ValueError:
        host, _, port = given.rpartition(":")
    if not 0 < int(port) < 65536:
        raise ValueError(f"{port} is no port")
    return str(ipaddress.ip_address(host.strip("[]"))), int(port)
