"""Markdown's tokens to plain text: paragraphs of at most 78 characters a line, and every link.

A link reads `its text <its URL>`, the form in which mail programs find where a URL ends. A URL is
never broken over two lines, however long.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from markdown_it.token import Token

WIDTH = 78

#: Marks, in a token's `meta`, the paragraph that stands for a block.
BLOCK = "block"

#: A non-breaking space does not break: prices and dates stay whole.
_BREAKABLE = re.compile(r"[ \t]+")


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A stretch of text that is laid out together; marks still in it."""

    body: str
    first: str = ""  #: what stands before its first line: `- `
    rest: str = ""  #: … and before the others
    underlined: bool = False
    verbatim: bool = False  #: a block has broken its own lines
    tight: bool = False  #: no empty line before it

    def laid_out(self, body: str) -> str | None:
        """Lay the body out, its marks replaced; None if nothing is left of it."""
        if not body.strip():
            return None
        lines = (
            body.strip("\n").split("\n") if self.verbatim else wrapped(body, self.first, self.rest)
        )
        if self.underlined:
            lines.append("-" * min(WIDTH, max(len(line) for line in lines)))
        return "\n".join(lines if self.tight else ["", *lines])


def wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    """Wrap text into lines of at most `WIDTH`, a word that is longer than that on its own."""
    lines: list[str] = []
    for part in text.split("\n"):
        line = rest if lines else first
        width_before = len(line)
        for word in _BREAKABLE.split(part.strip()):
            if len(line) > width_before and len(line) + 1 + len(word) > WIDTH:
                lines.append(line)
                line = rest
                width_before = len(line)
            line += f" {word}" if len(line) > width_before else word
        lines.append(line)
    return [line.rstrip() for line in lines]


def passages(tokens: Sequence[Token]) -> Iterator[Passage]:
    """Tell the passages of a parsed source, in order."""
    margin = _Margin()
    for position, token in enumerate(tokens):
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                margin.lists.append(_List(token))
            case "bullet_list_close" | "ordered_list_close":
                margin.lists.pop()
            case "list_item_open":
                margin.indents.append(margin.lists[-1].next_item())
            case "blockquote_open":
                margin.indents.append(_Indent(first="> ", rest="> "))
            case "list_item_close" | "blockquote_close":
                margin.indents.pop()
            case "hr":
                yield Passage(body="* * *")
            case "inline":
                yield margin.passage(token, opened_by=tokens[position - 1])
            case _:
                pass


@dataclass
class _Indent:
    first: str
    rest: str
    used: bool = False

    def next(self) -> str:
        """Tell what stands before the next passage's first line: a bullet only once."""
        before, self.used = (self.rest if self.used else self.first), True
        return before


class _List:
    def __init__(self, opening: Token) -> None:
        is_ordered = opening.type == "ordered_list_open"
        self._number = int(opening.attrGet("start") or 1) if is_ordered else None
        self.items = 0

    def next_item(self) -> _Indent:
        """Tell how the next item is indented."""
        bullet = "- " if self._number is None else f"{self._number + self.items}. "
        self.items += 1
        return _Indent(first=bullet, rest=" " * len(bullet))


@dataclass
class _Margin:
    """The lists and quotes that are open around a passage."""

    indents: list[_Indent] = field(default_factory=list)
    lists: list[_List] = field(default_factory=list)

    def passage(self, token: Token, *, opened_by: Token) -> Passage:
        """Tell the passage of an inline token."""
        # The first item of a list stands apart from the text before it, the others do not.
        is_tight = bool(self.lists) and opened_by.hidden
        return Passage(
            first="".join(indent.next() for indent in self.indents),
            rest="".join(indent.rest for indent in self.indents),
            body="".join(_inline(token.children or ())),
            underlined=opened_by.type == "heading_open",
            verbatim=bool(token.meta.get(BLOCK)),
            tight=is_tight and (len(self.lists) > 1 or self.lists[-1].items > 1),
        )


def _inline(children: Iterable[Token]) -> Iterator[str]:
    """Tell the text of a paragraph: emphasis is left to the words, a link shows its URL."""
    opened: list[tuple[str, list[str]]] = []
    for child in children:
        match child.type:
            case "text" | "code_inline" | "text_special":
                piece = child.content
            case "softbreak":
                piece = " "
            case "hardbreak":
                piece = "\n"
            case "link_open":
                opened.append((str(child.attrGet("href")), []))
                continue
            case "link_close":
                url, words = opened.pop()
                piece = _link("".join(words), url)
            case _:
                continue
        if opened:
            opened[-1][1].append(piece)
        else:
            yield piece


def _link(words: str, url: str) -> str:
    bare = url.strip("\ue002\ue003")
    return f"<{url}>" if words in (bare, bare.removeprefix("mailto:")) else f"{words} <{url}>"
