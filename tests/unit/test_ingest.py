"""A batch becomes facts once, with its place in the outbox, in one transaction."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from sekvens.db.session import Database
from sekvens.events.ingest import Ingested, ingest, record_fact
from sekvens.events.parse import IncomingEvent
from sekvens.events.tables import ContactEvent, OutboxEntry, RejectedEvent
from sekvens.flows.shop_time import ShopTime
from tests.unit.ingesting import NOON, Shop, alias, identify, track


@pytest.fixture
def shop(database: Database) -> Shop:
    return Shop(database)


def test_a_batch_posted_twice_happens_once(shop: Shop) -> None:
    batch = [identify(email="a@example.com"), track("Product Added", ID="1", product_id="p")]
    first, again = shop.post(*batch), shop.post(*batch)

    assert (first.accepted, first.duplicates) == (2, 0)
    assert (again.accepted, again.duplicates) == (0, 2)
    assert again.contact_ids == first.contact_ids == (shop.contact_id(),)
    assert shop.quantities() == {"p": 1}
    assert shop.outbox() == ["1"]


def test_an_event_twice_in_one_batch_happens_once(shop: Shop) -> None:
    ingested = shop.post(*[track("Product Added", ID="1", product_id="p")] * 2)

    assert (ingested.accepted, ingested.duplicates) == (1, 1)
    assert shop.quantities() == {"p": 1}


def test_a_refused_event_is_kept_with_its_reason_and_as_it_came(shop: Shop) -> None:
    ingested = shop.post({"type": "track", "userId": "u"}, track("Product Added"))

    assert (ingested.accepted, ingested.rejected) == (1, 1)
    with shop.database.read() as session:
        kept = session.scalars(select(RejectedEvent)).one()
    assert (kept.reason, kept.raw) == (
        "a track event needs `event`, its name",
        '{"type": "track", "userId": "u"}',
    )


def test_only_what_a_contact_did_is_owed_to_the_relay(shop: Shop) -> None:
    shop.post(identify(), alias("x", "u"), {"type": "page", "userId": "u"}, track("A", ID="1"))

    assert shop.outbox() == ["1"]


def test_a_batch_is_looked_up_at_once_and_not_by_the_event(sqlite_database: Database) -> None:
    shop = Shop(sqlite_database)
    shop.post(*[identify(f"u{n}") for n in range(100)])
    statements: list[str] = []
    event.listen(
        sqlite_database.engine, "before_cursor_execute", lambda *said: statements.append(said[2])
    )
    shop.post(*[track("Product Added", f"u{n}", product_id="p") for n in range(100)])

    assert len(statements) < 12


def test_in_a_demo_the_past_stays_as_old_as_it_is(sqlite_database: Database) -> None:
    quick = ShopTime(origin=NOON, speed=43_200)
    times = [NOON - timedelta(days=365), NOON + timedelta(seconds=2)]
    batch = [
        IncomingEvent(
            type="track",
            name="A",
            message_id=f"{position}",
            user_id="u",
            occurred_at=at,
            received_at=at,
        )
        for position, at in enumerate(times)
    ]
    with sqlite_database.write() as session:
        ingest(session, batch, now=NOON, shop_time=quick)
        stored = list(session.scalars(select(ContactEvent.occurred_at)))

    assert stored == [NOON - timedelta(days=365), NOON + timedelta(days=1)]


def test_two_writers_at_once_fold_one_after_the_other(database: Database) -> None:
    shop = Shop(database)
    shop.post(identify())
    added = [track("Product Added", product_id="p", ago=n) for n in range(8)]
    threads = [threading.Thread(target=shop.post, args=(event,)) for event in added]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert shop.quantities() == {"p": 8}


def test_a_fact_that_did_not_come_by_http_is_folded_and_owed_all_the_same(shop: Shop) -> None:
    shop.post(identify())
    recorded = [record(shop, "Order Completed", order_id="1") for _ in range(2)]

    assert recorded == [True, False]
    assert [order[0] for order in shop.orders()] == ["1"]
    assert shop.outbox() == ["fact"]


def test_a_fact_of_a_contact_merged_away_is_the_others(shop: Shop) -> None:
    shop.post(identify("old"))
    shop.now = NOON + timedelta(minutes=1)
    shop.post(identify("young"))
    young = shop.contact_id("young")
    shop.post(alias("old", "young"))
    recorded = record(shop, "Unsubscribed", contact_id=young)

    assert recorded
    assert shop.consent("old") == "unsubscribed"


def test_a_fact_of_nobody_is_not_recorded(shop: Shop) -> None:
    assert not record(shop, "Unsubscribed", contact_id="c-nobody")
    assert shop.count(OutboxEntry) == 0


def record(
    shop: Shop, name: str, *, contact_id: str | None = None, order_id: str | None = None
) -> bool:
    with shop.database.write() as session:
        return record_fact(
            session,
            contact_id=contact_id or shop.contact_id(),
            name=name,
            message_id="fact",
            order_id=order_id,
            occurred_at=NOON,
            now=NOON,
        )


def test_nothing_posted_is_nothing_done(shop: Shop) -> None:
    assert shop.post() == Ingested()


@pytest.mark.parametrize("name", ["Checkout Started", "Payment Info Entered"])
@pytest.mark.parametrize("status", [{"payment_status": "Pending"}, {"financial_status": "created"}])
def test_a_payment_on_its_way_is_told_to_flows_once(
    shop: Shop, name: str, status: dict[str, str]
) -> None:
    event = track(name, ID="1", cart_id="k", checkout_id=7, payment_method="swish", **status)
    shop.post(event)
    shop.post(event)

    assert shop.outbox() == ["1", "1#payment-pending"]
    assert properties_of(shop, "1#payment-pending") == {
        "checkout_id": 7,
        "cart_id": "k",
        "method": "swish",
    }


@pytest.mark.parametrize(
    "event",
    [
        track("Checkout Started", ID="1"),
        track("Checkout Started", ID="1", payment_status="paid"),
        track("Checkout Started", ID="1", payment_status=["pending"]),
        track("Order Completed", ID="1", financial_status="pending"),
        track("Order Updated", ID="1", financial_status="authorized"),
    ],
)
def test_nothing_follows_from_an_order_or_from_a_payment_that_does_not_pend(
    shop: Shop, event: dict[str, object]
) -> None:
    shop.post(event)

    assert shop.outbox() == ["1"]


def properties_of(shop: Shop, message_id: str) -> dict[str, object]:
    query = select(ContactEvent.properties).where(ContactEvent.message_id == message_id)
    with shop.database.read() as session:
        return session.scalars(query).one()
