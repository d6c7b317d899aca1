"""The sandbox that e-mails' sources are rendered in: the second line behind the allow-list.

What the list lets through can still be repeated, joined and added up: here each has its bound, and
whoever passes it gets an error that names the line.
"""

from collections.abc import Iterable, Sized
from itertools import islice
from typing import Any, cast

from jinja2 import StrictUndefined, nodes, pass_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from sekvens.messages.allowed import (
    ATTRIBUTES,
    FILTERS,
    NUMBER_MAX,
    SOURCE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
)
from sekvens.messages.blocks import BLOCKS
from sekvens.messages.feed_tag import CALLED, MARKING

#: How often all loops of one e-mail go round together.
PASSES_MAX = 1_000
#: As long as a source may be: loops do not buy the Markdown parser more.
WRITTEN_CHARACTERS_MAX = SOURCE_CHARACTERS_MAX

#: The name under which a rendering keeps count: no expression can say it.
PASSES = "passes of loops"

_BOUNDED = "bounded "
_JOINED = "joined "
_CALLABLE = frozenset({*BLOCKS.values(), *CALLED})


class Sandbox(ImmutableSandboxedEnvironment):
    """Renders what `allowed` has let through; no attribute or call beyond it, at run time either.

    `shared` stays true: nothing in it changes once it is made.
    """

    intercepted_binops = frozenset({"+", "-"})

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Tell whether an expression may have this attribute."""
        return attr in ATTRIBUTES and super().is_safe_attribute(obj, attr, value)

    def is_safe_callable(self, obj: Any) -> bool:
        """Tell whether an expression may call this."""
        return getattr(obj, "__func__", obj) in _CALLABLE

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Add and subtract whole numbers; texts are joined by `~`, which has a bound."""
        for number in (left, right):
            if isinstance(number, Undefined):
                str(number)  # raises, with its name
            if not isinstance(number, int) or abs(number) > NUMBER_MAX:
                raise TemplateRuntimeError(f"{operator} is for whole numbers")
        return super().call_binop(context, operator, left, right)


def make_sandbox(**options: Any) -> Sandbox:
    """Make one with our filters and no globals."""
    sandbox = Sandbox(undefined=StrictUndefined, **options)
    sandbox.globals = {}
    ours = {"join": _join, _JOINED: _joined, _BOUNDED: _bounded, **MARKING}
    sandbox.filters = {name: sandbox.filters[name] for name in FILTERS - {"join"}} | ours
    return sandbox


def with_bounds(tree: nodes.Template) -> nodes.Template:
    """Put a bound on every loop and every joining of a tree."""
    for loop in tree.find_all(nodes.For):
        loop.iter = _filter(_BOUNDED, cast("nodes.Expr", loop.iter))
    return _Bounding().visit(tree)  # type: ignore[no-any-return]


def counting() -> dict[str, Any]:
    """Make what a rendering's context needs so that its loops can be counted."""
    return {PASSES: [0]}


def _filter(name: str, on: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(on, name, [], [], None, None, lineno=on.lineno)


class _Bounding(NodeTransformer):
    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802  Jinja2's own naming
        self.generic_visit(node)
        return _filter(_JOINED, nodes.List(node.nodes, lineno=node.lineno))


@pass_context
def _bounded(context: Context, items: object) -> tuple[Any, ...]:
    if isinstance(items, Undefined):
        str(items)  # raises, with its name
    if isinstance(items, str) or not (isinstance(items, Iterable) and isinstance(items, Sized)):
        raise TemplateRuntimeError(f"a loop goes over a list, and {type(items).__name__} is none")
    passes: list[int] = context[PASSES]
    taken = tuple(islice(items, PASSES_MAX + 1))
    passes[0] += len(taken)
    if passes[0] > PASSES_MAX:
        raise TemplateRuntimeError(f"its loops go round more than {PASSES_MAX:,} times")
    return taken


def _joined(parts: Iterable[object]) -> str:
    return _within("".join(map(str, parts)))


def _join(parts: Iterable[object], between: str = "") -> str:
    return _within(str(between).join(map(str, islice(parts, PASSES_MAX))))


def _within(text: str) -> str:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise TemplateRuntimeError(
            f"a text that is joined has at most {TEXT_CHARACTERS_MAX:,} characters"
        )
    return text
