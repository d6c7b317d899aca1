"""The tag of feeds: `{% feed "weather" as weather %} … {% otherwise %} … {% endfeed %}`.

One of its two parts is written, whole: the first, if the feed told every field that the part speaks
of; else the other, which is never missing. What goes wrong with these fields all the same is for
`compose` to mend.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard, cast

from jinja2 import nodes, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from markupsafe import Markup

from sekvens.feeds.values import Answer, FeedText, Value, WeatherCode
from sekvens.feeds.weather import WEATHER_WORDS
from sekvens.messages.reader import Reader

#: The name under which the tag finds what the feeds told: no expression can say it.
FEEDS = "the feeds"
#: The name under which it finds the page that is being written.
PAGE = "the page"

#: The filter that marks what is written of a feed's text.
_MARKED = "marked as told"


class FeedView:
    """What one feed told, as a source may use it: `weather.high`."""

    # Nothing public but its fields, whatever they are called.
    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Value]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> Value:
        return self._fields[name]


@dataclass(frozen=True, kw_only=True)
class Fed:
    """One such tag, as it was parsed."""

    feed: str
    name: str  #: by which its first part calls it
    fields: tuple[str, ...]  #: that the first part speaks of
    body: list[nodes.Node]


def in_words(answers: Mapping[str, Answer], reader: Reader) -> dict[str, Answer]:
    """Write out for a reader what the feeds told."""
    return {
        feed: replace(
            answer, values={name: _written(value, reader) for name, value in answer.values.items()}
        )
        for feed, answer in answers.items()
    }


class FeedTag(Extension):
    """Adds the tag to an environment."""

    tags = {"feed"}  # noqa: RUF012  Jinja2's own way

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Read the tag with its two parts: two calls, each with a part that it may have written."""
        line = next(parser.stream).lineno
        feed = parser.stream.expect("string").value
        parser.stream.expect("name:as")
        name = parser.stream.expect("name").value
        body = parser.parse_statements(("name:otherwise", "name:endfeed"))
        if parser.stream.current.value == "endfeed":
            parser.fail(
                f'the feed "{feed}" has no {{% otherwise %}}: write what stands there when it '
                "tells nothing",
                line,
            )
        next(parser.stream)
        otherwise = parser.parse_statements(("name:endfeed",), drop_needle=True)
        if any(used.name == name for part in otherwise for used in _all(part, nodes.Name)):
            parser.fail(f"{name!r} cannot stand behind {{% otherwise %}}: there is none", line)
        fields = {
            used.attr for part in body for used in _all(part, nodes.Getattr) if is_field(used, name)
        }
        told: list[nodes.Expr] = [nodes.Const(feed), nodes.Const(tuple(sorted(fields)))]
        given = nodes.Name(name, "param")
        return [
            nodes.CallBlock(
                self.call_method("told", told, lineno=line), [given], [], body, lineno=line
            ),
            nodes.CallBlock(
                self.call_method("otherwise", [], lineno=line), [], [], otherwise, lineno=line
            ),
        ]

    @pass_context
    def told(
        self, context: Context, feed: str, fields: tuple[str, ...], *, caller: Callable[..., str]
    ) -> str:
        """Write the first part if the feed told all that it speaks of; else nothing of it."""
        page, answer = context[PAGE], context[FEEDS].get(feed)
        page.needs_otherwise = True
        if answer is None:
            return Markup()
        missing = set(fields) - answer.values.keys()
        if missing and answer.is_sample:
            there = ", ".join(sorted(answer.values))
            raise TemplateRuntimeError(f"the feed {feed!r} has no {min(missing)!r}: it has {there}")
        if missing:
            return Markup()
        written = caller(FeedView(answer.values))
        page.needs_otherwise = False  # only now: other tags may stand in what was written
        return written

    @pass_context
    def otherwise(self, context: Context, *, caller: Callable[..., str]) -> str:
        """Write the other part, unless the first has been written."""
        return caller() if context[PAGE].needs_otherwise else Markup()


#: What the tag calls, for a sandbox to allow.
CALLED = (FeedTag.told, FeedTag.otherwise)


def fed_of(node: nodes.Node) -> Fed | None:
    """Tell what feed a node of a parsed source is about: it is the first part of a tag."""
    if not is_of_tag(node) or not node.args:
        return None
    feed, fields = (cast("nodes.Const", given).value for given in node.call.args)
    return Fed(feed=feed, name=node.args[0].name, fields=fields, body=node.body)


def is_of_tag(node: nodes.Node) -> TypeGuard[nodes.CallBlock]:
    """Tell whether a node was made by the tag: nothing else has a call of this kind."""
    return isinstance(node, nodes.CallBlock) and isinstance(
        node.call.node, nodes.ExtensionAttribute
    )


def is_field(node: nodes.Node, *names: str) -> TypeGuard[nodes.Getattr]:
    """Tell whether a node is a field of a feed that goes by one of these names."""
    match node:
        case nodes.Getattr(node=nodes.Name(name=name)):
            return name in names
        case _:
            return False


def holds_field(node: nodes.Node, *names: str) -> bool:
    """Tell whether a field of such a feed is used in a node, however deep."""
    return any(is_field(used, *names) for used in _all(node, nodes.Getattr))


def mark_told(tree: nodes.Template) -> None:
    """Let what is written of a feed be known for it, whatever filters it has passed."""
    for block in tree.find_all(nodes.CallBlock):
        fed = fed_of(block)
        for part in fed.body if fed else ():
            for output in _all(part, nodes.Output):
                output.nodes = [
                    nodes.Filter(said, _MARKED, [], [], None, None, lineno=said.lineno)
                    if fed and holds_field(said, fed.name)
                    else said
                    for said in output.nodes
                ]


def _written(value: Value, reader: Reader) -> Value:
    return (
        FeedText(reader.text(WEATHER_WORDS[value.code]))
        if isinstance(value, WeatherCode)
        else value
    )


def _marked(value: object) -> object:
    return FeedText(value) if type(value) is str or isinstance(value, Markup) else value


#: Filters that no source can name.
MARKING: Mapping[str, Callable[..., Any]] = {_MARKED: _marked}


def _all(node: nodes.Node, kind: type[nodes.Node]) -> Iterator[Any]:
    """Find nodes of a kind, the node itself among them: Jinja2's own looks below it only."""
    if isinstance(node, kind):
        yield node
    yield from node.find_all(kind)
