"""Products taken over from a feed: once, in several locales, with the prices that changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import BytesIO
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.demo.feed import LOCALES, feed_file, import_sample, render_feed
from sekvens.imports.outcome import Imported, Rejected
from sekvens.products import taking_over as listings
from sekvens.products.feeds.formats import Format, read_feed
from sekvens.products.feeds.item import FeedItem
from sekvens.products.importing import import_products
from sekvens.products.queries import in_stock, new_since, products_by_id
from sekvens.products.section import ProductSettings
from sekvens.products.tables import Product, ProductChange, ProductPrice
from sekvens.products.taking_over import Circumstances
from tests.conftest import NOON

Import = Callable[..., Imported]


def item(product_id: str = "a", **more: Any) -> FeedItem:
    said = {"line": 2, "title": f"Title {product_id}", "price": Decimal(100), "currency": "SEK"}
    return FeedItem(product_id=product_id, **(said | more))


@pytest.fixture
def take_over(database: Database) -> Import:
    def run(*items: FeedItem | Rejected, locale: str = "sv", **more: Any) -> Imported:
        more = {"now": NOON} | more
        return import_products(database, items, locale=locale, own_locale="sv", **more)

    return run


def product(database: Database, product_id: str = "a") -> Product:
    with database.read() as session:
        return session.get_one(Product, product_id)


def prices(database: Database) -> list[tuple[str, str | None, datetime]]:
    with database.read() as session:
        rows = session.scalars(select(ProductPrice).order_by(ProductPrice.id))
        return [(row.price, row.regular_price, row.at) for row in rows]


def counts(imported: Imported) -> tuple[int, int, int, int]:
    return imported.added, imported.changed, imported.unchanged, imported.rows_rejected


def test_the_same_feed_twice_changes_nothing(take_over: Import, database: Database) -> None:
    items = [item(n, variant_ids=(f"{n}-s",), benefits=("Varm",), care="Vädra") for n in "abc"]
    first = take_over(*items, Rejected(line=9, reason="x"))
    second = take_over(*items, now=NOON + timedelta(days=9))

    assert (counts(first), counts(second)) == ((3, 0, 0, 1), (0, 0, 3, 0))
    assert (first.rows, len(prices(database))) == (4, 3)


def test_a_price_that_changes_is_kept_with_its_instant(
    take_over: Import, database: Database
) -> None:
    later = NOON + timedelta(days=40)
    take_over(item())
    imported = take_over(item(sale_price=Decimal("79.50")), now=later)

    assert counts(imported) == (0, 1, 0, 0)
    assert prices(database) == [("100", None, NOON), ("79.5", "100", later)]


def test_a_sale_counts_between_its_instants_only(take_over: Import, database: Database) -> None:
    day = timedelta(days=1)
    sale = item(sale_price=Decimal(50), sale_from=NOON + day, sale_until=NOON + 2 * day)
    told = []
    for passed in (0, 1, 2):
        take_over(sale, now=NOON + passed * day)
        told.append(product(database).price)

    assert told == ["100", "50", "100"]


def test_a_feed_in_another_locale_fills_in_its_own_texts_only(
    take_over: Import, database: Database
) -> None:
    take_over(item(title="Tröja", care="Vädra"))
    other = item(title="Jumper", price=Decimal(9), currency="EUR", in_stock=False, category="x")
    first, second = take_over(other, locale="en"), take_over(other, locale="en")

    row = product(database)
    assert (row.titles, row.cares) == ({"sv": "Tröja", "en": "Jumper"}, {"sv": "Vädra"})
    assert (row.price, row.currency, row.in_stock, row.category) == ("100", "SEK", True, None)
    assert (counts(first), counts(second)) == ((0, 1, 0, 0), (0, 0, 1, 0))


def test_the_shops_own_locale_has_the_last_word_on_price_and_stock(
    take_over: Import, database: Database
) -> None:
    take_over(item(price=Decimal(9), currency="EUR"), locale="en")
    take_over(item(price=Decimal(10), currency="EUR"), locale="en")
    by_other = product(database).price
    take_over(item())
    take_over(item(price=Decimal(11), currency="EUR"), locale="en")

    assert (by_other, product(database).price, product(database).currency) == ("10", "100", "SEK")


def test_a_text_that_a_feed_lacks_now_is_taken_away(take_over: Import, database: Database) -> None:
    take_over(item(description="Varm"))
    take_over(item())

    assert product(database).descriptions == {}


def test_what_was_there_when_we_first_looked_is_new_to_nobody(
    take_over: Import, database: Database
) -> None:
    take_over(item("a"))
    take_over(item("b"), now=NOON + timedelta(hours=3))
    take_over(item("c"), now=NOON + timedelta(days=3))
    take_over(item("d", available_on=NOON + timedelta(days=4)), now=NOON + timedelta(days=5))

    with database.read() as session:
        found = new_since(session, since=NOON - timedelta(days=99), limit=9)
        before = new_since(session, since=NOON, limit=9, now=NOON + timedelta(days=3))
    assert [facts.product_id for facts in found] == ["d", "c"]
    assert [facts.product_id for facts in before] == ["c"]


def test_what_a_whole_feed_lacks_is_sold_out(take_over: Import, database: Database) -> None:
    take_over(item("a"), item("b"))
    partly = take_over(item("a"))
    with database.read() as session:
        after_part = in_stock(session, ["a", "b"])
    whole = take_over(item("a"), whole=True)

    with database.read() as session:
        after_whole = in_stock(session, ["a", "b"])
    assert (after_part, after_whole) == ({"a": True, "b": True}, {"a": True, "b": False})
    assert (counts(partly), counts(whole)) == ((0, 0, 1, 0), (0, 1, 1, 0))


def test_the_id_of_a_size_leads_to_its_product(take_over: Import, database: Database) -> None:
    take_over(item("a", variant_ids=("a-s", "a-m"), in_stock=False))
    imported = take_over(item("a", variant_ids=("a-s", "a-l"), in_stock=False))

    with database.read() as session:
        found = products_by_id(session, ["a-l", "b", "a-m"])
        stock = in_stock(session, ["a-m", "b"])
    assert {asked: facts.product_id for asked, facts in found.items()} == {"a-l": "a", "a-m": "a"}
    assert stock == {"a-m": False, "b": True}
    assert counts(imported) == (0, 1, 0, 0)


def test_who_tells_of_a_product_meanwhile_waits_and_finds_no_news_of_it(
    take_over: Import, database: Database
) -> None:
    later = NOON + timedelta(days=3)
    take_over(item(in_stock=False))
    back = item(stock=2)
    this = Circumstances(locale="sv", own_locale="sv", now=later, news=ProductSettings())
    with database.write() as session:
        listings.take_over(session, [back.listing()], this)
        other = Thread(target=take_over, args=[back], kwargs={"now": later})
        other.start()
        other.join(0.5)
        waited = other.is_alive()
    other.join()

    with database.read() as session:
        news = session.scalars(select(ProductChange.kind)).all()
    assert (waited, news) == (True, ["back_in_stock"])


@pytest.mark.parametrize("locale", LOCALES)
def test_the_sample_shops_feed_says_what_its_products_say(locale: str) -> None:
    assert feed_file(locale).read_text(encoding="utf-8") == render_feed(locale)


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_of_the_sample_shops_feed_is_rejected(locale: str) -> None:
    raw = BytesIO(feed_file(locale).read_bytes())
    found = list(read_feed(raw, Format.MERCHANT_XML, home="", currency=""))

    assert [type(one) for one in found] == [FeedItem] * 12


def test_the_demo_imports_the_sample_shop_in_both_languages(database: Database) -> None:
    first, second = import_sample(database, api_url="http://127.0.0.1:8080/", now=NOON)

    row = product(database, "mossan-bengt")
    assert (counts(first), counts(second)) == ((12, 0, 0, 0), (0, 12, 0, 0))
    assert (row.titles["en"], row.price, row.category) == ("Bengt hat", "399", "accessories")
    assert row.benefits["sv"] == ["Räcker ner över öronen även på den som har växt klart."]
    assert row.cares["en"].startswith("Wash by hand")
    assert row.image_url == "http://127.0.0.1:8080/sample-shop/pictures/mossan-bengt.png"
