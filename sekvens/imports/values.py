"""Values of a file's row, read: amounts, instants, addresses of pages; what is none is None."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import urlsplit

URL_LENGTH_MAX: Final = 2_000
#: Instants outside are slips of the pen, and some of them no database takes.
_YEARS: Final = range(1970, 2200)
_AMOUNT: Final = re.compile(
    r"(?:([A-Za-z]{3})\s*)?(\d[\d.,' ]*?)\s*(?:([A-Za-z]{3})|kr|:-|€|\$|£)?"
)
_THOUSANDS: Final = str.maketrans("", "", " '")


def amount_of(text: str) -> tuple[Decimal, str | None] | None:
    """Read an amount and its currency: `1895.00 SEK`, `1 895,00 kr`, `SEK 1895`."""
    found = _AMOUNT.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    try:
        number = Decimal(_with_point(found[2].translate(_THOUSANDS)))
    except InvalidOperation:
        return None
    if number.adjusted() > 12:
        return None
    currency = found[1] or found[3]
    return number, currency.upper() if currency else None


def amount_text(number: Decimal) -> str:
    """Write an amount as it is stored: one amount has one spelling."""
    return format(number.normalize(), "f")


def instant_of(text: str) -> datetime | None:
    """Read an instant in ISO 8601; one without a zone is in UTC."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if at.year not in _YEARS:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def is_web_address(text: str) -> bool:
    """Tell whether a text is the address of a page, fit for a link in an e-mail."""
    try:
        url = urlsplit(text)
        named = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    fits = len(text) <= URL_LENGTH_MAX and text.isprintable() and not re.search(r"[\s<>\"]", text)
    return url.scheme in ("http", "https") and named and fits


def _with_point(digits: str) -> str:
    """Write a number with a decimal point; of two kinds of mark the last one is the decimal."""
    point, comma = digits.rfind("."), digits.rfind(",")
    if point >= 0 and comma >= 0:
        thousands = "," if point > comma else "."
        return digits.replace(thousands, "").replace(",", ".")
    if comma >= 0:
        is_decimal = digits.count(",") == 1 and len(digits) - comma <= 3
        return digits.replace(",", "." if is_decimal else "")
    return digits.replace(".", "") if digits.count(".") > 1 else digits
