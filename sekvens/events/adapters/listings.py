"""What platforms say of products, read: one meaning for each value, whoever posts it."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sekvens.events.adapters.reading import Table, Unusable, Webhook, instant, url
from sekvens.imports.plain import line_of_text, paragraphs
from sekvens.imports.values import instant_of, is_web_address
from sekvens.products.feeds.item import TEXT_LENGTH_MAX, TITLE_LENGTH_MAX
from sekvens.products.listing import Price

#: More of one thing, or a higher price, no shop has.
COUNT_MAX: Final = 999_999_999


def at_of(webhook: Webhook, of: Table, *names: str) -> datetime:
    """Tell since when it is so; who says nothing, or speaks of what is to come, says now."""
    said = since(of, *names)
    return webhook.received_at if said is None else min(said, webhook.received_at)


def since(of: Table, *names: str) -> datetime | None:
    """Read the first instant that is there; one without a zone is in UTC."""
    said = instant(of, *names)
    return None if said is None else instant_of(said)


def name_of(of: Table, name: str) -> str:
    """Read a product's name; nothing can be told of one without."""
    said = of.get(name)
    found = line_of_text(said, length_max=TITLE_LENGTH_MAX) if isinstance(said, str) else ""
    if not found:
        raise Unusable(f"the product has no {name}")
    return found


def page_text(of: Table, *names: str) -> str:
    """Read the first text of a product's page that says anything, as plain lines."""
    for name in names:
        said = of.get(name)
        if isinstance(said, str) and (found := paragraphs(said)[:TEXT_LENGTH_MAX]):
            return found
    return ""


def category_of(of: Table, name: str) -> str | None:
    """Read a category: the last part of `Clothes > Jumpers`."""
    said = of.get(name)
    if not isinstance(said, str):
        return None
    return line_of_text(said.rsplit(">", 1)[-1], length_max=TITLE_LENGTH_MAX) or None


def link(of: Table, name: str) -> str | None:
    """Read an address that is fit for a link or a picture of an e-mail."""
    found = url(of, name)
    return found if found is not None and is_web_address(found) else None


def count(of: Table, name: str) -> int | None:
    """Read how many there are, below 0 if more were sold; None: it is no number of pieces."""
    said: Any = of.get(name)
    is_count = isinstance(said, int) and not isinstance(said, bool) and abs(said) <= COUNT_MAX
    return said if is_count else None


def price_of(
    costs: str, usual: str | None, *, currency: str | None, until: datetime | None = None
) -> Price | None:
    """Tell a price, and the one that it is compared with if that is higher; None: no shop has it.

    `until` is the instant at which what is reduced is so no more.
    """
    if not 0 <= Decimal(costs) <= COUNT_MAX:
        return None
    is_reduced = usual is not None and Decimal(costs) < Decimal(usual) <= COUNT_MAX
    return Price(
        usual=Decimal(usual if usual is not None and is_reduced else costs),
        reduced=Decimal(costs) if is_reduced else None,
        reduced_until=until,
        currency=currency,
    )
