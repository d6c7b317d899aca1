"""One question to one feed, asked by hand, and what an e-mail would say of the answer."""

from collections.abc import Sequence

from sekvens.feeds.desk import ask
from sekvens.feeds.section import FeedSettings
from sekvens.feeds.values import Value, WeatherCode
from sekvens.feeds.weather import WEATHER_WORDS


def try_feed(settings: FeedSettings, url: str, locales: Sequence[str]) -> list[str]:
    """Ask, and tell each field in a line; one that is missing gives an e-mail its other words.

    Raises:
        FeedFailed: it told nothing.
    """
    answer = ask(settings, url, settings.timeout_seconds)
    return [f"  {name}: {_written(answer.values.get(name), locales)}" for name in settings.fields]


def _written(value: Value | None, locales: Sequence[str]) -> str:
    if value is None:
        return "missing, or not of its kind: an e-mail that speaks of it has its other words"
    if isinstance(value, WeatherCode):
        words = WEATHER_WORDS[value.code]
        return " / ".join(words.get(locale, words["en"]) for locale in locales)
    return str(value)
