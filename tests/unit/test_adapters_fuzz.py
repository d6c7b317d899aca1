"""Whatever JSON a platform posts, reading it gives events that can be stored, or `Unusable`."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from sekvens.db.session import Database
from sekvens.events.adapters import shopify, woocommerce
from sekvens.events.adapters.reading import Unusable
from sekvens.events.parse import IncomingEvent, Refused, read_batch
from sekvens.products.importing import import_products
from sekvens.products.tables import (
    Product,
    ProductChange,
    ProductPrice,
    ProductVariant,
    VariantStock,
)
from tests.unit.ingesting import NOON
from tests.unit.platforms import (
    CART,
    CHECKOUT,
    CONSENT,
    CUSTOMER,
    FULFILLMENT,
    REDACT,
    REFUND,
    SHOPIFY_ORDER,
    WOO_CUSTOMER,
    WOO_ORDER,
    told_by_shopify,
    told_by_woo,
)
from tests.unit.product_webhooks import (
    DAY,
    INVENTORY_LEVEL,
    SHOPIFY_PRODUCT,
    WOO_PRODUCT,
    shopify_product,
)

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**301)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "1e999",
            "-5",
            "2026-03-04T11:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "a@example.com",
            "gid://shopify/Customer/1",
            "success",
            "subscribed",
            "completed",
            "\x00",
        ]
    )
)
json_values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def mangled(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    """Take a real payload and put anything in some of its places."""
    body = dict(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(0, 5))):
        place: Any = body
        while True:
            if not isinstance(place, dict | list) or not place:
                break
            at = draw(
                st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place)))
            )
            if draw(st.booleans()) or not isinstance(place[at], dict | list):
                place[at] = draw(json_values)
                break
            place[at] = place = type(place[at])(place[at])
    return body


SHOPIFY = [SHOPIFY_ORDER, CART, CHECKOUT, CONSENT, CUSTOMER, FULFILLMENT, REDACT, REFUND,
           SHOPIFY_PRODUCT, INVENTORY_LEVEL]  # fmt: skip
WOO = [WOO_ORDER, WOO_CUSTOMER, WOO_PRODUCT]
PLATFORMS = [
    (told_by_shopify, sorted(shopify.TOPICS), SHOPIFY),
    (told_by_woo, sorted(woocommerce.TOPICS), WOO),
]


@pytest.mark.parametrize(("tell", "topics", "bodies"), PLATFORMS, ids=["shopify", "woocommerce"])
@settings(max_examples=120)
@given(data=st.data())
def test_nothing_that_is_json_makes_a_reader_fail(
    tell: Any, topics: list[str], bodies: list[dict[str, Any]], data: st.DataObject
) -> None:
    topic = data.draw(st.sampled_from(topics))
    anything = st.dictionaries(st.text(max_size=10), json_values, max_size=5)
    body = data.draw(mangled(bodies) | anything)
    with contextlib.suppress(Unusable):
        told = tell(topic, body)
        raw = msgspec.json.encode({"batch": told.events})
        read = read_batch(raw, received_at=NOON).events

        assert len(read) == len(told.events)
        assert all(isinstance(event, IncomingEvent | Refused) for event in read)


@pytest.mark.parametrize(("tell", "topics", "bodies"), PLATFORMS, ids=["shopify", "woocommerce"])
def test_what_is_well_formed_can_be_stored(
    tell: Any, topics: list[str], bodies: list[dict[str, Any]]
) -> None:
    for topic in topics:
        for body in bodies:
            with contextlib.suppress(Unusable):
                raw = msgspec.json.encode({"batch": tell(topic, body).events})
                read = read_batch(raw, received_at=NOON).events

                assert not [event for event in read if isinstance(event, Refused)]


OF_PRODUCTS = [
    (told_by_shopify, sorted(t for t in shopify.TOPICS if t.startswith(("products", "inv"))),
     [SHOPIFY_PRODUCT, INVENTORY_LEVEL]),
    (told_by_woo, sorted(t for t in woocommerce.TOPICS if t.startswith("product")), [WOO_PRODUCT]),
]  # fmt: skip


@pytest.mark.parametrize(("tell", "topics", "bodies"), OF_PRODUCTS, ids=["shopify", "woocommerce"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_is_told_of_a_product_can_be_stored(
    database: Database, tell: Any, topics: list[str], bodies: list[dict[str, Any]],
    data: st.DataObject,
) -> None:  # fmt: skip
    with contextlib.suppress(Unusable):
        body = data.draw(mangled(bodies))
        said = tell(data.draw(st.sampled_from(topics)), body, received_at=NOON).products
        imported = import_products(database, said, locale="sv", own_locale="sv", now=NOON)

        assert [each.reason for each in imported.rejected if "database" in each.reason] == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(order=st.permutations(range(5)))
def test_in_whatever_order_they_come_the_newest_word_stands(
    sqlite_database: Database, order: list[int]
) -> None:
    with sqlite_database.write() as session:
        for table in (VariantStock, ProductVariant, ProductPrice, ProductChange, Product):
            session.query(table).delete()
    for number in order:
        body = shopify_product(number, 4 - number, later=number * DAY, title=f"T{number}")
        said = told_by_shopify("products/update", body, received_at=NOON + 9 * DAY).products
        import_products(sqlite_database, said, locale="sv", own_locale="sv", now=NOON)

    with sqlite_database.read() as session:
        row = session.get_one(Product, "5001")
        counts = session.scalars(select(VariantStock.count).order_by(VariantStock.item_id)).all()
    assert (row.titles["sv"], row.stock, counts) == ("T4", 4, [4, 0])


@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_of_thousands_of_digits_is_no_id_and_no_amount(sign: int) -> None:
    huge = sign * 10**5000  # Python writes no such number, and says so by an error
    (told,) = told_by_shopify("orders/create", {"id": 1, "total_price": huge}).events
    with pytest.raises(Unusable):
        told_by_shopify("orders/create", {"id": huge})

    assert told["properties"] == {"order_id": "1"}  # nor has it lines, which nobody posted
