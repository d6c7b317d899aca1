"""Traits: what the shop tells about a contact, each by itself as new as its newest word.

A trait that cannot be used (a time zone that does not exist, an address that SES would not take)
is ignored, and the rest is kept. A null takes a trait away.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final
from zoneinfo import available_timezones

from sekvens.contacts.tables import Contact
from sekvens.imports.plain import seen_line
from sekvens.messages.addresses import usable
from sekvens.send_time.zones import ZoneSource

#: More than any shop's; a page of JSON in the traits is an accident.
TRAITS_MAX: Final = 200
NAME_LENGTH_MAX: Final = 100

#: The time zone of the device from which an event came; one that is told as a trait is surer.
DEVICE_ZONE: Final = "device_timezone"

#: What other spellings of a trait with a column of its own mean.
_SPELLINGS: Final = {
    "firstName": "first_name",
    "firstname": "first_name",
    "lastName": "last_name",
    "lastname": "last_name",
    "language": "locale",
    "timeZone": "timezone",
    "time_zone": "timezone",
    "countryCode": "country",
    "country_code": "country",
    DEVICE_ZONE: "timezone",
}
_COLUMNS: Final = frozenset({"first_name", "last_name", "locale", "timezone", "country"})
#: These come with every event's context; only a change is worth a write.
_AMBIENT: Final = frozenset({"locale", "timezone"})
_LOCALE: Final = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|\d{3}))?")


def apply_traits(
    contact: Contact, traits: Mapping[str, Any], *, at: datetime, now: datetime
) -> None:
    """Put traits into a contact, each unless a newer word is known. `at` is shop time."""
    kept = dict(contact.traits)
    told = dict(contact.traits_at)
    for posted, value in _with_country(traits).items():
        name = _SPELLINGS.get(posted, posted)
        if len(name) > NAME_LENGTH_MAX or (name not in told and len(told) >= TRAITS_MAX):
            continue
        by = ZoneSource.DEVICE if posted == DEVICE_ZONE else ZoneSource.TRAIT
        if name in told and (
            datetime.fromisoformat(told[name]) > at
            or (name in _AMBIENT and value == kept.get(name) and not _is_surer(contact, name, by))
        ):
            continue
        if _set(contact, kept, name, value):
            told[name] = at.isoformat()
            if name == "timezone":
                contact.timezone_by = by
    if kept != contact.traits or told != contact.traits_at:
        contact.traits, contact.traits_at, contact.updated_at = kept, told, now


def usable_email(traits: Mapping[str, Any]) -> str | None:
    """Tell the address in the traits, in the form SES takes it; None if there is none to use."""
    email = traits.get("email")
    return usable(email) if isinstance(email, str) and email else None


def normal_locale(value: object) -> str | None:
    """Write a locale as BCP 47 does (`sv-SE`), however it was spelt; None if it is none."""
    found = _LOCALE.fullmatch(value.strip().split(".")[0]) if isinstance(value, str) else None
    if found is None:
        return None
    language, script, region = found.groups()
    parts = [language.lower(), script and script.title(), region and region.upper()]
    return "-".join(part for part in parts if part)


def states_zone(traits: Mapping[str, Any]) -> bool:
    """Tell whether traits say the time zone, so that the device's says nothing."""
    return any(_SPELLINGS.get(name, name) == "timezone" for name in traits)


@cache
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _is_surer(contact: Contact, name: str, by: ZoneSource) -> bool:
    """Tell whether a time zone that a device told is now stated."""
    is_stated = by is ZoneSource.TRAIT
    return name == "timezone" and is_stated and contact.timezone_by != ZoneSource.TRAIT


def _with_country(traits: Mapping[str, Any]) -> Mapping[str, Any]:
    address = traits.get("address")
    if isinstance(address, dict) and address.get("country") and "country" not in traits:
        return {**traits, "country": address["country"]}
    return traits


def _set(contact: Contact, kept: dict[str, Any], name: str, value: Any) -> bool:
    """Set one trait, or take it away; False if its value cannot be used."""
    if name == "email":
        _set_email(contact, kept, value)
        return True
    usable_value = _usable_value(name, value)
    if usable_value is None and value is not None:
        return False
    if name in _COLUMNS:
        setattr(contact, name, usable_value)
    if usable_value is None:
        kept.pop(name, None)
    else:
        kept[name] = usable_value
    return True


def _usable_value(name: str, value: Any) -> Any:
    match name:
        case "locale":
            return normal_locale(value)
        case "timezone":
            return value if isinstance(value, str) and value in _timezones() else None
        case "first_name" | "last_name" | "country":
            return _line(value)
        case _:
            return value


def _set_email(contact: Contact, kept: dict[str, Any], value: Any) -> None:
    # The address stands in its column only: one place to erase it from.
    contact.email = usable_email({"email": value})
    if contact.email is None and value:
        kept["email_unusable"] = True
    else:
        kept.pop("email_unusable", None)


def _line(value: Any) -> str | None:
    """Tell a name's text on one line: it goes into subjects and headers."""
    if not isinstance(value, str):
        return None
    return seen_line(value)[:NAME_LENGTH_MAX] or None
