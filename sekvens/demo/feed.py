"""The sample shop's feed for Google Merchant Center, in both its languages.

`python -m sekvens.demo.feed` writes the files anew from products.toml; a test holds them to it.
"""

import tomllib
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.demo.products import CURRENCY, FILE, PICTURES_PATH
from sekvens.demo.shelf import as_on
from sekvens.imports.outcome import Imported
from sekvens.products.feeds.formats import Format, read_feed
from sekvens.products.feeds.item import FeedItem
from sekvens.products.importing import import_products
from sekvens.products.queries import known_ids
from sekvens.reviews.importing import import_reviews, read_reviews

LOCALES = ("sv", "en")
HOME = "https://hallgrensylle.example"
BRAND = "Hallgrens Ylle"
REVIEWS = FILE.with_name("reviews.csv")
#: What the feed calls how to look after a product.
CARE_NAMES = {"sv": "Skötselråd", "en": "Care instructions"}

_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">
  <channel>
    <title>{brand}</title>
    <link>{home}/</link>
    <description>{brand}</description>
"""
_FOOT = """\
  </channel>
</rss>
"""


def feed_file(locale: str) -> Path:
    """Tell where the feed in a language is."""
    return FILE.with_name(f"feed.{locale}.xml")


def render_feed(locale: str) -> str:
    """Write the feed in a language."""
    products = tomllib.loads(FILE.read_text(encoding="utf-8"))["products"]
    items = "".join(_item(product, locale) for product in products)
    return _HEAD.format(brand=BRAND, home=HOME) + items + _FOOT


def import_sample(
    database: Database, *, api_url: str, now: datetime, day: float = 0.0
) -> list[Imported]:
    """Import the sample shop's feeds, as they are on a day of the demo's story.

    `now` is shop time. Pictures are served by the API at `api_url`.
    """
    imported = []
    for locale in LOCALES:
        feed = feed_file(locale).read_bytes()
        served = feed.replace(
            f"{HOME}{PICTURES_PATH}".encode(), f"{api_url.rstrip('/')}{PICTURES_PATH}".encode()
        )
        read = read_feed(BytesIO(served), Format.MERCHANT_XML, home=HOME, currency=CURRENCY)
        items = (as_on(item, day) if isinstance(item, FeedItem) else item for item in read)
        imported.append(
            import_products(database, items, locale=locale, own_locale=LOCALES[0], now=now)
        )
    return imported


def import_sample_reviews(database: Database, *, clock: Clock) -> Imported:
    """Import the sample shop's reviews: somebody has read them, so they are shown at once."""
    with database.read() as session:
        known = known_ids(session)
    read = read_reviews(BytesIO(REVIEWS.read_bytes()), known=known, now=clock.now())
    return import_reviews(database, read, approved=True)


def main() -> None:
    """Write the files."""
    for locale in LOCALES:
        feed_file(locale).write_text(render_feed(locale), encoding="utf-8")


def _item(product: dict[str, Any], locale: str) -> str:
    told = {
        "g:id": product["id"],
        "g:title": product["name"][locale],
        "g:description": product["description"][locale],
        "g:link": product["url"],
        "g:image_link": f"{HOME}{PICTURES_PATH}/{product['image']}",
        "g:price": f"{product['price']:.2f} {CURRENCY}",
        "g:availability": "in_stock" if product["stock"] else "out_of_stock",
        "g:quantity": str(product["stock"]),
        "g:brand": BRAND,
        "g:mpn": product["sku"],
        "g:product_type": product["category"],
        "g:product_highlight": product["benefit"][locale],
    }
    lines = [f"      <{name}>{escape(text)}</{name}>\n" for name, text in told.items()]
    detail = {
        "g:section_name": CARE_NAMES[locale],
        "g:attribute_name": CARE_NAMES[locale],
        "g:attribute_value": product["care"][locale],
    }
    inner = "".join(f"        <{name}>{escape(text)}</{name}>\n" for name, text in detail.items())
    whole = f"{''.join(lines)}      <g:product_detail>\n{inner}      </g:product_detail>\n"
    return f"    <item>\n{whole}    </item>\n"


if __name__ == "__main__":
    main()
