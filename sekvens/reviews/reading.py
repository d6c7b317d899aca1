"""A review's parts, read from events and files alike; what is none of them is None."""

import hashlib
from decimal import ROUND_HALF_DOWN, Decimal, InvalidOperation
from typing import Any, Final

from sekvens.flows.keys import key_of
from sekvens.imports.plain import paragraphs

#: More than anybody reads in an e-mail; what is longer is cut.
TEXT_LENGTH_MAX: Final = 5_000


def rating_of(value: Any) -> int | None:
    """Read a rating of one to five stars, as a number or as text; half a star is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:
        return None
    if not number.is_finite() or not 1 <= number <= 5:
        return None
    return int(number.quantize(Decimal(1), rounding=ROUND_HALF_DOWN))


def text_of(value: Any) -> str | None:
    """Read a review's text, without markup; None if nothing is left."""
    if not isinstance(value, str):
        return None
    return paragraphs(value)[:TEXT_LENGTH_MAX].strip() or None


def review_id_of(posted: Any, *parts: str) -> str:
    """Tell a review's id: the one that was posted, or one made of what the review says.

    One that may hold an address is hashed: ids stand in logs and in commands.
    """
    named = isinstance(posted, str | int) and not isinstance(posted, bool) and str(posted).strip()
    if named and "@" not in named and named.isprintable():
        return key_of(named)
    said = named or "\x1f".join(parts)
    return f"r-{hashlib.sha256(said.encode('utf-8', 'replace')).hexdigest()[:20]}"
