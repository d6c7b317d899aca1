"""The sample shop's products, as events carry them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[1] / "sample_shop" / "products.toml"
#: Where the API serves the sample shop's pictures.
PICTURES_PATH = "/sample-shop/pictures"
CURRENCY = "SEK"


@dataclass(frozen=True, kw_only=True)
class Product:
    """One product of the sample shop."""

    product_id: str
    sku: str
    category: str
    names: dict[str, str]
    benefits: dict[str, str]
    cares: dict[str, str]
    price: int  #: in `CURRENCY`
    url: str
    image_url: str

    def name_in(self, language: str) -> str:
        """Tell the product's name in a language, or in the shop's own."""
        return self.names.get(language) or self.names["sv"]

    def properties(self, language: str) -> dict[str, Any]:
        """Write the product as Segment's e-commerce events do.

        `benefit` and `care` are the shop's own: what its e-mails say about the product.
        """
        return {
            "product_id": self.product_id,
            "sku": self.sku,
            "category": self.category,
            "name": self.name_in(language),
            "price": self.price,
            "currency": CURRENCY,
            "url": self.url,
            "image_url": self.image_url,
            "benefit": self.benefits.get(language) or self.benefits["sv"],
            "care": self.cares.get(language) or self.cares["sv"],
        }


def read_products(api_url: str) -> list[Product]:
    """Read the products; their pictures are served by the API at `api_url`."""
    products = tomllib.loads(FILE.read_text(encoding="utf-8"))["products"]
    return [
        Product(
            product_id=product["id"],
            sku=product["sku"],
            category=product["category"],
            names=product["name"],
            benefits=product["benefit"],
            cares=product["care"],
            price=product["price"],
            url=product["url"],
            image_url=f"{api_url.rstrip('/')}{PICTURES_PATH}/{product['image']}",
        )
        for product in products
    ]
