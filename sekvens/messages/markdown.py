"""Markdown to HTML and to plain text, from one parse, with values filled in only afterwards.

What a contact or a shop's backend wrote never meets the Markdown parser. The source carries a mark
in its place; the parsed form is kept (it is the same for every contact whose e-mail takes the same
turns); and each part puts the value where the mark stands, escaped for that part. So a value can be
neither Markdown nor HTML.
"""

import html as html_entities
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from sekvens.errors import TemplateError
from sekvens.feeds.values import FeedLink, FeedText
from sekvens.messages.plain_text import BLOCK, Passage, passages
from sekvens.messages.targets import lead

#: Marks are private-use characters: the parser takes them for letters, and no text needs them.
_VALUE, _BLOCK, _URL, _URL_END, _END = "\ue000", "\ue001", "\ue002", "\ue003", "\ue004"
_MARKS = re.compile("[\ue000-\ue004]")
_VALUE_MARK = re.compile(f"{_VALUE}([0-9]+){_END}")
_BLOCK_MARK = re.compile(f"{_BLOCK}([0-9]+){_END}")
_ANY_MARK = re.compile(
    f"{_VALUE}([0-9]+){_END}|{_BLOCK}([0-9]+){_END}|{_URL}([^{_URL_END}]*){_URL_END}"
)

_SCHEMES = frozenset({"https", "http", "mailto", "tel"})
#: White space and control characters that browsers drop, and marks that turn the direction of text:
#: with them a link looks like another one.
_NOT_IN_A_URL = re.compile(
    '[\x00-\x20\x7f-\xa0"<>\\\\^`{|}\xad\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff'
    "\ud800-\udfff]"
)


#: Said of a link that a feed's text would lead.
NO_LINK_OF_A_FEED = (
    "a text of a feed cannot be a link or a part of one: take a field of the kind `link`, alone"
)


class Prose(str):
    """Markdown that the shop wrote in its settings: the one text that is parsed where it stands."""

    __slots__ = ()


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A parsed source, its marks still in it."""

    html: str
    passages: tuple[Passage | str, ...]  #: a passage without marks is laid out already


def value_mark(index: int) -> str:
    """Stand in the source for the value of this index."""
    return f"{_VALUE}{index}{_END}"


def block_mark(index: int) -> str:
    """Stand in the source, as a paragraph of its own, for the block of this index."""
    return f"\n\n{_BLOCK}{index}{_END}\n\n"


def without_marks(text: str) -> str:
    """Take out of foreign text what we could mistake for a mark."""
    return _MARKS.sub("", text)


def fill_plain(text: str, values: Sequence[str]) -> str:
    """Put the values where their marks stand, as they are: for a subject, or a block's argument."""
    return _VALUE_MARK.sub(lambda mark: values[int(mark[1])], text)


def fill_html(parsed: Parsed, *, values: Sequence[str], blocks: Sequence[str]) -> str:
    """Put values (escaped) and blocks (HTML already) where their marks stand.

    Raises:
        TemplateError: a link leads nowhere that a mail may lead.
    """
    return _filled(parsed.html, values, blocks, escape=html_entities.escape)


def fill_text(parsed: Parsed, *, values: Sequence[str], blocks: Sequence[str]) -> str:
    """Put values and blocks (text already) where their marks stand, and wrap the lines.

    Raises:
        TemplateError: a link leads nowhere that a mail may lead.
    """
    filled = (
        passage
        if isinstance(passage, str)
        else passage.laid_out(_filled(passage.body, values, blocks, escape=str))
        for passage in parsed.passages
    )
    return "\n".join(lines for lines in filled if lines is not None).strip("\n")


@lru_cache(maxsize=2048)
def parse(source: str) -> Parsed:
    """Parse Markdown whose values are marks; kept, because most contacts share it.

    Raises:
        TemplateError: it contains a picture: those are blocks.
    """
    tokens = _PARSER.parse(source)
    for position, token in enumerate(tokens):
        _prepare(token)
        if token.type == "inline" and _BLOCK_MARK.fullmatch(token.content):
            token.meta[BLOCK] = True
            tokens[position - 1].hidden = tokens[position + 1].hidden = True
    rendered = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return Parsed(
        html=rendered,
        passages=tuple(
            passage if _MARKS.search(passage.body) else passage.laid_out(passage.body) or ""
            for passage in passages(tokens)
        ),
    )


def checked_url(url: str) -> str:
    """Hand the URL back if an e-mail may lead there: absolute https or http, mailto, tel.

    Raises:
        TemplateError: it may not.
    """
    if not is_web_url(url) and not _is_other_url(url):
        raise TemplateError(
            "a link must be an absolute https, http, mailto or tel address, and one is not"
        )
    return url


def is_web_url(url: str) -> bool:
    """Tell whether this is an absolute https or http URL, and nothing that only looks like one."""
    if _NOT_IN_A_URL.search(url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    # Whatever stands before an @ is no host, and looks like one.
    return parts.scheme in {"https", "http"} and bool(parts.hostname) and "@" not in parts.netloc


def _is_other_url(url: str) -> bool:
    scheme, colon, rest = url.partition(":")
    other = scheme.lower() in _SCHEMES - {"https", "http"}
    return bool(colon and rest) and other and not _NOT_IN_A_URL.search(url)


def _filled(
    text: str, values: Sequence[str], blocks: Sequence[str], *, escape: Callable[[str], str]
) -> str:
    def replaced(mark: re.Match[str]) -> str:
        value, block, url = mark.groups()
        if value is not None:
            return escape(values[int(value)])
        if block is not None:
            return blocks[int(block)]
        return escape(lead(checked_url(_whole_url(url, values))))

    return _ANY_MARK.sub(replaced, text)


def _whole_url(url: str, values: Sequence[str]) -> str:
    """Put the values into a link; what a feed told is a whole link or no part of one.

    Raises:
        TemplateError: it would be a part.
    """
    for mark in _VALUE_MARK.finditer(url):
        value = values[int(mark[1])]
        if isinstance(value, FeedText) or (isinstance(value, FeedLink) and mark[0] != url):
            raise TemplateError(NO_LINK_OF_A_FEED)
    return fill_plain(url, values)


def _prepare(token: Token) -> None:
    """Mark the URLs, and put headings below the shop's name, which is the first."""
    if token.type in ("heading_open", "heading_close"):
        token.tag = f"h{min(6, int(token.tag[1]) + 1)}"
    for child in token.children or ():
        if child.type == "image":
            raise TemplateError(
                "pictures come with a product, `{{ product(line) }}`; `![…](…)` is not for e-mails"
            )
        if child.type == "link_open":
            child.attrSet("href", f"{_URL}{child.attrGet('href')}{_URL_END}")


class _Parser(MarkdownIt):
    """Leaves URLs as they are, marks and all: `checked_url` looks at them once they are whole."""

    def normalizeLink(self, url: str) -> str:  # noqa: N802  markdown-it's own name
        return url

    def validateLink(self, url: str) -> bool:  # noqa: ARG002, N802  markdown-it's own name
        return True


def _parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False})
    # Indented text is not code: an author indents what stands in a Jinja2 block.
    parser.disable(["code", "html_block", "html_inline", "reference"])
    return parser


_PARSER = _parser()
