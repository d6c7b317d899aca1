"""Words: what the layout and its blocks say, from the `words.<locale>.toml` of a template.

They are pinned with the template, so an e-mail under way keeps the words it was published with.
"""

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sekvens.errors import TemplateError
from sekvens.messages.formats import plural_form


def read_words(layout: Mapping[str, str], locale: str) -> Mapping[str, Any]:
    """Read a layout's words in a locale, or in its language.

    Raises:
        TemplateError: the layout has none.
    """
    for name in (f"words.{locale}.toml", f"words.{locale.partition('-')[0]}.toml"):
        if name in layout:
            return _loaded(layout[name])
    raise TemplateError(f"the layout has no words in locale {locale}: write words.{locale}.toml")


@lru_cache(maxsize=64)
def _loaded(text: str) -> Mapping[str, Any]:
    return tomllib.loads(text)


def counted(forms: Mapping[str, str], count: int, *, locale: str) -> str:
    """Choose the plural form for a count, and put the count in: `… och {count} saker till`."""
    return forms.get(plural_form(count, locale=locale), forms["other"]).format(count=count)
