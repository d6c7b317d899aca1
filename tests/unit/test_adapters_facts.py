"""What platforms post, from the HTTP request to the facts, and on to who is enrolled."""

from typing import Any

from sqlalchemy import select

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import ConsentChange, Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from tests.unit.ingesting import Shop
from tests.unit.platforms import (
    CART,
    CHECKOUT,
    CONSENT,
    FULFILLMENT,
    SHOPIFY_ORDER,
    changed,
    without,
)
from tests.unit.relaying import World, cart_flow
from tests.unit.test_web_adapters import BUYER, shopify

CONSENT_TOPIC = "customers_email_marketing_consent/update"


async def test_a_cart_becomes_the_customers_when_their_checkout_says_so(
    database: Database,
) -> None:
    await shopify(database, ("carts/update", CART, "e1"))
    assert Shop(database).contact(BUYER) is None
    await shopify(database, ("checkouts/create", CHECKOUT, "e2"))

    shop = Shop(database)
    assert shop.quantities("cart-token-1", BUYER) == {"5001": 2}
    with database.read() as session:
        owed = session.scalars(
            select(ContactEvent.name)
            .where(ContactEvent.contact_id == shop.contact_id(BUYER))
            .order_by(ContactEvent.occurred_at, ContactEvent.id)
        ).all()
    assert owed == ["Cart Updated", "Product Added", "identify", "Checkout Started"]


async def test_a_visitor_who_typed_an_address_is_the_customer_who_orders(
    database: Database,
) -> None:
    await shopify(database, ("checkouts/create", without(CHECKOUT, "customer"), "e1"))
    with database.read() as session:
        before = session.scalars(select(Contact.id)).all()
    await shopify(database, ("orders/create", SHOPIFY_ORDER, "e2"))

    assert [Shop(database).contact_id(BUYER)] == before
    assert Shop(database).cart("cart-token-1", BUYER).ordered


async def test_a_parcel_that_overtakes_its_order_finds_its_buyer(database: Database) -> None:
    await shopify(
        database,
        ("fulfillments/create", FULFILLMENT, "e2"),
        ("orders/create", SHOPIFY_ORDER, "e1"),
    )

    assert Shop(database).outbox(BUYER) == [
        "shopify-order-450001-completed",
        "shopify-fulfillment-2501-shipped",
    ]


async def test_of_consent_the_newest_word_counts_whatever_order_it_comes_in(
    database: Database,
) -> None:
    def word(state: str, minute: int) -> tuple[str, Any, str]:
        at = f"2026-03-04T11:{minute:02}:00Z"
        said = {"state": state, "opt_in_level": "single_opt_in", "consent_updated_at": at}
        return (CONSENT_TOPIC, changed(CONSENT, email_marketing_consent=said), f"e{minute}")

    await shopify(database, word("unsubscribed", 30), word("subscribed", 10))

    assert Shop(database).consent(BUYER) == "unsubscribed"
    with database.read() as session:
        told = session.scalars(select(ConsentChange).order_by(ConsentChange.at)).all()
    assert [(each.status, each.source) for each in told] == [
        ("subscribed", "shopify"),
        ("unsubscribed", "shopify"),
    ]


async def test_consent_of_a_customer_without_an_address_does_not_break(
    sqlite_database: Database,
) -> None:
    said = changed(CONSENT, email_address="")
    assert await shopify(sqlite_database, (CONSENT_TOPIC, said, "e1")) == [200]

    contact = Shop(sqlite_database).contact(BUYER)
    assert contact is not None
    assert contact.email is None
    assert Shop(sqlite_database).consent(BUYER) == "subscribed"


async def test_a_whole_cart_enrolls_its_owner_and_their_order_lets_them_go(
    database: Database, clock: FrozenClock
) -> None:
    world = World(database, clock, cart_flow())
    await shopify(database, (CONSENT_TOPIC, CONSENT, "e1"), ("carts/create", CART, "e2"))
    await shopify(database, ("checkouts/create", CHECKOUT, "e3"))
    await world.relay_all()
    (enrollment,) = world.enrollments()
    await shopify(database, ("orders/create", SHOPIFY_ORDER, "e4"))
    await world.relay_all()

    assert enrollment.entry_key == "cart-token-1"
    told = [event for signal in world.temporal.signals for event in signal.events]
    assert [event.event_id for event in told][-1] == "shopify-order-450001-completed"


async def test_who_has_yet_to_confirm_has_allowed_nothing(database: Database) -> None:
    said = {"state": "pending", "opt_in_level": None, "consent_updated_at": "2026-03-04T11:00:00Z"}
    await shopify(database, (CONSENT_TOPIC, changed(CONSENT, email_marketing_consent=said), "e1"))

    assert Shop(database).consent(BUYER) != "subscribed"
