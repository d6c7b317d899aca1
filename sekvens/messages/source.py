"""One e-mail's source in one locale: front matter, then Markdown with Jinja2.

Whatever an expression yields becomes a value, held apart from the Markdown (see `markdown`), with
two exceptions that we make ourselves: blocks, and the shop's own Markdown (`Prose`).

A name that is called is a block, a name that is not is a variable: `product(product)` is both.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jinja2 import Template, meta, nodes, pass_context
from jinja2.exceptions import TemplateError as JinjaError
from jinja2.exceptions import UndefinedError
from jinja2.runtime import Context
from markupsafe import Markup

from sekvens.errors import TemplateError
from sekvens.feeds.values import Answer, FeedLink, FeedText
from sekvens.messages.allowed import check, check_length, of_sources
from sekvens.messages.blocks import BLOCKS, Block
from sekvens.messages.feed_tag import FEEDS, PAGE, FeedTag, fed_of, mark_told
from sekvens.messages.front_matter import SECOND_SUBJECT, divided
from sekvens.messages.markdown import Prose, block_mark, fill_plain, value_mark, without_marks
from sekvens.messages.sandbox import (
    WRITTEN_CHARACTERS_MAX,
    Sandbox,
    counting,
    make_sandbox,
    with_bounds,
)

SUBJECT_CHARACTERS_MAX = 70
PREHEADER_CHARACTERS_MAX = 110
#: Sources that one process keeps: far more than a shop has in use at once.
SOURCES_MAX = 512

#: What comes before a block's name, so that a variable of that name does not hide it.
_CALLED = "_block_"

_NO_FEEDS: Mapping[str, Answer] = MappingProxyType({})

#: What Jinja2 or Python raises for a source that they cannot read, beside `JinjaError`.
_UNREADABLE = (ValueError, OverflowError, RecursionError, SyntaxError, MemoryError)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a source yields for one contact."""

    subject: str
    preheader: str
    markdown: str  #: with marks for values and blocks
    values: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass
class Page:
    """Collects, while a source is being rendered, what its marks stand for."""

    values: list[str] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    needs_otherwise: bool = False  #: the feed that was just asked for has told too little

    def mark(self, value: object) -> str:
        """Keep a value, or a block, and tell its mark.

        Raises:
            TemplateError: it is no text: nothing that a reader should see.
        """
        if isinstance(value, Prose):
            return without_marks(value)
        if isinstance(value, Block):
            self.blocks.append(value.with_plain_texts(self.values))
            return block_mark(len(self.blocks) - 1)
        if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
            raise UndefinedError(
                f"an expression yields {type(value).__name__}, which is no text: "
                "guard it with {% if … %}"
            )
        if value == "":
            return ""
        # What a feed told stays known for it.
        self.values.append(value if isinstance(value, FeedText | FeedLink) else str(value))
        return value_mark(len(self.values) - 1)


class Source:
    """A source that has been read; renders for any number of contacts, from any thread."""

    def __init__(self, text: str, *, name: str, locale: str) -> None:
        self._file = f"{name}.{locale}.md"
        self._names: set[str] = set()
        self._feeds: dict[str, frozenset[str]] = {}
        front, body = divided(text, self._file)
        self._subject = self._template(front["subject"], part="subject")
        self.has_second_subject = SECOND_SUBJECT in front
        self._second_subject = (
            self._template(front[SECOND_SUBJECT], part=SECOND_SUBJECT)
            if self.has_second_subject
            else self._subject
        )
        self._preheader = self._template(front["preheader"], part="preheader")
        self._body = self._template(body, part="body")

    @property
    def variables(self) -> frozenset[str]:
        """The variables that it speaks of."""
        return frozenset(name for name in self._names if not name.startswith(_CALLED))

    @property
    def blocks(self) -> frozenset[str]:
        """The blocks that it calls."""
        called = (name for name in self._names if name.startswith(_CALLED))
        return frozenset(name.removeprefix(_CALLED) for name in called)

    @property
    def feeds(self) -> Mapping[str, frozenset[str]]:
        """The feeds that it asks, with the fields of each."""
        return self._feeds

    def write(
        self,
        variables: Mapping[str, Any],
        *,
        feeds: Mapping[str, Answer] = _NO_FEEDS,
        second_subject: bool = False,
    ) -> Written:
        """Render for one contact, under its second subject if it has one and that is wanted.

        Raises:
            TemplateError: a fact that it needs is missing, or an expression is wrong.
        """
        page = Page()
        everything = {**variables, **counting(), PAGE: page, FEEDS: feeds}
        subject, preheader, markdown = (
            self._rendered(template, everything)
            for template in (
                self._second_subject if second_subject else self._subject,
                self._preheader,
                self._body,
            )
        )
        return Written(
            subject=_line(fill_plain(subject, page.values), SUBJECT_CHARACTERS_MAX),
            preheader=_line(fill_plain(preheader, page.values), PREHEADER_CHARACTERS_MAX),
            markdown=markdown,
            values=tuple(page.values),
            blocks=tuple(page.blocks),
        )

    def _template(self, source: str, *, part: str) -> Template:
        try:
            check_length(source)
            tree = _ENVIRONMENT.parse(source)
            check(tree, _ALLOWED)
            for call in tree.find_all(nodes.Call):
                if isinstance(call.node, nodes.Name):
                    call.node.name = f"{_CALLED}{call.node.name}"
                    self._names.add(call.node.name)  # it is known, so it is not undeclared
            self._names |= meta.find_undeclared_variables(tree)
            for fed in filter(None, map(fed_of, tree.find_all(nodes.CallBlock))):
                known = self._feeds.get(fed.feed, frozenset())
                self._feeds[fed.feed] = known.union(fed.fields)
            mark_told(tree)
            return _ENVIRONMENT.from_string(with_bounds(tree))
        except JinjaError as error:
            line = getattr(error, "lineno", None) or 1
            raise TemplateError(f"{self._file}, line {line} ({part}): {error.message}") from error
        except _UNREADABLE as error:
            raise TemplateError(
                f"{self._file} ({part}): it cannot be read ({type(error).__name__}); what stands "
                "in it is too deep, or a number too long"
            ) from None

    def _rendered(self, template: Template, variables: Mapping[str, Any]) -> str:
        try:
            return _within(template.generate(variables))
        except JinjaError as error:
            raise TemplateError(f"{self._at(error)}: {error.message}") from error
        except TemplateError as error:
            raise TemplateError(f"{self._at(error)}: {error}") from error
        except Exception as error:  # noqa: BLE001  an expression may raise anything
            # Not its text: that may quote what a contact wrote.
            raise TemplateError(f"{self._at(error)}: {type(error).__name__}") from None

    def _at(self, error: BaseException) -> str:
        """Tell the file and line: Jinja2 rewrites tracebacks to the template's own lines."""
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = trace.tb_lineno
            trace = trace.tb_next
        return f"{self._file}, line {line}" if line else self._file


@lru_cache(maxsize=SOURCES_MAX)
def read_source(text: str, *, name: str, locale: str) -> Source:
    """Read a source, once for all who ask of it: a text never changes, whichever template has it.

    Raises:
        TemplateError: it is wrong; the message names flow, step and line.
    """
    return Source(text, name=name, locale=locale)


def _within(pieces: Iterable[str]) -> str:
    """Join what is written, as far as an e-mail goes."""
    written, length = [], 0
    for piece in pieces:
        written.append(piece)
        length += len(piece)
        if length > WRITTEN_CHARACTERS_MAX:
            raise TemplateError(f"it writes more than {WRITTEN_CHARACTERS_MAX:,} characters")
    return "".join(written)


@pass_context
def _finalize(context: Context, value: object) -> Markup:
    # Undefined raises here, with the variable's name, as any use of it does.
    shown = str(value) if hasattr(value, "_undefined_name") else value
    page: Page = context[PAGE]
    return Markup(page.mark(shown))  # noqa: S704  a mark, or the shop's own Markdown; nothing else


#: Control characters, what turns the direction of text, and halves of characters.
_UNSEEN = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]"
)


def _line(text: str, characters_max: int) -> str:
    """Make one line of it, cut at a word where it is too long for an inbox to show.

    What a name or a product brings along that is no text is left out: a header takes none of it.
    """
    text = _UNSEEN.sub("", " ".join(text.split()))
    if len(text) <= characters_max:
        return text
    cut = text[: characters_max - 1]
    return f"{cut.rsplit(' ', 1)[0] if ' ' in cut else cut}…"


def _environment() -> Sandbox:
    environment = make_sandbox(
        autoescape=True,
        finalize=_finalize,
        extensions=[FeedTag],
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals = {f"{_CALLED}{name}": block for name, block in BLOCKS.items()}
    return environment


_ENVIRONMENT = _environment()
_ALLOWED = of_sources(BLOCKS)
