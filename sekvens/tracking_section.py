"""The section of the settings file about what is noted of e-mails that were opened and clicked.

Nothing is noted of whoever has not allowed it, unless the shop says that it may without asking.
"""

import ipaddress
import re
from typing import Final, Literal

import msgspec

_TAG: Final = re.compile(r"[A-Za-z0-9_.~-]{0,64}")


class TrackingSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clicks, opens, and the tags by which the shop's own statistics know its e-mails."""

    #: whose clicks are noted, and may steer flows: `consent`, those who allowed it; `always`,
    #: everybody, where another legal ground holds; `never`, nobody. Other links stay as they are
    clicks: Literal["consent", "always", "never"] = "consent"
    #: whose opens SES may report: `consent`, those who allowed it; `never`, nobody
    opens: Literal["consent", "never"] = "never"
    #: `utm_source` of links into the shop; empty: no links are tagged
    utm_source: str = "sekvens"
    utm_medium: str = "email"
    #: hosts of the shop beside that of `shop.links.home`, with or without `www.`
    hosts: tuple[str, ...] = ()
    #: networks from which no person clicks: `203.0.113.0/24`, as cloud providers publish theirs
    machine_networks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("utm_source", "utm_medium"):
            if not _TAG.fullmatch(getattr(self, name)):
                raise ValueError(
                    f"tracking.{name} is {getattr(self, name)!r}: letters, digits, _ . ~ and -"
                )
        for given in self.machine_networks:
            try:
                ipaddress.ip_network(given)
            except ValueError:
                raise ValueError(
                    f"tracking.machine_networks has {given!r}: write 203.0.113.0/24"
                ) from None
