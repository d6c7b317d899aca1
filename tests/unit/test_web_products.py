"""Products posted by the shop's backend: partly or whole, each answered for by itself."""

import asyncio
import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.products import importing
from sekvens.products.tables import Product, ProductChange, ProductPrice, ProductVariant
from sekvens.web import products as door
from sekvens.web.posting import BODY_BYTES_MAX
from tests.unit.ingesting import NOON
from tests.unit.serving import WRITE_KEY, served

DAY = timedelta(days=1)
CAP: dict[str, Any] = {"product_id": "cap", "title": "Cap", "price": 100}


async def post(database: Database, *products: Any, later: timedelta = DAY * 0, **more: Any) -> Any:
    """Post products so much later than noon; the answer."""
    async with served(database, FrozenClock(NOON + later)) as client:
        reply = await client.post("/v1/products", content=json.dumps({"products": products} | more))
    assert reply.status_code == 200, reply.text
    return reply.json()


def product(database: Database, product_id: str = "cap") -> Product:
    with database.read() as session:
        return session.get_one(Product, product_id)


def news(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        rows = session.scalars(select(ProductChange).order_by(ProductChange.id))
        return [(row.product_id, row.kind) for row in rows]


def counts(reply: Any) -> tuple[int, int, int, list[int]]:
    rejected = [each["index"] for each in reply["rejected"]]
    return reply["added"], reply["changed"], reply["unchanged"], rejected


async def test_a_whole_product_is_kept_and_the_same_again_changes_nothing(database: Database):
    said = CAP | {
        "description": "<p>Warm</p>", "benefits": ["Wool"], "care": "Air it", "brand": "H",
        "category": "hats", "url": "https://shop.example/cap", "image_url": "https://x.example/c",
        "stock": 4, "price": "129,00", "sale_price": 99.5, "variant_ids": ["cap-s", 17],
    }  # fmt: skip
    first, again = await post(database, said), await post(database, said, later=DAY)

    row = product(database)
    assert (counts(first), counts(again)) == ((1, 0, 0, []), (0, 0, 1, []))
    assert (row.titles, row.descriptions) == ({"sv": "Cap"}, {"sv": "Warm"})
    assert (row.price, row.regular_price, row.currency, row.stock) == ("99.5", "129", "SEK", 4)
    assert (row.benefits["sv"], row.cares["sv"], row.category) == (["Wool"], "Air it", "hats")
    with database.read() as session:
        ids = {row.id: row.product_id for row in session.scalars(select(ProductVariant))}
    assert ids == {"cap-s": "cap", "17": "cap"}


@pytest.mark.parametrize(
    ("said", "column", "expected"),
    [
        ({"stock": 0}, "in_stock", False),
        ({"stock": -2}, "stock", 0),
        ({"in_stock": False}, "stock", None),
        ({"in_stock": True, "stock": 0}, "in_stock", True),
        ({"price": "80.00 EUR"}, "currency", "EUR"),
        ({"price": 80, "sale_price": None}, "price", "80"),
        ({"url": None}, "url", None),
        ({"title": "Mössa"}, "titles", {"sv": "Mössa"}),
    ],
)
async def test_what_is_left_out_stays_as_it_was(
    sqlite_database: Database, said: dict[str, Any], column: str, expected: object
):
    await post(sqlite_database, CAP | {"stock": 4, "url": "https://shop.example/cap", "brand": "H"})
    before = product(sqlite_database)
    reply = await post(sqlite_database, {"product_id": "cap"} | said)

    row = product(sqlite_database)
    assert counts(reply) == (0, 1, 0, [])
    assert getattr(row, column) == expected
    touched = {column, "stock", "in_stock", "told_at", "price", "currency", "sold_out_on"}
    for other in set(Product.__table__.columns.keys()) - touched:
        assert getattr(row, other) == getattr(before, other)
    assert row.price == before.price or "price" in said
    assert row.stock == before.stock or {"stock", "in_stock"} & said.keys()


async def test_stock_that_comes_back_and_a_price_that_drops_are_news(database: Database):
    await post(database, CAP, CAP | {"product_id": "hat"})
    await post(database, {"product_id": "cap", "stock": 0}, later=31 * DAY)
    back = {"product_id": "cap", "stock": 3}
    for _ in "ab":
        await post(database, back, {"product_id": "hat", "price": "80"}, later=33 * DAY)

    assert news(database) == [("cap", "back_in_stock"), ("hat", "price_dropped")]


async def test_what_is_older_changes_nothing_each_thing_by_itself(sqlite_database: Database):
    await post(sqlite_database, CAP | {"stock": 1})
    newer = {"product_id": "cap", "stock": 7, "updated_at": (NOON + 2 * DAY).isoformat()}
    older = {"product_id": "cap", "stock": 0, "price": 90, "title": "Cap!",
             "updated_at": (NOON + DAY).isoformat()}  # fmt: skip
    await post(sqlite_database, newer, later=3 * DAY)
    await post(sqlite_database, older, later=3 * DAY)

    row = product(sqlite_database)
    assert (row.stock, row.in_stock) == (7, True)
    assert (row.price, row.titles["sv"]) == ("90", "Cap!")  # of these nothing newer was told


async def test_of_one_request_the_later_of_two_words_counts(sqlite_database: Database):
    reply = await post(sqlite_database, CAP, {"product_id": "cap", "stock": 0}, CAP | {"price": 90})

    assert counts(reply) == (1, 2, 0, [])
    assert (product(sqlite_database).price, product(sqlite_database).in_stock) == ("90", False)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (7, "Expected `object`"),
        ({}, "product_id"),
        ({"product_id": ""}, "an id is empty"),
        ({"product_id": " cap"}, "blanks around it"),
        ({"product_id": "ca\x00p"}, "shows nothing"),
        ({"product_id": True}, "product_id"),
        ({"product_id": "hat", "stock": 3}, "tell its title and its price first"),
        ({"product_id": "cap-s", "stock": 3}, "the id of a size is no product's"),
        ({"product_id": "cap", "qty": 3}, "qty"),
        ({"product_id": "cap", "stock": 3.5}, "stock"),
        ({"product_id": "cap", "stock": 10**12}, "stock"),
        ({"product_id": "cap", "price": "free"}, "price is no amount"),
        ({"product_id": "cap", "price": -1}, "price"),
        ({"product_id": "cap", "price": "-1"}, "price is no amount"),
        ({"product_id": "cap", "sale_price": 5}, "need price beside them"),
        ({"product_id": "cap", "price": 5, "currency": "kr"}, "currency is no code"),
        ({"product_id": "cap", "title": " "}, "title is empty"),
        ({"product_id": "cap", "url": "javascript:x"}, "url is no address"),
        ({"product_id": "cap", "updated_at": "today"}, "updated_at is no instant"),
        ({"product_id": "cap", "updated_at": "2099-01-01"}, "more than a day ahead"),
        ({"product_id": "cap", "price": float("nan")}, "not valid JSON"),
        ({"product_id": "cap", "description": "x" * 40_000}, "at most 32 KB"),
        ({"product_id": "cap", "variant_ids": ["x"] * 2049}, "variant_ids holds at most"),
    ],
)
async def test_a_product_that_cannot_be_used_is_named_and_costs_no_neighbour(
    sqlite_database: Database, bad: Any, says: str
):
    await post(sqlite_database, CAP | {"variant_ids": ["cap-s"]})
    before = product(sqlite_database)
    reply = await post(sqlite_database, CAP | {"product_id": "a"}, bad, CAP | {"product_id": "b"})

    assert counts(reply) == (2, 0, 0, [1])
    assert says in reply["rejected"][0]["reason"]
    assert (product(sqlite_database).price, product(sqlite_database).stock) == (
        before.price, before.stock,
    )  # fmt: skip


async def test_what_the_database_does_not_take_costs_no_neighbour(sqlite_database: Database):
    with sqlite_database.write() as session:
        session.execute(text(
            "CREATE TRIGGER no BEFORE INSERT ON products WHEN NEW.id = 'bad' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        ))  # fmt: skip
    said = [CAP | {"product_id": each} for each in ("a", "bad", "b")]
    reply = await post(sqlite_database, *said)

    assert counts(reply) == (2, 0, 0, [1])
    assert reply["rejected"][0]["reason"] == "the database does not take it"


async def test_texts_in_another_language_are_beside_the_shops_own(sqlite_database: Database):
    await post(sqlite_database, CAP)
    await post(sqlite_database, CAP | {"title": "Hat", "price": 5}, locale="en")

    row = product(sqlite_database)
    assert (row.titles, row.price) == ({"sv": "Cap", "en": "Hat"}, "100")


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, "invalid_request"),
        (b'{"products": {}}', {}, "invalid_request"),
        (b'{"products": [], "locale": "tlh"}', {}, "invalid_request"),
        (json.dumps({"products": [{}] * 2501}).encode(), {}, "invalid_request"),
        (b" " * (BODY_BYTES_MAX + 1), {}, "too_large"),
        (b"x", {"content-encoding": "br"}, "unsupported_encoding"),
    ],
)
async def test_a_request_that_cannot_be_read_is_400(
    sqlite_database: Database, body: bytes, headers: dict[str, str], code: str
):
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/products", content=body, headers=headers)

    assert (reply.status_code, reply.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("auth", "key", "status"),
    [(("wrong", ""), None, 401), (None, WRITE_KEY, 200), (None, "wrong", 401), (None, None, 401)],
)
async def test_a_write_key_is_asked_for(
    sqlite_database: Database, auth: Any, key: str | None, status: int
):
    body = {"products": [CAP], "writeKey": key}
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/products", json=body, auth=auth)

    assert reply.status_code == status
    with sqlite_database.read() as session:
        assert len(session.scalars(select(Product)).all()) == (status == 200)


async def test_a_body_may_be_packed(sqlite_database: Database):
    body = gzip.compress(json.dumps({"products": [CAP]}).encode())
    async with served(sqlite_database) as client:
        reply = await client.post(
            "/v1/products", content=body, headers={"content-encoding": "gzip"}
        )

    assert reply.json()["added"] == 1


async def test_a_database_that_is_gone_is_503(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, OSError())

    monkeypatch.setattr(importing, "_take", gone)
    async with served(sqlite_database) as client:
        reply = await client.post("/v1/products", json={"products": [CAP]})

    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")


async def test_more_than_will_soon_be_stored_is_503_and_there_is_room_again_afterwards(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "WAITING_MAX", 1)
    async with served(sqlite_database) as client:
        with sqlite_database.write() as session:
            session.execute(text("SELECT 1"))  # nobody else can write now
            first = asyncio.create_task(client.post("/v1/products", json={"products": [CAP]}))
            await asyncio.sleep(0.2)
            busy = await client.post("/v1/products", json={"products": [CAP]})
        replies = [await first, await client.post("/v1/products", json={"products": [CAP]})]

    assert busy.status_code == 503
    assert [reply.status_code for reply in replies] == [200, 200]


async def test_who_tells_of_the_same_at_once_makes_one_product_and_one_piece_of_news(
    database: Database,
):
    await post(database, CAP | {"stock": 0})
    clock = FrozenClock(NOON + 2 * DAY)
    said = {"products": [{"product_id": "cap", "stock": 2}, CAP | {"product_id": "new"}]}
    async with served(database, clock) as one, served(database, clock) as other:
        await asyncio.gather(
            *(client.post("/v1/products", json=said) for client in (one, other) for _ in range(4))
        )

    assert news(database) == [("cap", "back_in_stock")]
    with database.read() as session:
        prices = session.scalars(select(ProductPrice.product_id)).all()
    assert sorted(prices) == ["cap", "new"]


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["cap", "99.50", "1e999", "2026-03-04T12:00:00Z", "https://x.example/"])
)  # fmt: skip
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
FIELDS = sorted({"product_id", "updated_at", "in_stock", "stock", "price", "sale_price", "title",
                 "sale_from", "sale_until", "currency", "description", "care", "benefits", "brand",
                 "category", "url", "image_url", "available_on", "variant_ids"})  # fmt: skip
mangled = st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6).map(
    lambda said: {"product_id": "odd", "title": "Odd", "price": 5} | said
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=st.lists(mangled | anything, max_size=4))
async def test_whatever_is_posted_each_product_is_kept_or_named(
    database: Database, said: list[Any]
):
    with database.write() as session:
        for table in (ProductVariant, ProductPrice, Product):
            session.query(table).delete()
    reply = await post(database, CAP, *said, CAP | {"product_id": "last"})

    kept = reply["added"] + reply["changed"] + reply["unchanged"]
    assert kept + len(reply["rejected"]) == len(said) + 2
    assert not {0, len(said) + 1} & {each["index"] for each in reply["rejected"]}
    assert product(database, "last").titles["sv"] == "Cap"
