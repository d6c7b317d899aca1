"""Money, dates and locales as people of a locale write them (by Babel, which is CLDR)."""

import re
from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import format_currency

#: No honest price of a cart is longer; exponents make small texts into huge numbers.
_PRICE_CHARACTERS_MAX = 16
_PRICE_MAX = Decimal(10**9)

#: Most who read English put the day first; a shop in the United States writes in `en-US`.
_REGIONS = {"en": "en_GB"}

_CURRENCY = re.compile(r"[A-Z]{3}")


def choose_locale(wanted: str | None, available: Collection[str], *, default: str) -> str:
    """Choose the locale to write in: the one wanted, else its language, else the default."""
    by_key = {_key(locale): locale for locale in available}
    key = _key(wanted or "")
    fallback = by_key.get(_key(default)) or next(iter(by_key.values()), default)
    return by_key.get(key) or by_key.get(key.partition("-")[0]) or fallback


@lru_cache(maxsize=4_096)
def money(amount: Decimal, currency: str, *, locale: str) -> str:
    """Write an amount of money; whole amounts without decimals: `1 299 kr`."""
    parsed = _parsed(locale)
    if amount == amount.to_integral_value():
        pattern = re.sub(r"\.0+", "", parsed.currency_formats["standard"].pattern)
        text = format_currency(
            amount, currency, locale=parsed, format=pattern, currency_digits=False
        )
    else:
        text = format_currency(amount, currency, locale=parsed)
    # CLDR puts a space between letters and digits (currencySpacing); Babel does not.
    return re.sub(r"^(-?[A-Z]{3})(?=\d)", "\\1\N{NO-BREAK SPACE}", str(text))


def day(of: date, *, locale: str) -> str:
    """Write a day of the year: `18 mars`, `18 March`; its parts stay on one line."""
    written = format_skeleton("MMMMd", of, locale=_parsed(locale))
    return str(written).replace(" ", "\N{NO-BREAK SPACE}")


def dated(of: date, *, today: date, locale: str) -> str:
    """Write a day, with its year when that is another than today's: `18 mars 2025`."""
    if of.year == today.year:
        return day(of, locale=locale)
    return str(format_date(of, "long", locale=_parsed(locale))).replace(" ", "\N{NO-BREAK SPACE}")


def listed(items: Sequence[str], *, locale: str) -> str:
    """Write a list as a sentence has it: `ull, garn och tålamod`."""
    return str(format_list(list(items), locale=_parsed(locale)))


def plural_form(count: int, *, locale: str) -> str:
    """Tell CLDR's name of the plural form for a count: `one`, `few`, `other`."""
    return str(_parsed(locale).plural_form(count))


def price(posted: object) -> Decimal | None:
    """Read a price as a shop posts it, a number or a text; None if it is neither."""
    if isinstance(posted, bool) or not isinstance(posted, int | float | str | Decimal):
        return None
    text = str(posted).strip()
    if not text or len(text) > _PRICE_CHARACTERS_MAX:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount <= _PRICE_MAX else None


def currency_code(posted: object) -> str | None:
    """Read an ISO 4217 code; None if it cannot be one."""
    return posted if isinstance(posted, str) and _CURRENCY.fullmatch(posted) else None


@lru_cache(maxsize=64)
def _parsed(locale: str) -> Locale:
    return Locale.parse(_REGIONS.get(locale, locale.replace("-", "_")))


def _key(locale: str) -> str:
    return locale.replace("_", "-").lower()
