"""Writes the Monday mail as HTML and as text, in the frame of the shop's e-mails.

Both parts are made of one content, so they cannot say different things.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sekvens.messages.colours import palette
from sekvens.messages.letter import coloured, inliner
from sekvens.messages.plain_text import WIDTH, wrapped
from sekvens.messages.templates import read_layout
from sekvens.shop import Shop
from sekvens.staff.monday.letter import FOLDER, Letter, Section

_TEMPLATE: Final = "monday.html"


def html(letter: Letter, shop: Shop) -> str:
    """Make the HTML part."""
    colours, layout = palette(shop.colour), read_layout()
    night = layout["media.css"] + _file("monday.night.css")
    page = (
        _environment()
        .get_template(_TEMPLATE)
        .render(
            letter=letter,
            shop=shop,
            style=Markup(coloured(night, colours)),  # noqa: S704  ours, a checked colour
        )
    )
    return inliner(coloured(layout["style.css"] + _file("monday.css"), colours)).inline(page)


def text(letter: Letter) -> str:
    """Make the text part: paragraphs of at most 78 characters a line, and every link whole."""
    lines: list[str] = []
    for section in letter.sections:
        lines += ["", *_section(section)]
    lines += ["", f"{letter.board.text} <{letter.board.url}>", "", "-- "]
    for small in letter.small:
        lines += wrapped(small)
    return "\n".join(lines).lstrip("\n") + "\n"


def _section(section: Section) -> Iterator[str]:
    yield section.title
    yield "-" * min(WIDTH, len(section.title))
    for paragraph in section.paragraphs:
        yield ""
        yield from wrapped(paragraph)
    if section.rows:
        yield ""
        yield from _table([section.head, *section.rows])
    if section.links:
        yield ""
        for link in section.links:
            yield from wrapped(f"{link.text} <{link.url}>", "- ", "  ")


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Set a table in columns: the first to the left, numbers to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _file(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
