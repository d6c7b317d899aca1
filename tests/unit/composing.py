"""What the tests of e-mails share: the sample shop, and templates made of a few lines."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sekvens.messages.blocks import BLOCKS
from sekvens.messages.compose import Composed, compose
from sekvens.messages.facts import Facts
from sekvens.messages.needs import Needs
from sekvens.messages.samples import sample_facts
from sekvens.messages.templates import StoredTemplate, TemplateSource, read_layout, stored
from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.shop import Shop

#: What an e-mail would need that spoke of everything.
EVERYTHING = Needs(
    variables=frozenset({
        "has_ordered", "orders_count", "level", "owned", "last_order", "new_products", "news",
        "referral", "cart", "order", "delivery", "product", "related", "bestsellers", "drops",
        "next_best",
        "reviews", "faq", "care", "story",
    }),
    blocks=frozenset(BLOCKS),
)  # fmt: skip
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


@cache
def sample_shop() -> Shop:
    """Read the shop that ships with Sekvens."""
    return load_settings({"SEKVENS_SETTINGS": str(SAMPLE_SHOP)}).shop


def facts(**changes: Any) -> Facts:
    """Make up a Swedish contact with three products in the cart and the nudge on offer.

    The shop has told nothing of its products but what it posts with a cart.
    """
    sample = sample_facts(
        sample_shop(), name="cart-abandonment/a-step", locale="sv", now=NOW, offer="nudge"
    )
    return replace(_as_posted(sample), **changes)


def _as_posted(sample: Facts) -> Facts:
    assert sample.cart is not None
    lines = tuple(replace(line, product=None) for line in sample.cart.lines)
    return replace(sample, cart=replace(sample.cart, lines=lines))


def template(body: str, *, subject: str = "Hej", preheader: str = "Några rader") -> StoredTemplate:
    """Make a template of a body, with the real layout."""
    text = f"---\nsubject: {subject}\npreheader: {preheader}\n---\n{body}\n"
    sources = {"sv": text, "en": text}
    return stored(
        TemplateSource(name="cart-abandonment/a-step", sources=sources, layout=read_layout())
    )


def composed(body: str, *, subject: str = "Hej", **changes: Any) -> Composed:
    """Compose an e-mail of this body for a contact with these facts."""
    return compose(template(body, subject=subject), facts(**changes), shop=sample_shop())
