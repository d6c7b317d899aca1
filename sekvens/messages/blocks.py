"""Blocks: what an e-mail's source can call for that is more than text.

Each is a plain value until the parts are made; `layout/blocks.html` and `layout/blocks.txt` say how
it looks. A block with no data is nothing at all, and leaves the text around it whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2.runtime import Undefined

from sekvens.messages.markdown import Prose, checked_url, fill_plain

#: A letter is no order form: of a full cart it shows this many products and counts the rest.
PRODUCTS_MAX = 5


@dataclass(frozen=True, kw_only=True)
class Block:
    """One block: the name of its macro in the layout, and its arguments by name."""

    macro: str
    arguments: Mapping[str, Any]

    def with_plain_texts(self, values: Sequence[str]) -> "Block":
        """Put the values into texts that were made of marks."""
        plain = {
            name: fill_plain(argument, values) if _is_plain(argument) else argument
            for name, argument in self.arguments.items()
        }
        return replace(self, arguments=plain)


def _button(text: str, url: str | None) -> Block | str:
    """A button: a link that asks for the click."""
    if not _given(url) or not _given(text):
        return ""
    return Block(macro="button", arguments={"text": str(text), "url": checked_url(str(url))})


def _product(line: object) -> Block | str:
    """One product, large: picture, name, benefit, price, link."""
    return Block(macro="product", arguments={"line": line}) if _given(line) else ""


def _products(lines: Sequence[object]) -> Block | str:
    """The products of a cart, small, one below the other."""
    if not _given(lines):
        return ""
    shown = tuple(lines)[:PRODUCTS_MAX]
    return Block(macro="products", arguments={"lines": shown, "more": len(lines) - len(shown)})


def _review(review: object) -> Block | str:
    """What a customer wrote, with their name."""
    return Block(macro="review", arguments={"review": review}) if _given(review) else ""


def _question(question: object) -> Block | str:
    """A question with its answer."""
    return Block(macro="question", arguments={"question": question}) if _given(question) else ""


def _code(offer: object) -> Block | str:
    """An offer's code, to be read and copied, and the day it ends."""
    return Block(macro="code", arguments={"offer": offer}) if _given(offer) else ""


def _signature(person: object = None) -> Block:
    """Who wrote this: the shop's first person, unless another is named."""
    return Block(macro="signature", arguments={"person": person if _given(person) else None})


def _aside(text: str) -> Block | str:
    """A remark set apart from the letter; the shop's own Markdown, or plain text."""
    return Block(macro="aside", arguments={"text": text}) if _given(text) else ""


#: The blocks by the names that sources know them by.
BLOCKS: Mapping[str, Callable[..., Block | str]] = {
    "button": _button,
    "product": _product,
    "products": _products,
    "review": _review,
    "question": _question,
    "code": _code,
    "signature": _signature,
    "aside": _aside,
}


def _is_plain(argument: object) -> bool:
    return isinstance(argument, str) and not isinstance(argument, Prose)


def _given(argument: object) -> bool:
    """Tell whether there is data; what is not even defined is a mistake, and raises."""
    if isinstance(argument, Undefined):
        str(argument)
    return bool(argument)
