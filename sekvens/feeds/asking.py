"""What is asked of a feed for one contact: its URL with the traits that the settings name.

Nothing else of a contact leaves, and a coordinate leaves in tenths of a degree (some ten
kilometres), so that no feed is told where somebody lives.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from sekvens.feeds.section import FeedSettings, TraitKind

#: East and west; beyond it there is no place.
DEGREES_MAX: Final = 180
NUMBER_MAX: Final = 10**9
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)
_NUMBER_CHARACTERS_MAX: Final = 32


def questions(
    feeds: Mapping[str, FeedSettings], names: Iterable[str], traits: Mapping[str, Any]
) -> dict[str, str]:
    """Tell the URL to ask for each of these feeds; one that cannot be asked is left out."""
    asked = {}
    for name in sorted(names):
        settings = feeds.get(name)
        said = told(settings, traits) if settings else None
        if settings and said is not None:
            asked[name] = settings.url.format(**said)
    return asked


def told(settings: FeedSettings, traits: Mapping[str, Any]) -> dict[str, str] | None:
    """Tell what a feed would be told of a contact; None: a trait is missing, or none that fits."""
    said = {name: _written(traits.get(name), kind) for name, kind in settings.traits.items()}
    if None in said.values():
        return None
    return {name: quote(str(value), safe="") for name, value in said.items()}


def _written(given: object, kind: TraitKind) -> str | None:
    if kind == "token":
        return given if isinstance(given, str) and _TOKEN.fullmatch(given) else None
    number = _number(given)
    if number is None:
        return None
    if kind == "coordinate":
        # Adding zero makes no difference but to -0.0.
        return f"{round(number, 1) + 0.0:.1f}" if abs(number) <= DEGREES_MAX else None
    return str(round(number)) if abs(number) <= NUMBER_MAX else None


def _number(given: object) -> float | None:
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        number = float(str(given)[:_NUMBER_CHARACTERS_MAX])
    except ValueError:
        return None
    return number if math.isfinite(number) else None
