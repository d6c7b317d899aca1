"""What the sources of e-mails may say: an allow-list over their parsed form, and what it may cost.

Nothing is forbidden by name: what is not listed here is refused, when a flow is checked, when it is
published, and again when a stored template is read. Sandboxes have been escaped before, so that the
sandbox is the second line and this is the first.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, fields, is_dataclass, replace

from jinja2 import nodes
from jinja2.exceptions import TemplateAssertionError

from sekvens.messages import views
from sekvens.messages.feed_tag import fed_of, holds_field, is_field, is_of_tag
from sekvens.shop import Links

#: An e-mail of ours has 3,000 characters and 150 nodes; ten and thirty times as many are no letter.
#: Markdown takes 2 s for so many brackets, and four times as long for twice as many.
SOURCE_CHARACTERS_MAX = 32 * 1024
NODES_MAX = 5_000
#: Deeper, and neither Jinja2 nor Python would read it.
DEPTH_MAX = 40
LOOPS_DEEP_MAX = 2
TEXT_CHARACTERS_MAX = 2_000
NUMBER_MAX = 10**9

#: Jinja2's own names for things that live: a template, a macro's caller.
_RESERVED = frozenset({"self", "super", "caller", "varargs", "kwargs"})
_OF_LOOPS = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "depth"}
)


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """A language: the kinds of nodes, and the names that may stand in them."""

    kinds: AbstractSet[type[nodes.Node]]
    filters: AbstractSet[str]
    tests: AbstractSet[str]
    calls: AbstractSet[str]  #: names that may be called
    attributes: AbstractSet[str] | None  #: None: any that does not begin with an underscore
    methods: AbstractSet[str] = frozenset()  #: attributes that may be called
    words: str  #: what may be used, as an author says it


def _attributes() -> Iterator[str]:
    """Tell what e-mails can reach of their facts: the fields of views, whichever there are."""
    for view in vars(views).values():
        if isinstance(view, type) and is_dataclass(view):
            yield from (field.name for field in fields(view))
            yield from (name for name, is_of in vars(view).items() if isinstance(is_of, property))
    yield from Links.__struct_fields__


ATTRIBUTES = frozenset(_attributes()) | _OF_LOOPS

_KINDS = frozenset(
    {
        nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr,
        nodes.Getitem, nodes.Slice, nodes.If, nodes.For, nodes.Assign, nodes.CondExpr, nodes.And,
        nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Call, nodes.Keyword, nodes.Filter,
        nodes.Test, nodes.List, nodes.Tuple, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg,
    }
)  # fmt: skip
#: What the tag of feeds is made of.
_FEED_KINDS = frozenset({nodes.CallBlock, nodes.ExtensionAttribute})
#: The blocks that take what a feed told.
_FEED_BLOCKS = frozenset({"button", "aside"})

#: None makes more than it was given, but `join`, which is bounded (see `sandbox`).
FILTERS = frozenset(
    {
        "abs", "capitalize", "d", "default", "first", "int", "join", "last", "length", "lower",
        "round", "title", "trim", "truncate", "upper",
    }
)  # fmt: skip
_TESTS = frozenset({"defined", "undefined", "none", "even", "odd", "divisibleby", "string"})

#: The frame is written by whoever writes code, and needs more: macros, and the words' `format`.
_FRAME_KINDS = frozenset({*_KINDS, nodes.Macro, nodes.Mul})
_FRAME_FILTERS = frozenset(
    {"counted", "href", "one_line", "prose_html", "prose_text", "safe", "wrap"}
)


def of_sources(blocks: Iterable[str]) -> Allowed:
    """Tell the language of e-mails' sources, in which these blocks can be called."""
    return Allowed(
        kinds=_KINDS | _FEED_KINDS,
        filters=FILTERS,
        tests=_TESTS,
        calls=frozenset(blocks),
        attributes=ATTRIBUTES,
        words="an e-mail's source may use if, for, set and feed",
    )


def of_frame(tree: nodes.Template) -> Allowed:
    """Tell the language of the layout, in which its own macros can be called."""
    return Allowed(
        kinds=_FRAME_KINDS,
        filters=FILTERS | _FRAME_FILTERS,
        tests=_TESTS | {"sameas"},
        calls=frozenset(macro.name for macro in tree.find_all(nodes.Macro)),
        attributes=None,
        methods=frozenset({"format"}),
        words="the layout may use if, for, set and macro",
    )


def check_length(source: str) -> None:
    """Refuse a source that is too long to be read.

    Raises:
        TemplateAssertionError: it is.
    """
    if len(source) > SOURCE_CHARACTERS_MAX:
        _refuse(1, f"a source has at most {SOURCE_CHARACTERS_MAX:,} characters")


def check(tree: nodes.Template, allowed: Allowed) -> None:
    """Refuse whatever the language does not have.

    Raises:
        TemplateAssertionError: with the line, and what stands there.
    """
    waiting: list[tuple[nodes.Node, int, int, frozenset[str]]] = [(tree, 0, 0, frozenset())]
    seen = 0
    while waiting:  # no recursion: a source may be deeper than Python's stack
        node, depth, loops, feeds = waiting.pop()
        seen += 1
        if isinstance(node, nodes.For):
            loops += 1
            if node.recursive:
                _refuse(node.lineno, "a loop cannot be recursive")
        if seen > NODES_MAX or depth > DEPTH_MAX:
            _refuse(node.lineno, "there is too much in it, or too deep, for an e-mail")
        if loops > LOOPS_DEEP_MAX:
            _refuse(node.lineno, f"at most {LOOPS_DEEP_MAX} loops stand in one another")
        if is_field(node, *feeds):
            _check_attribute(node, node.attr, replace(allowed, attributes=None))
            continue  # the feed's name is nothing by itself
        _check_use_of_feeds(node, feeds)
        _check_node(node, allowed)
        fed = fed_of(node)
        if fed:
            _check_name(node, fed.name)
            feeds |= {fed.name}
        below = node.iter_child_nodes(exclude=("args",) if fed else None)
        waiting += [(child, depth + 1, loops, feeds) for child in below]


def _check_use_of_feeds(node: nodes.Node, feeds: AbstractSet[str]) -> None:
    """Let what a feed told be asked about and written, and never become a part of something."""
    match node:
        case nodes.Name(name=name) if name in feeds:
            _refuse(node.lineno, f"{name!r} is a feed: write a field of it, such as {name}.text")
        case nodes.Call(node=nodes.Name(name=name)) if name in _FEED_BLOCKS:
            held: list[nodes.Node] = [given for given in node.args if not is_field(given, *feeds)]
            held += node.kwargs
        case nodes.Call() | nodes.Concat() | nodes.List() | nodes.Tuple() | nodes.Assign():
            held = [node]
        case _:
            return
    if any(holds_field(part, *feeds) for part in held):
        _refuse(
            node.lineno,
            "what a feed told is neither set, joined nor put into a list, and of the blocks only "
            f"{' and '.join(sorted(_FEED_BLOCKS))} take it, as it is",
        )


def _check_node(node: nodes.Node, allowed: Allowed) -> None:
    is_call = isinstance(node, nodes.CallBlock) and not is_of_tag(node)
    if type(node) not in allowed.kinds or is_call:
        _refuse(node.lineno, f"{allowed.words}, not {type(node).__name__.lower()}")
    match node:
        case nodes.Name(name=name):
            _check_name(node, name)
        case nodes.Const(value=value):
            _check_constant(node, value)
        case nodes.Getattr(attr=name):
            _check_attribute(node, name, allowed)
        case nodes.Getitem(arg=nodes.Const(value=str() as name)):
            # Jinja2 takes the item, or else the attribute of that name.
            _check_attribute(node, name, allowed)
        case nodes.Filter(name=name):
            _check_listed(node, "filter", name, allowed.filters)
        case nodes.Test(name=name):
            _check_listed(node, "test", name, allowed.tests)
        case nodes.Call():
            _check_call(node, allowed)
        case nodes.Assign() if nodes.Macro not in allowed.kinds:
            _check_assigned(node)
        case _:
            pass


def _check_listed(node: nodes.Node, what: str, name: str, listed: AbstractSet[str]) -> None:
    if name not in listed:
        there = ", ".join(sorted(listed))
        _refuse(node.lineno, f"No {what} named {name!r}: there are {there}")


def _check_name(node: nodes.Node, name: str) -> None:
    if name.startswith("_") or name in _RESERVED:
        _refuse(node.lineno, f"{name!r} is no name for an e-mail's source")


def _check_constant(node: nodes.Node, value: object) -> None:
    if isinstance(value, str) and len(value) > TEXT_CHARACTERS_MAX:
        _refuse(node.lineno, f"a text in quotes has at most {TEXT_CHARACTERS_MAX:,} characters")
    if isinstance(value, int | float) and abs(value) > NUMBER_MAX:
        _refuse(node.lineno, f"a number is at most {NUMBER_MAX:,}")


def _check_attribute(node: nodes.Node, name: str, allowed: Allowed) -> None:
    if name.startswith("_") or not (allowed.attributes is None or name in allowed.attributes):
        _refuse(
            node.lineno,
            f"nothing has an attribute {name!r}; docs/how-to/write-an-email.md lists what there is",
        )


def _check_call(node: nodes.Call, allowed: Allowed) -> None:
    if node.dyn_args or node.dyn_kwargs:
        _refuse(node.lineno, "write the arguments out: * and ** are not for e-mails")
    match node.node:
        case nodes.Name(name=name) if name in allowed.calls:
            return
        case nodes.ExtensionAttribute() if nodes.ExtensionAttribute in allowed.kinds:
            return  # a source cannot write one: the tag of feeds has
        case nodes.Getattr(attr=name) if name in allowed.methods:
            return
        case nodes.Name(name=name) | nodes.Getattr(attr=name):
            _refuse(node.lineno, f"there is no block {name!r}, and only blocks are called")
        case _:
            _refuse(node.lineno, "only blocks are called, by their names")


def _check_assigned(node: nodes.Assign) -> None:
    """Let a list be kept only if it is one of constants: lists of lists double with each line."""
    lists = (nodes.List, nodes.Tuple)
    for made in (node.node, *node.node.find_all(lists)):
        constant = all(isinstance(item, nodes.Const) for item in made.iter_child_nodes())
        if isinstance(made, lists) and not constant:
            _refuse(node.lineno, "a list that is set holds texts and numbers in plain sight only")


def _refuse(line: int, why: str) -> None:
    raise TemplateAssertionError(why, line)
