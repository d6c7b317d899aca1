"""Sample facts: a believable contact with a cart, for previews and for the lint of e-mails."""

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from sekvens.flows.steps import Purpose
from sekvens.messages.context import CartFacts, CartLine, Facts, cart_line
from sekvens.shop import Shop

SAMPLE_SHOP = Path(__file__).parent.parent / "sample_shop"
#: Where the API serves the sample shop's pictures.
PICTURES_PATH = "/sample-shop/pictures"

SAMPLE_FIRST_NAMES = {"sv": "Astrid", "en": "Hannah"}
SAMPLE_CART_ID = "cart-2041"


def sample_facts(
    shop: Shop,
    *,
    name: str,
    locale: str,
    now: datetime,
    public_url: str = "https://post.hallgrensylle.example",
    products: int = 3,
    offer: str | None = None,
) -> Facts:
    """Make up a contact of this locale who is due the e-mail `name` (`welcome/hello`).

    The offer is the flow's own unless one is named; `products` is how many lie in the cart.
    """
    flow, _, step_id = name.partition("/")
    lines = sample_lines(locale, public_url=public_url)
    repeated = [lines[index % len(lines)] for index in range(products)]
    return Facts(
        flow=flow,
        step_id=step_id,
        purpose=Purpose.MARKETING,
        first_name=SAMPLE_FIRST_NAMES.get(locale, "Alex"),
        locale=locale,
        timezone=shop.timezone,
        has_ordered=False,
        cart=CartFacts(cart_id=SAMPLE_CART_ID, currency=None, lines=tuple(repeated)),
        offer=offer or _offer_of(flow, shop),
        started_at=now - timedelta(days=4),
        now=now,
        unsubscribe_url=f"{public_url}/u/sample",
    )


def sample_lines(locale: str, *, public_url: str) -> list[CartLine]:
    """Put the sample shop's products into a cart, as its backend would post them."""
    posted = (
        {
            **{key: _localized(product.get(key), locale) for key in ("name", "benefit", "care")},
            "price": product["price"],
            "quantity": 1,
            "url": product["url"],
            "image_url": f"{public_url}{PICTURES_PATH}/{product['image']}",
        }
        for product in _products()
    )
    return [line for product in posted if (line := cart_line(product))]


def _offer_of(flow: str, shop: Shop) -> str | None:
    wanted = {"welcome": "welcome", "cart-abandonment": "nudge"}.get(flow)
    return wanted if wanted in shop.offers else None


def _localized(text: object, locale: str) -> object:
    return text.get(locale) or next(iter(text.values())) if isinstance(text, Mapping) else text


@lru_cache(maxsize=1)
def _products() -> tuple[dict[str, Any], ...]:
    source = (SAMPLE_SHOP / "products.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(source)["products"])
