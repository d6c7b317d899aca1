"""In which time zone a contact lives, by what that is known, and how sure it is."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from sekvens.send_time.countries import zones_of
from sekvens.send_time.local_time import zone_or


class ZoneSource(StrEnum):
    """By what a zone is known. Persisted: members are never renamed."""

    TRAIT = "trait"  #: the shop, or the contact, has said so
    DEVICE = "device"  #: the device from which an event came had it
    COUNTRY = "country"  #: it is the zone of their country, or the one in which most live there
    SHOP = "shop"  #: nothing is known: the shop's own


class Confidence(StrEnum):
    """How sure a zone is."""

    STATED = "stated"
    LIKELY = "likely"  #: a device's; or the country has one zone only
    GUESS = "guess"  #: the country has several
    NONE = "none"  #: nothing is known of the contact


@dataclass(frozen=True)
class Zone:
    """A time zone by its IANA name, and what it rests on."""

    name: str
    source: ZoneSource
    confidence: Confidence


@lru_cache(maxsize=4096)
def zone_from(
    timezone: str | None, timezone_by: str | None, country: str | None, *, otherwise: str
) -> Zone:
    """Tell the zone of a contact, the one place where that is decided.

    Args:
        timezone: their own, as their row has it.
        timezone_by: a `ZoneSource`, trait or device; None: it was kept before that was.
        country: as the shop gave it.
        otherwise: the shop's zone.
    """
    own = zone_or(timezone, "")
    if own and timezone_by == ZoneSource.TRAIT:
        return Zone(own, ZoneSource.TRAIT, Confidence.STATED)
    if own:
        return Zone(own, ZoneSource.DEVICE, Confidence.LIKELY)
    there = zones_of(country) if country else ()
    if there:
        confidence = Confidence.GUESS if len(there) > 1 else Confidence.LIKELY
        return Zone(there[0], ZoneSource.COUNTRY, confidence)
    return Zone(otherwise, ZoneSource.SHOP, Confidence.NONE)
