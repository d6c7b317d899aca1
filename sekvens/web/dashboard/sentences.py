"""Sentences that other parts have written down in English, in the language of a page.

Journals, switches and errors hold sentences and no keys. Each is found again by its English among
`words/sentences.toml`, whose places stand for what differs, and said with the same values. What is
none of ours, such as SES's own words, stays as it is and is marked as a quotation.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from babel.numbers import format_decimal, format_percent, parse_decimal
from markupsafe import Markup, escape

from sekvens.web.dashboard.words import Words

#: Says a word of a kind: `exit`, `converted`.
Word = Callable[[str, str], str]

_FILE: Final = "sentences"
_PLACE: Final = re.compile(r"\{(\w+)\}")
#: What may stand at a place, where that is not just anything.
_SHAPES: Final[Mapping[str, str]] = {
    "place": r"[\w.-]+/[\w.-]*", "status": r"\d+", "n": r"[\d,.]+", "of": r"[\d,.]+",
    "min": r"[\d,.]+", "share": r"[\d.]+%", "sure": r"[\d.]+%", "rate": r"\w+", "purpose": r"\w+",
    "hold": r"\w+", "skip": r"\w+", "state": r"\w+", "kind": r"\w+(?:, \w+)*",
}  # fmt: skip
_NUMBERS: Final = frozenset({"n", "of", "min", "share", "sure"})
#: Places that hold words of the facts, or several: what `reasons.toml` calls their kind.
_KINDS: Final = frozenset({"hold", "skip", "rate", "purpose", "state", "kind"})
#: A place that holds another sentence.
_INNER: Final = "sentence"
_MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"),
    "sv": ("\N{RIGHT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"),
}


class Sentences:
    """Says sentences of ours in one language; `word` says the words of the facts in them."""

    def __init__(self, language: str, word: Word) -> None:
        self._words, self._word = Words(_FILE, language), word
        self._language = language

    def said(self, text: str) -> str | None:
        """Say a sentence of ours, or several with `; ` between them; None: it is none of ours."""
        text = " ".join(text.split())
        for key, pattern in _patterns():
            found = pattern.fullmatch(text)
            if found is not None:
                return self._words(key, **self._values(found))
        parts = text.split("; ")
        said = [self.said(part) for part in parts] if len(parts) > 1 else [None]
        return None if None in said else "; ".join(filter(None, said))

    def plain(self, text: str) -> str:
        """Say a sentence; what is none of ours stands between quotation marks."""
        said = self.said(text)
        begins, ends = _MARKS[self._language]
        return f"{begins}{text}{ends}" if said is None else said

    def __call__(self, text: str | None) -> Markup:
        """Say a sentence on a page; what is none of ours is a quotation. None: nothing."""
        if not text:
            return Markup()
        said = self.said(text)
        return Markup('<q lang="en">{}</q>').format(text) if said is None else escape(said)

    def _values(self, found: re.Match[str]) -> dict[str, str]:
        return {name: self._value(name, value) for name, value in found.groupdict().items()}

    def _value(self, name: str, value: str) -> str:
        if name == _INNER:
            return self.plain(value)
        if name in _NUMBERS:
            return _number(value, self._language)
        kind = _of_kind(name)
        if kind in _KINDS:
            return ", ".join(self._word(kind, each) for each in value.split(", "))
        return value


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Make a pattern of each sentence; those with the most words of their own are tried first."""
    english = {key: str(text) for key, text in Words(_FILE, "en").own.items()}
    by_length = sorted(english.items(), key=lambda item: -len(_PLACE.sub("", item[1])))
    return tuple((key, re.compile(_pattern(text))) for key, text in by_length)


def _pattern(text: str) -> str:
    parts = _PLACE.split(text)  # words and names of places, by turns
    return "".join(
        f"(?P<{part}>{_SHAPES.get(_of_kind(part), '.+?')})" if nth % 2 else re.escape(part)
        for nth, part in enumerate(parts)
    )


def _of_kind(place: str) -> str:
    """Tell what stands at a place: a second one of the same kind is called `kind2`."""
    return place.rstrip("2")


def _number(written: str, language: str) -> str:
    """Write a number as this language does that was written as English does."""
    number = parse_decimal(written.removesuffix("%"), locale="en")
    if written.endswith("%"):
        return format_percent(number / 100, "#,##0.00 %", locale=language)
    return format_decimal(number, locale=language)
