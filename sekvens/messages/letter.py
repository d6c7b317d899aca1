"""The layout: puts a body between letterhead and footer, as HTML and as text.

Layout, blocks, words and style come with the template and are pinned with it. The shop's own facts
are live: name, colour, legal name, organisation number, postal address; so are the footer's links
to the preferences and to the e-mail in a browser (`footer`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import css_inline
from jinja2 import BaseLoader, StrictUndefined
from jinja2.environment import TemplateModule
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.loaders import DictLoader
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from sekvens.errors import TemplateError
from sekvens.messages.allowed import check, of_frame
from sekvens.messages.blocks import Block
from sekvens.messages.colours import Palette, palette
from sekvens.messages.footer import Footer
from sekvens.messages.markdown import Prose, checked_url, fill_html, fill_text, parse
from sekvens.messages.plain_text import wrapped
from sekvens.messages.source import Written
from sekvens.messages.targets import FRAME, lead, placed
from sekvens.messages.views import AskedView, ShopView
from sekvens.messages.words import counted, read_words
from sekvens.shop import Shop

_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What the layout needs to know beside the body."""

    subject: str
    preheader: str
    locale: str
    is_marketing: bool
    unsubscribe_url: str | None
    shop: Shop
    view: ShopView
    asked: Mapping[str, AskedView]
    footer: Footer


class Layout:
    """A layout that has been read, in one locale; renders for any number of e-mails."""

    def __init__(self, files: Mapping[str, str], *, locale: str) -> None:
        self.words = read_words(files, locale)
        self._style = files["style.css"]
        self._media = files["media.css"]
        environment = _environment(DictLoader(dict(files)), locale)
        _check(environment, files)
        self._html = environment.get_template("letter.html")
        self._text = environment.get_template("letter.txt")
        self._html_blocks = _blocks(environment, "blocks.html")
        self._text_blocks = _blocks(environment, "blocks.txt")

    def html(self, written: Written, frame: Frame) -> str:
        """Make the HTML part."""
        blocks = self._rendered(self._html_blocks, written.blocks, frame)
        colours = palette(frame.shop.colour)
        body = fill_html(parse(written.markdown), values=written.values, blocks=blocks)
        with placed(FRAME):
            page = self._html.render(
                body=Markup(body),  # noqa: S704  every value in it has been escaped
                style=Markup(coloured(self._media, colours)),  # noqa: S704  ours, a checked colour
                **self._context(frame),
            )
        whole = frame.footer.into_html(page)
        return inliner(coloured(self._style, colours)).inline(whole)

    def text(self, written: Written, frame: Frame) -> str:
        """Make the text part."""
        blocks = self._rendered(self._text_blocks, written.blocks, frame)
        body = fill_text(parse(written.markdown), values=written.values, blocks=blocks)
        with placed(FRAME):
            letter = self._text.render(body=body, **self._context(frame)).strip("\n") + "\n"
        return frame.footer.into_text(letter)

    def _rendered(self, macros: TemplateModule, blocks: Sequence[Block], frame: Frame) -> list[str]:
        context = {"words": self.words, "shop": frame.view, "asked": frame.asked}
        rendered = []
        for block in blocks:
            with placed(block.macro, spared=_pictures(block)):
                rendered.append(str(getattr(macros, block.macro)(context, **block.arguments)))
        return rendered

    def _context(self, frame: Frame) -> dict[str, Any]:
        why = frame.footer.why()
        return {
            "frame": frame,
            "shop": frame.shop,
            "words": {**self.words, "why_transactional": why} if why else self.words,
        }


@lru_cache(maxsize=64)
def inliner(style: str) -> css_inline.CSSInliner:
    """Make what writes a style sheet into the elements of a page."""
    return css_inline.CSSInliner(extra_css=style, load_remote_stylesheets=False)


@lru_cache(maxsize=64)
def coloured(style: str, colours: Palette) -> str:
    """Put the colours of a shop into a style sheet of the layout."""
    for name, value in colours.items():
        style = style.replace(f"${name}", value)
    return _CSS_COMMENT.sub("", style).strip()


def _pictures(block: Block) -> frozenset[str]:
    """Tell the pictures that a block shows: a layout may write them as it writes links."""
    shown = (getattr(each, "picture_url", None) for each in block.arguments.values())
    return frozenset(url for url in shown if isinstance(url, str))


def _check(environment: ImmutableSandboxedEnvironment, files: Mapping[str, str]) -> None:
    """Refuse a layout that says more than a layout may, such as one that was not checked in."""
    for name in sorted(files):
        if name.endswith((".html", ".txt")):
            try:
                tree = environment.parse(files[name])
                check(tree, of_frame(tree))
            except JinjaError as error:
                line = getattr(error, "lineno", None) or 1
                raise TemplateError(f"layout {name}, line {line}: {error.message}") from error


def _blocks(environment: ImmutableSandboxedEnvironment, name: str) -> TemplateModule:
    try:
        return environment.get_template(name).make_module()
    except JinjaError as error:
        raise TemplateError(f"layout {name}: {error.message}") from error


def _environment(loader: BaseLoader, locale: str) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: bool(name) and str(name).endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        href=_href,
        prose_html=_prose_html,
        prose_text=_prose_text,
        wrap=_wrap,
        one_line=_one_line,
        counted=partial(_counted, locale=locale),
    )
    return environment


def _href(url: str) -> str:
    return lead(checked_url(url))


def _prose_html(text: str) -> str:
    """Render the shop's own Markdown; anything else stays text and is escaped."""
    if not isinstance(text, Prose):
        return text
    return Markup(fill_html(parse(text), values=(), blocks=()))  # noqa: S704  parsed without HTML


def _prose_text(text: str) -> str:
    return fill_text(parse(text), values=(), blocks=()) if isinstance(text, Prose) else text


def _counted(forms: Mapping[str, str], count: int, *, locale: str) -> str:
    return counted(forms, count, locale=locale)


def _wrap(text: str, first: str = "", rest: str = "") -> str:
    return "\n".join(wrapped(text, first, rest))


def _one_line(text: str) -> str:
    return ", ".join(part.strip(" ,") for part in text.splitlines() if part.strip(" ,"))
