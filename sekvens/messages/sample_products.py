"""The sample shop's products, as facts: what sample contacts have looked at, put by and bought."""

import tomllib
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from sekvens.messages.facts import Line
from sekvens.products.facts import ProductFacts
from sekvens.shop import Localized

SAMPLE_SHOP = Path(__file__).parent.parent / "sample_shop"
#: Where the API serves the sample shop's pictures.
PICTURES_PATH = "/sample-shop/pictures"


def sample_products(*, public_url: str) -> tuple[ProductFacts, ...]:
    """Tell the products that the sample shop sells."""
    return tuple(
        ProductFacts(
            product_id=product["id"],
            title=_localized(product["name"]),
            benefit=_localized(product["benefit"]),
            care=_localized(product["care"]),
            description=_localized(product.get("description", {})),
            category=product["category"],
            price=Decimal(product["price"]),
            was_price=None,
            lowest_price_30_days=None,
            currency="SEK",
            url=product["url"],
            image_url=f"{public_url}{PICTURES_PATH}/{product['image']}",
            in_stock=True,
            brand="Hallgrens Ylle",
        )
        for product in _products()
    )


def line_of(product: ProductFacts, *, locale: str) -> Line:
    """Put a product into a cart or an order, as its backend would post it."""
    return Line(
        name=_in(product.title, locale),
        price=product.price,
        quantity=1,
        benefit=_in(product.benefit, locale),
        care=_in(product.care, locale),
        url=product.url,
        image_url=product.image_url,
        product_id=product.product_id,
        product=product,
    )


def _in(text: Localized, locale: str) -> str:
    return text.get(locale) or next(iter(text.values()))


def _localized(text: object) -> Localized:
    return dict(text) if isinstance(text, dict) else {}


@lru_cache(maxsize=1)
def _products() -> tuple[dict[str, Any], ...]:
    source = (SAMPLE_SHOP / "products.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(source)["products"])
