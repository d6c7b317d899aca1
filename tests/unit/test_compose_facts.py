"""What is read of orders, parcels and products for an e-mail, from both databases."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.flows.steps import Purpose
from sekvens.messages.context import Entry, gather
from sekvens.messages.facts import Facts
from sekvens.messages.needs import Needs
from sekvens.products.tables import Pairing, Product
from tests.unit.composing import EVERYTHING, sample_shop
from tests.unit.ingesting import NOON, Shop, track
from tests.unit.sending import API

SOCKS = {"product_id": "p-socks", "name": "Sockor", "price": 200, "quantity": 2}
JUMPER = {"product_id": "p-jumper", "name": "Tröja", "price": "1895.00"}
NOTHING = Needs(variables=frozenset(), blocks=frozenset())
ORDER = Entry(name="order_id", key="1001")


@pytest.fixture
def shop(database: Database) -> Shop:
    shop = Shop(database)
    shop.post(track("Order Completed", ago=60, order_id="1001", products=[SOCKS], total=459))
    return shop


def product(product_id: str, title: str, **more: Any) -> Product:
    given = {"price": "249", "regular_price": None, "currency": "SEK", "category": "socks"}
    return Product(
        id=product_id,
        titles={"sv": title, "en": f"{title} (en)"},
        brand=None,
        url=f"https://shop.example/p/{product_id}",
        image_url=None,
        stock=None,
        locale="sv",
        first_seen_on=NOON,
        reduced_until=None,
        available_on=None,
        **(given | more),
    )


def stock(shop: Shop, *rows: Product | Pairing) -> None:
    with shop.database.write() as session:
        for row in rows:
            session.add(row)
            session.flush()


def read(session: Session, contact_id: str, needs: Needs, entry: Entry) -> Facts:
    return gather(
        session,
        contact_id=contact_id,
        enrollment_id="e-1",
        flow="order-updates",
        step_id="a-step",
        purpose=Purpose.TRANSACTIONAL,
        entry=entry,
        needs=needs,
        started_at=NOON,
        now=NOON,
        shop=sample_shop(),
        api=API,
        message_id="m-1",
    )


def gathered(shop: Shop, *, needs: Needs = EVERYTHING, entry: Entry = ORDER) -> Facts:
    contact_id = shop.contact_id()
    with shop.database.write() as session:  # a contact's first referral code is made up
        return read(session, contact_id, needs, entry)


def queries(shop: Shop, *names: str, entry: Entry = ORDER) -> int:
    contact_id, asked = shop.contact_id(), []
    needs = Needs(variables=frozenset(names), blocks=frozenset())
    with shop.database.read() as session:
        session.execute(select(1))
        connection = session.connection()
        event.listen(connection, "before_cursor_execute", lambda *call: asked.append(call[2]))
        read(session, contact_id, needs, entry)
    return len(asked)


def test_an_order_is_read_as_it_was_posted(shop: Shop) -> None:
    shop.post(
        track(
            "Order Updated", order_id="1001", tax="91.80", shipping=59, discount=0, currency="EUR",
            payment_method="Klarna", total=459,
        )
    )  # fmt: skip
    order = gathered(shop).order

    assert order is not None
    assert (order.order_id, order.currency, order.payment) == ("1001", "EUR", "Klarna")
    assert (order.total, order.vat) == (Decimal(459), Decimal("91.80"))
    assert (order.shipping, order.discount, order.refunded) == (Decimal(59), Decimal(0), None)
    assert [(line.name, line.quantity) for line in order.lines] == [("Sockor", 2)]


def test_nothing_is_known_of_what_was_not_posted(shop: Shop) -> None:
    order = gathered(shop).order

    assert order is not None
    assert (order.vat, order.shipping, order.discount, order.payment) == (None,) * 4


@pytest.mark.parametrize(
    ("said", "is_paid"), [({}, True), ({"financial_status": "paid"}, True),
                          ({"payment_status": "Pending"}, False)],
)  # fmt: skip
def test_a_payment_that_is_on_its_way_has_not_gone_through(
    shop: Shop, said: dict[str, str], *, is_paid: bool
) -> None:
    shop.post(track("Order Updated", order_id="1001", **said))
    order = gathered(shop).order

    assert order is not None
    assert order.is_paid is is_paid


def test_refunds_add_up_unless_one_does_not_say_how_much(shop: Shop) -> None:
    shop.post(*[track("Order Refunded", ago=2, order_id="1001", total=n) for n in (100, 29.5)])
    known = gathered(shop).order
    shop.post(track("Order Refunded", ago=1, order_id="1001"))
    unknown = gathered(shop).order

    assert known is not None
    assert known.refunded == Decimal("129.5")
    assert unknown is not None
    assert (unknown.refunded, unknown.state) == (None, "refunded")


def test_a_parcel_is_where_the_newest_event_says(shop: Shop) -> None:
    posted = {"order_id": "1001"}
    shop.post(
        track("Order Delayed", ago=50, delayed_until="2026-03-09", reason="Snö", **posted),
        track("Order Shipped", ago=40, carrier="Postnord", expected_on="2026-03-10", **posted),
        track("Order Shipped", ago=39, order_id="1002", carrier="DHL"),
    )
    shipped = gathered(shop).delivery
    ready = {"pickup_place": "Coop", "pickup_until": "2026-03-20T23:30:00Z"}
    shop.post(track("Order Ready for Pickup", ago=30, **ready, **posted))
    waiting = gathered(shop).delivery

    assert shipped is not None
    assert (shipped.carrier, shipped.expected_on) == ("Postnord", date(2026, 3, 10))
    assert (shipped.delayed_until, shipped.delay_reason) == (None, None)
    assert waiting is not None
    assert (waiting.pickup_place, waiting.pickup_until) == ("Coop", date(2026, 3, 21))
    assert waiting.expected_on is None


@pytest.mark.parametrize("posted", [{}, {"expected_on": "soon"}, {"tracking_url": "javascript:x"}])
def test_a_parcel_of_which_nothing_useful_was_said_is_none(shop: Shop, posted) -> None:
    shop.post(track("Order Shipped", order_id="1001", **posted))

    assert gathered(shop).delivery is None


def test_lines_are_told_by_the_products_that_the_shop_has_imported(shop: Shop) -> None:
    stock(shop, product("p-socks", "Raggsockorna"))
    facts = gathered(shop)

    assert facts.order is not None
    assert [line.product.title["en"] for line in facts.order.lines if line.product] == [
        "Raggsockorna (en)"
    ]
    assert [product.product_id for product in facts.at_hand] == ["p-socks"]


def test_what_they_own_is_each_product_once_and_nothing_that_went_back(shop: Shop) -> None:
    shop.post(
        track("Order Completed", ago=5, order_id="1002", products=[JUMPER, SOCKS]),
        track("Order Completed", ago=4, order_id="1003", products=[{"name": "Pläd"}]),
        track("Order Refunded", ago=3, order_id="1003"),
        track("Order Completed", ago=2, order_id="1004", products=[{"name": "Mössa"}]),
        track("Order Cancelled", ago=1, order_id="1004"),
    )
    facts = gathered(shop)

    assert [product.product_id for product in facts.owned] == ["p-jumper", "p-socks"]
    assert facts.orders_count == 3
    assert facts.last_order is not None
    assert facts.last_order.order_id == "1003"


def test_what_goes_with_an_order_is_nothing_that_they_have(shop: Shop) -> None:
    stock(shop, *(product(f"p-{name}", name) for name in ("socks", "hat", "jumper")))
    shop.post(track("Order Completed", ago=5, order_id="1002", products=[JUMPER]))
    for other in ("p-hat", "p-jumper"):
        one, two = sorted(("p-socks", other))
        stock(shop, Pairing(product_id=one, other_id=two, created_at=NOON))

    assert [product.product_id for product in gathered(shop).related] == ["p-hat"]


def test_a_product_that_was_never_imported_is_told_by_the_newest_view(shop: Shop) -> None:
    entry = Entry(name="product_id", key="p-hat")
    viewed = {"product_id": "p-hat", "category": "hats", "currency": "EUR"}
    shop.post(
        track("Product Viewed", ago=3, name="Hatt", price=30, **viewed),
        track("Product Viewed", ago=2, name="Mössan Bengt", price=39, **viewed),
        track("Product Viewed", ago=1, name="Annat", product_id="p-other"),
    )
    product = gathered(shop, entry=entry).product

    assert product is not None
    assert (product.title, product.price, product.currency, product.category) == (
        {"": "Mössan Bengt"}, Decimal(39), "EUR", "hats",
    )  # fmt: skip


def test_a_product_with_an_orders_number_is_not_what_an_order_is_about(shop: Shop) -> None:
    stock(shop, product("1001", "Ettusen ett"))

    assert gathered(shop).product is None
    assert gathered(shop, entry=Entry(key="1001")).product is not None


def test_how_often_it_was_used_is_a_positive_number_or_not_known(shop: Shop) -> None:
    found = []
    for used in (17, 0, True, "17", None):
        with shop.database.write() as session:
            session.get_one(Contact, shop.contact_id()).traits = {"times_used": used}
        found.append(gathered(shop, needs=NOTHING).times_used)

    assert found == [17, None, None, None, None]


def test_only_what_the_e_mail_speaks_of_is_asked_for(shop: Shop) -> None:
    assert queries(shop) == 1  # the contact
    assert queries(shop, "shop", "guide", "first_name", "press") == 1
    assert queries(shop, "delivery") == 2
    assert queries(shop, "order") <= 6
    assert queries(shop, "cart", entry=Entry(name="cart_id", key="k")) == 2
    assert queries(shop, "owned", entry=Entry()) <= 5


def test_since_is_the_last_order_or_when_they_joined(shop: Shop) -> None:
    ordered = gathered(shop).since
    shop.post(track("Order Cancelled", order_id="1001"))
    joined = gathered(shop).since

    assert ordered == NOON - timedelta(minutes=60)
    assert joined == NOON
