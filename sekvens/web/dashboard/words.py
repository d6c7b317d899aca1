"""What the dashboard says, in each language: one file for each page, and `common.toml` for all.

A text may have places (`{name}`), and forms of the plural by a number `n`:

    people = { one = "{n} person", other = "{n} people" }

Every language says everything that another says; a test holds them together.
"""

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from babel.numbers import format_decimal

from sekvens.messages.formats import plural_form

FOLDER: Final = Path(__file__).parent / "words"
LANGUAGES: Final = ("sv", "en")

_NO_PART_OF_A_KEY: Final = re.compile(r"\W+")

#: A text, or its forms by CLDR's names.
Text: TypeAlias = str | Mapping[str, str]


class Words:
    """The words of one page in one language: `t.title`, `t("people", n=3)`."""

    def __init__(self, page: str, language: str) -> None:
        self.page, self.language = page, language
        self._texts = {**_read("common")[language], **_read(page)[language]}

    def __getattr__(self, key: str) -> str:
        if key.startswith("__"):
            raise AttributeError(key)
        return self(key)

    def __call__(self, key: str, /, **values: Any) -> str:
        """Say a text, its places filled; whole numbers are written as the language writes them.

        Raises:
            AttributeError: neither the page's words nor the common ones have it.
        """
        text = self._texts.get(key)
        if text is None:
            raise AttributeError(f"{self.page}.toml has no text {key!r}")
        if not isinstance(text, str):
            text = text[plural_form(values["n"], locale=self.language)]
        if not values:
            return text
        return text.format(
            **{
                name: format_decimal(value, locale=self.language)
                if isinstance(value, int)
                else value
                for name, value in values.items()
            }
        )

    @property
    def own(self) -> Mapping[str, Text]:
        """The texts of the page itself, without those that all pages have."""
        return _read(self.page)[self.language]

    def has(self, key: str) -> bool:
        """Tell whether there is such a text: of words made by other parts, such as reasons."""
        return key in self._texts

    def of(self, kind: str, name: str) -> str:
        """Say the word for a name of the database's (`reason_quiet_hours`), or the name itself."""
        key = _NO_PART_OF_A_KEY.sub("_", f"{kind}_{name}")
        return self(key) if self.has(key) else name


@cache
def _read(page: str) -> Mapping[str, Mapping[str, Text]]:
    file = FOLDER / f"{page}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
