"""Whoever is erased stands in no table any more; what happened stays."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from sekvens.audiences.retention import Retention
from sekvens.audiences.wire import EraseBatchResult
from sekvens.clock import FrozenClock
from sekvens.contacts.erase import certificate_of, erase, erasure_of
from sekvens.contacts.tables import Contact, Identity, Suppression, address_hash
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.enrollments.enroll import EntryRefusal, NotEnrolled, enroll
from sekvens.enrollments.exits import exit_of
from sekvens.enrollments.publish import live_flow, publish
from sekvens.enrollments.tables import Enrollment
from sekvens.events import identity
from sekvens.events.ingest import record_fact
from sekvens.events.tables import ContactEvent
from sekvens.flows.graph import compile_flow
from sekvens.flows.shop_time import ShopTime
from sekvens.offers.tables import CodeSource, OfferCode
from sekvens.products.tables import OrderLine
from sekvens.reviews.tables import Review, ReviewState
from tests.unit.ingesting import NOON, Shop, alias, identify, track
from tests.unit.relaying import World, cart_flow, store_templates

YEAR, DAY = timedelta(days=365), timedelta(days=1)
ADDRESS = "kanariefagel@tweet.example"
#: Words that stand nowhere in the product.
CANARIES = ("kanarie", "zwitscher", "papegoj", "tweet.example", "qvitter", "andulat")
PERSON = {
    "email": ADDRESS, "firstName": "Kanariefågelsa", "lastName": "Zwitscherdotter",
    "address": {"street": "Papegojgatan 3", "country": "SE"}, "nick": "Qvitter",
    "papegoja": True,
}  # fmt: skip


@pytest.fixture
def shop(database: Database) -> Shop:
    """A shop in which somebody has left traces everywhere, beside somebody who has not."""
    with database.write() as session:
        publish(session, cart_flow(), now=NOON, store_templates=store_templates)
    shop = Shop(database)
    bought = {"order_id": "order of kanarie", "coupon": "QVITTER-1", "total": 459}
    shop.post(
        {"type": "page", "anonymousId": "papegoj-cookie", "messageId": ADDRESS,
         "properties": {"url": "https://x.example/?q=papegoj", "title": "Qvitter"}},
        identify("kanarie@tweet.example", anon="papegoj-cookie", **PERSON),
        track("Email Subscribed", "kanarie@tweet.example", source="Qvitters formulär"),
        track("Product Added", "kanarie@tweet.example", cart_id=f"{ADDRESS}'s", product_id="p",
              name="Papegojhalsduk"),
        track("Order Completed", "kanarie@tweet.example", **bought,
              products=[{"product_id": "p", "engraving": "Till Zwitscher"}]),
        track("Return Started", "kanarie@tweet.example", order_id="order of kanarie"),
        track("Product Reviewed", "kanarie@tweet.example", product_id="p", rating=5,
              review_body="Hälsar Zwitscherdotter", review_id="of kanarie"),
        track("Product Reviewed", "kanarie@tweet.example", product_id="p", rating=5,
              review_body="Varm och go", review_id="warm"),
        track("Contact Suppressed", "kanarie@tweet.example", reason="inactive",
              ID="undulat & andulat"),
        {"type": "track", "userId": "kanarie@tweet.example", "event": "X", "timestamp": "qvitter"},
        identify("Andulat", email=ADDRESS), alias("Andulat", "kanarie@tweet.example"),
        identify("bystander", email="b@example.com", firstName="Bo"),
    )  # fmt: skip
    with database.write() as session:
        for review in session.scalars(select(Review)):
            review.state = ReviewState.APPROVED
        session.add(
            OfferCode(offer="w", key="W1", code="W1", source=CodeSource.POOL, taken_at=NOON,
                      contact_id=shop.contact_id("kanarie@tweet.example"))
        )  # fmt: skip
    World(database, FrozenClock(NOON)).expand_all()
    return shop


def everything(database: Database) -> list[str]:
    """Read every column of every table as text, flows and e-mails apart."""
    found = []
    with database.read() as session:
        for table in metadata.sorted_tables:
            for row in session.execute(table.select()).mappings():
                found += [f"{table.name}.{name}: {value}" for name, value in row.items()]
    return found


def canaries(database: Database) -> set[str]:
    return {
        line for line in everything(database) if any(word in line.casefold() for word in CANARIES)
    }


def forget(shop: Shop, contact_id: str) -> tuple[str, ...]:
    with shop.database.write() as session:
        return erase(session, contact_id, now=NOON, now_shop=NOON)


def test_no_column_of_any_table_holds_the_person_any_more(shop: Shop):
    before = {line.partition(":")[0] for line in canaries(shop.database)}
    forget(shop, shop.contact_id("kanarie@tweet.example"))

    assert before >= {
        "contacts.email", "contacts.first_name", "contacts.last_name", "contacts.traits",
        "identities.value", "events.message_id", "events.properties", "events.anonymous_id",
        "carts.cart_id", "carts.lines", "orders.order_id", "orders.products", "orders.details",
        "order_lines.order_id", "visits.url", "visits.title", "reviews.text", "open_cases.key",
        "consent_changes.source", "rejected_events.raw", "enrollments.entry_key",
        "suppressions.source",
    }  # fmt: skip
    assert canaries(shop.database) == set()


def test_what_happened_stays_without_the_person(shop: Shop):
    contact_id = shop.contact_id("kanarie@tweet.example")
    with shop.database.read() as session:
        names = session.scalars(select(ContactEvent.name).order_by(ContactEvent.id)).all()
    forget(shop, contact_id)

    with shop.database.read() as session:
        after = session.scalars(select(ContactEvent.name).order_by(ContactEvent.id)).all()
        assert after == [*names, "Contact Suppressed"]
        assert session.get(Contact, contact_id) is not None
        assert session.get(Suppression, address_hash(ADDRESS)) is not None
        assert session.scalars(select(OrderLine.product_id)).all() == ["p"]
        assert session.scalars(select(Review.text)).all() == ["Varm och go"]
        assert session.scalars(select(OfferCode.contact_id)).all() == [None]


def test_nobody_else_loses_anything(shop: Shop):
    forget(shop, shop.contact_id("kanarie@tweet.example"))
    bystander = shop.contact("bystander")

    assert bystander is not None
    assert (bystander.email, bystander.first_name) == ("b@example.com", "Bo")
    assert shop.count(Identity) == 1


async def test_what_is_under_way_is_told_to_leave_at_once(shop: Shop):
    world = World(shop.database, FrozenClock(NOON))
    [enrollment] = world.enrollments()
    await world.relay_all()
    forget(shop, shop.contact_id("kanarie@tweet.example"))
    await world.deliver_all(passes=2)

    [execution] = world.temporal.of(enrollment.id)
    assert execution.events_seen()[-1].exit_reason == "suppressed"
    with shop.database.read() as session:
        row, graph = session.get_one(Enrollment, enrollment.id), compile_flow(cart_flow())
        assert exit_of(session, row, graph, [row.contact_id]) == "suppressed"


def test_the_certificate_counts_what_was_removed_and_a_repeat_shows_the_first(shop: Shop):
    contact_id = shop.contact_id("kanarie@tweet.example")
    first, second = certificate(shop, contact_id), certificate(shop, contact_id, by="another")

    assert first == second
    assert (first["contact"], first["by"], first["why"]) == (contact_id, "maja", "request")
    assert first["enrollments_ended"] == 1
    assert first["tables"]["contacts"] == {"emptied": 2}
    assert first["tables"]["identities"]["deleted"] >= 3
    assert first["tables"]["reviews"] == {"deleted": 1, "emptied": 1}
    assert first["tables"]["suppressions"] == {"emptied": 1}


def test_nothing_is_stored_of_somebody_erased_and_nobody_enrolls_them(shop: Shop):
    contact_id = shop.contact_id("kanarie@tweet.example")
    forget(shop, contact_id)
    with shop.database.write() as session:
        is_stored = record_fact(
            session, contact_id=contact_id, name="Order Completed", message_id="late",
            order_id=ADDRESS, occurred_at=NOON, now=NOON,
        )  # fmt: skip
        flow = live_flow(session, "cart")
        entered = enroll(
            session, flow, contact_id=contact_id, entry_key="k", trigger=None,
            now_wall=NOON, now_shop=NOON,
        )  # fmt: skip

    assert not is_stored
    assert entered == NotEnrolled(reason=EntryRefusal.GONE)
    assert canaries(shop.database) == set()


def test_whoever_comes_back_is_a_new_contact_with_a_certificate_of_their_own(shop: Shop):
    old = shop.contact_id("kanarie@tweet.example")
    forget(shop, old)
    shop.post(identify("kanarie@tweet.example", **PERSON))
    new = shop.contact_id("kanarie@tweet.example")
    again = certificate(shop, new)

    assert new != old
    assert again["contacts"] == [new]
    assert canaries(shop.database) == set()


def test_an_event_that_waits_for_an_erasure_makes_a_new_contact(shop: Shop, monkeypatch):
    old, look = shop.contact_id("kanarie@tweet.example"), identity.look_up

    def look_and_erase(session, query, ids):
        # The names are read, and the contact is erased before it is locked: the id leads nowhere.
        rows = list(look(session, query, ids))
        if query is identity._BY_NAME:
            found = select(Contact).where(Contact.id == old)
            session.scalars(found).one().erased_at = NOON
            session.execute(delete(Identity).where(Identity.contact_id == old))
            session.flush()
        return rows

    monkeypatch.setattr(identity, "look_up", look_and_erase)
    shop.post(track("Product Viewed", "kanarie@tweet.example"))

    assert shop.contact_id("kanarie@tweet.example") != old


def certificate(shop: Shop, contact_id: str, *, by: str = "maja") -> dict[str, Any]:
    with shop.database.write() as session:
        erase(session, contact_id, now=NOON, now_shop=NOON, by=by)
        erasure = erasure_of(session, contact_id)
        assert erasure is not None
        return certificate_of(erasure)


def test_an_alias_is_as_good_a_name_and_a_repeat_changes_nothing_more(shop: Shop):
    contact_id = shop.contact_id("kanarie@tweet.example")
    with shop.database.read() as session:
        merged = session.scalars(select(Contact.id).where(Contact.merged_into == contact_id)).one()

    assert forget(shop, merged) == (contact_id, merged)
    assert forget(shop, contact_id) == (contact_id, merged)
    assert canaries(shop.database) == set()
    assert forget(shop, "c-nobody") == ()


def test_the_old_events_of_somebody_erased_are_still_known_when_they_come_again(shop: Shop):
    late = track("Product Viewed", "kanarie@tweet.example", ID="plain-1", name="Papegojhalsduk")
    shop.post(late)
    forget(shop, shop.contact_id("kanarie@tweet.example"))

    assert shop.post(late).duplicates == 1
    assert canaries(shop.database) == set()


def retention(shop: Shop, *, later: timedelta, erase_after: timedelta = YEAR) -> Retention:
    return Retention(
        database=shop.database,
        clock=FrozenClock(NOON + later),
        shop_time=ShopTime(),
        inactive_after=erase_after,
    )


def silent(database: Database, *more: Any, reason: str = "inactive") -> Shop:
    """Make a shop with one subscriber who has been suppressed now."""
    shop = Shop(database)
    shop.post(identify("u", email=ADDRESS), track("Contact Suppressed", "u", reason=reason), *more)
    return shop


@pytest.mark.parametrize(
    ("later", "erased"), [(YEAR - timedelta(seconds=1), 0), (YEAR, 1), (YEAR + DAY, 1)]
)
def test_whoever_never_ordered_is_erased_after_the_set_time(database: Database, later, erased):
    shop = silent(database)

    result = retention(shop, later=later).batch(None, lambda: None)

    assert result == EraseBatchResult(cursor=None, erased=erased)
    assert bool(canaries(database)) is not bool(erased)


@pytest.mark.parametrize(
    "kept",
    [
        {"more": [track("Order Completed", "u", order_id="1", ago=600)]},
        {"more": [track("Order Refunded", "u", order_id="1", ago=600)]},
        {"more": [track("Email Subscribed", "u", ago=-60)]},
        {"more": [track("Product Viewed", "u", ago=-60 * 24 * 300)]},
        {"reason": "bounce"},
        {"erase_after": timedelta(0)},
    ],
    ids=["ordered", "refunded", "subscribed again", "came by", "bounced", "switched off"],
)
def test_others_are_kept(database: Database, kept: dict[str, Any]):
    shop = silent(database) if "reason" not in kept else silent(database, reason=kept["reason"])
    shop.now = NOON + timedelta(days=301)
    shop.post(*kept.get("more", []))

    erase_after = kept.get("erase_after", YEAR)
    result = retention(shop, later=YEAR + DAY, erase_after=erase_after).batch(None, lambda: None)

    assert result == EraseBatchResult(cursor=None, erased=0)
    assert canaries(database)


def test_one_without_an_address_whose_suppression_is_still_owed_is_erased(database: Database):
    shop = Shop(database)
    shop.post(identify("papegoja"), track("Contact Suppressed", "papegoja", reason="inactive"))

    assert retention(shop, later=YEAR).batch(None, lambda: None).erased == 1
    assert canaries(database) == set()


MONTH = timedelta(days=30)
REQUESTED = "Email Confirmation Requested"


def unanswered(database: Database, *more: Any, user: str | None = None) -> Shop:
    """Make a shop at which somebody has signed up by the form, and has not confirmed it."""
    shop = Shop(database)
    shop.post(
        identify(user, anon="kanarie-cookie", email=ADDRESS),
        track(REQUESTED, user, ANON="kanarie-cookie", request_id="r-1"),
        *more,
    )
    return shop


def unconfirmed(shop: Shop, *, later: timedelta, after: timedelta = MONTH) -> int:
    clock = FrozenClock(NOON + later)
    return Retention(
        database=shop.database, clock=clock, shop_time=ShopTime(), unconfirmed_after=after
    ).batch(None, lambda: None).erased  # fmt: skip


@pytest.mark.parametrize(("later", "erased"), [(MONTH - timedelta(seconds=1), 0), (MONTH, 1)])
def test_whoever_never_confirmed_a_sign_up_is_erased_after_the_set_time(
    database: Database, later: timedelta, erased: int
):
    shop = unanswered(database)

    assert unconfirmed(shop, later=later) == erased
    assert bool(canaries(database)) is not bool(erased)


@pytest.mark.parametrize(
    "kept",
    [
        {"more": [track("Email Subscribed", None, ANON="kanarie-cookie", ago=-1)]},
        {"more": [track("Unsubscribed", None, ANON="kanarie-cookie", ago=-1)]},
        {"more": [track("Order Completed", None, ANON="kanarie-cookie", order_id="1", ago=9)]},
        {"more": [track("Product Viewed", None, ANON="kanarie-cookie", ago=-60 * 24)]},
        {"user": "u"},
        {"after": timedelta(0)},
    ],
    ids=["confirmed", "said no", "ordered", "came by", "has an account", "switched off"],
)
def test_whoever_the_shop_has_another_reason_to_know_is_kept(
    database: Database, kept: dict[str, Any]
):
    shop = unanswered(database, user=kept.get("user"))
    shop.now = NOON + DAY
    shop.post(*kept.get("more", []))

    assert unconfirmed(shop, later=MONTH, after=kept.get("after", MONTH)) == 0
    assert canaries(database)
