"""Text from outside as plain text: without markup, without what shows nothing."""

import re
from html.parser import HTMLParser
from typing import Final

#: No text is read further than this; a product page pasted into a feed is longer.
TEXT_LENGTH_MAX: Final = 20_000
_UNSEEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MARKUP: Final = re.compile(r"<[a-zA-Z/!]|&[#\w]+;")
_BREAKS: Final = frozenset(
    {"p", "br", "div", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6"}
)
_HIDDEN: Final = frozenset({"script", "style", "head", "template", "noscript"})


def line_of_text(text: str, *, length_max: int) -> str:
    """Tell a text on one line, cut at a word."""
    line = " ".join(paragraphs(text).split())
    if len(line) <= length_max:
        return line
    cut = line[: length_max - 1]
    return f"{cut.rpartition(' ')[0] or cut}…"


def seen_line(text: str) -> str:
    """Tell a text on one line, without what shows nothing or turns the direction of text.

    So that it may stand in a subject or a header; nothing of it is read as markup.
    """
    return " ".join(_UNSEEN.sub("", " ".join(text.split())).split())


def paragraphs(text: str) -> str:
    """Tell a text, HTML or not, as plain lines."""
    text = text[:TEXT_LENGTH_MAX]
    if _MARKUP.search(text):
        text = _without_markup(text)
    text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _without_markup(html: str) -> str:
    reader = _TextOfHtml()
    try:
        reader.feed(html)
        reader.close()
    except AssertionError:  # html.parser gives up on a few broken declarations
        return re.sub(r"<[^>]*>?", " ", html)
    return "".join(reader.parts)


class _TextOfHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  its signature
        self._hidden += tag in _HIDDEN
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(" ".join(data.split("\n")))
