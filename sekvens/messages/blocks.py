"""Blocks: what an e-mail's source can call for that is more than text.

Each is a plain value until the parts are made; `layout/blocks.html` and `layout/blocks.txt` say how
it looks. A block with no data is nothing at all, and leaves the text around it whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2.runtime import Undefined

from sekvens.errors import TemplateError
from sekvens.feeds.values import FeedText
from sekvens.messages.markdown import NO_LINK_OF_A_FEED, Prose, checked_url, fill_plain
from sekvens.messages.questions import QUESTIONS

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
    if isinstance(url, FeedText):
        raise TemplateError(NO_LINK_OF_A_FEED)
    return Block(macro="button", arguments={"text": str(text), "url": checked_url(str(url))})


def _product(line: object) -> Block | str:
    """One product, large: picture, name, benefit, price, link."""
    return Block(macro="product", arguments={"line": line}) if _given(line) else ""


def _products(lines: Sequence[object]) -> Block | str:
    """Several products, small, one below the other."""
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
    told = text if isinstance(text, str) else str(text)
    return Block(macro="aside", arguments={"text": told}) if _given(text) else ""


def _story(story: object) -> Block | str:
    """A customer's case, with its picture."""
    return Block(macro="story", arguments={"story": story}) if _given(story) else ""


def _press(item: object) -> Block | str:
    """What somebody wrote about the shop in public, and where."""
    return Block(macro="press", arguments={"item": item}) if _given(item) else ""


def _news(item: object) -> Block | str:
    """Something that happened at the shop."""
    return Block(macro="news", arguments={"item": item}) if _given(item) else ""


def _care(item: object) -> Block | str:
    """How to look after something."""
    return Block(macro="care", arguments={"item": item}) if _given(item) else ""


def _guarantee() -> Block:
    """What the shop stands by."""
    return Block(macro="guarantee", arguments={})


def _answers(question: str) -> Block:
    """The answers to a question, as buttons: `answers("still-interested")`."""
    if question not in QUESTIONS:
        raise TemplateError(
            f"there is no question {question!r}; there are {', '.join(sorted(QUESTIONS))}"
        )
    return Block(macro="answers", arguments={"question": question})


def _order_summary(order: object) -> Block | str:
    """What was bought and what it cost."""
    return Block(macro="order_summary", arguments={"order": order}) if _given(order) else ""


def _delivery_status(delivery: object) -> Block | str:
    """Where the parcel is, with the link that follows it."""
    arguments = {"delivery": delivery}
    return Block(macro="delivery_status", arguments=arguments) if _given(delivery) else ""


def _socials() -> Block:
    """Where else the shop can be followed."""
    return Block(macro="socials", arguments={})


def _referral_code(referral: object) -> Block | str:
    """The contact's own code for a friend, and what it brings both."""
    arguments = {"referral": referral}
    return Block(macro="referral_code", arguments=arguments) if _given(referral) else ""


def _drop(drop: object) -> Block | str:
    """Something that opens for sale, and when."""
    return Block(macro="drop", arguments={"drop": drop}) if _given(drop) else ""


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
    "story": _story,
    "press": _press,
    "news": _news,
    "care": _care,
    "guarantee": _guarantee,
    "answers": _answers,
    "order_summary": _order_summary,
    "delivery_status": _delivery_status,
    "socials": _socials,
    "referral_code": _referral_code,
    "drop": _drop,
}


def _is_plain(argument: object) -> bool:
    return isinstance(argument, str) and not isinstance(argument, Prose)


def _given(argument: object) -> bool:
    """Tell whether there is data; what is not even defined is a mistake, and raises."""
    if isinstance(argument, Undefined):
        str(argument)
    return bool(argument)
