"""From a feed's JSON to the fields that the settings name: what is not of its kind is left out.

Whoever answers is a stranger. A text is one short printable line in which no mail program finds an
address to link; a link leads by https to a host that the settings allow.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sekvens.feeds.section import FeedSettings, FieldKind, FieldSettings
from sekvens.feeds.values import Answer, FeedLink, FeedText, Value, WeatherCode
from sekvens.feeds.weather import WEATHER_WORDS

TEXT_CHARACTERS_MAX: Final = 200
LINK_CHARACTERS_MAX: Final = 2_000
NUMBER_MAX: Final = 10**9

#: What is an address, would be made one by a mail program, or could complete one.
_ADDRESS_LIKE: Final = re.compile(r"//|\\|@|www\.|\.[^\W\d]|[^\W\d]:\S", re.IGNORECASE)
_LINK: Final = re.compile(r"https://([a-z0-9.-]+)(:443)?(/[A-Za-z0-9/._~!$&'()*+,;=:@%?#-]*)?")


class Unusable(Exception):
    """An answer that is no JSON, or has none of the fields."""


def read(body: bytes, settings: FeedSettings, *, is_sample: bool = False) -> Answer:
    """Read what an answer says.

    Raises:
        Unusable: it is no JSON, or nothing in it fits.
    """
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unusable("not JSON") from None
    found = {name: _field(data, field, settings) for name, field in settings.fields.items()}
    values = {name: value for name, value in found.items() if value is not None}
    if not values:
        raise Unusable("none of its fields is there")
    return Answer(values=values, is_sample=is_sample)


def samples(feeds: Mapping[str, FeedSettings]) -> dict[str, Answer]:
    """Read the sample of every feed; one that cannot be used is left out (`faults` tells it)."""
    read_samples = {}
    for name, settings in feeds.items():
        try:
            read_samples[name] = read(settings.sample.encode(), settings, is_sample=True)
        except Unusable:
            continue
    return read_samples


def faults(feeds: Mapping[str, FeedSettings]) -> list[str]:
    """List the fields that the samples do not have: either is wrong, the field or the sample."""
    known = samples(feeds)
    return [
        f"feeds.{name}.fields.{field}: the sample has no {settings.fields[field].kind} at "
        f"{settings.fields[field].at}; mend one of them in the settings."
        for name, settings in feeds.items()
        for field in settings.fields
        if name not in known or field not in known[name].values
    ]


def _field(data: Any, field: FieldSettings, settings: FeedSettings) -> Value | None:
    for key in field.at.split("."):
        if isinstance(data, dict):
            data = data.get(key)
        elif isinstance(data, list) and key.isdecimal() and int(key) < len(data):
            data = data[int(key)]
        else:
            return None
    return _value(data, field.kind, settings)


def _value(given: object, kind: FieldKind, settings: FeedSettings) -> Value | None:
    match kind:
        case "number":
            return _number(given)
        case "weather_code":
            return _weather_code(given)
        case "text":
            return _text(given)
        case "link":
            return _link(given, settings)


def _number(given: object) -> int | None:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return None
    # Compared before it is rounded: an infinity cannot be.
    return round(given) if math.isfinite(given) and abs(given) <= NUMBER_MAX else None


def _weather_code(given: object) -> WeatherCode | None:
    code = _number(given)
    # No rounding: between two codes there is no weather.
    if code is None or code != given or code not in WEATHER_WORDS:
        return None
    return WeatherCode(code=code)


def _text(given: object) -> FeedText | None:
    if not isinstance(given, str) or len(given) > TEXT_CHARACTERS_MAX:
        return None
    text = " ".join(given.split())
    usable = text and text.isprintable() and not _ADDRESS_LIKE.search(text)
    return FeedText(text) if usable else None


def _link(given: object, settings: FeedSettings) -> FeedLink | None:
    if not isinstance(given, str) or len(given) > LINK_CHARACTERS_MAX:
        return None
    link = _LINK.fullmatch(given)
    return FeedLink(given) if link and link[1] in settings.hosts else None
