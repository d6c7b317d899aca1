"""What a contact has bought, looked at and clicked: three ways to ask, one answer."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text, update

from sekvens.contacts.tables import Contact
from sekvens.db.migrate import MIGRATIONS
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import Order
from sekvens.feedback.tables import MessageFate
from sekvens.flows.conditions import AllOf, AnyOf, Condition, InSegment, Not
from sekvens.flows.dealings import (
    Bounced,
    Breadth,
    ClickRate,
    EngagementIs,
    Ordered,
    Spent,
    TopShare,
    Viewed,
)
from sekvens.messages.tables import Message
from sekvens.products.tables import Product, ProductVariant
from sekvens.segments import memory, sql, summaries
from sekvens.segments.audience import candidates, is_decided, is_of_one_row
from sekvens.segments.dealings import Goods
from sekvens.segments.figures import top_share
from sekvens.segments.memory import ContactFacts, PastEvent
from sekvens.segments.tables import ContactSummary, ShopFigure
from tests.unit.ingesting import NOON, Shop, alias, identify, track

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
GOODS = {
    "cap": Goods("cap", "hats", "Delsbo"),
    "sock": Goods("sock", "socks", "Delsbo"),
    "sock-42": Goods("sock", "socks", "Delsbo"),
    "scarf": Goods("scarf", None, "Bjuråker"),
}
#: What things are called; the last is no product that we know.
IDS = st.sampled_from([*GOODS, "mug"])
#: Around the boundaries of every stretch of time that is asked about.
DAYS = st.sampled_from([0, 1, 2, 29, 30, 31, 89, 90, 91, 120])
WITHIN = st.none() | st.tuples(DAYS, st.integers(0, 3)).map(
    lambda given: given[0] * DAY + given[1] * MINUTE
)
AMOUNTS = st.sampled_from([0, 1, 1000, 1001, 2000, 50000])
TIMES = st.integers(0, 4)  # the summary tells of three
NAMED: dict[str, Any] = {
    "times": TIMES,
    "within": WITHIN,
    "product": st.none() | IDS,
    "category": st.sampled_from([None, None, "hats", "socks"]),
    "brand": st.sampled_from([None, None, "Delsbo", "Bjuråker"]),
}
LEAVES = st.one_of(
    st.builds(
        Spent,
        measure=st.sampled_from(["total", "last", "average"]),
        at_least=AMOUNTS,
        within=WITHIN,
    ),
    st.builds(Ordered, **NAMED),
    st.builds(Viewed, **NAMED),
    st.builds(Ordered, times=TIMES, within=WITHIN),
    st.builds(Viewed, times=TIMES, within=WITHIN),
    st.builds(Breadth, categories=st.integers(0, 3)),
    st.builds(TopShare, share=st.sampled_from([0.05, 0.1])),
    st.builds(EngagementIs, level=st.sampled_from(["new", "active", "cooling", "dormant"])),
    st.builds(
        ClickRate,
        at_least=st.sampled_from([0, 33, 50, 100]),
        within=WITHIN.filter(lambda within: within is not None),
        received=st.integers(0, 2),
    ),
    st.builds(Bounced, times=TIMES, within=WITHIN),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda condition: Not(condition=condition), inner),
        st.builds(lambda condition: InSegment(name="some", condition=condition), inner),
        st.lists(inner, max_size=3).map(lambda few: AllOf(conditions=tuple(few))),
        st.lists(inner, max_size=3).map(lambda few: AnyOf(conditions=tuple(few))),
    ),
    max_leaves=5,
)


class Did(NamedTuple):
    """Something that one of two names of the same person did."""

    name: str
    properties: dict[str, Any]
    days: int
    is_other: bool


def orders(name: str) -> st.SearchStrategy[Did]:
    lines = st.lists(IDS.map(lambda key: {"product_id": key}), max_size=2)
    told = st.fixed_dictionaries(
        {"order_id": st.sampled_from(["o1", "o2", "o3", "o4"])},
        optional={
            "products": lines,
            "total": st.sampled_from([10, "10.01", 5, "-3", "9.995", "1e12"]),
        },
    )
    return st.builds(Did, st.just(name), told, DAYS, st.booleans())


def looks(name: str) -> st.SearchStrategy[Did]:
    told = st.fixed_dictionaries({}, optional={"product_id": IDS})
    return st.builds(Did, st.just(name), told, DAYS, st.booleans())


DID = st.one_of(
    *(orders(name) for name in ("Order Completed",) * 3),
    *(orders(name) for name in ("Order Updated", "Order Refunded", "Order Cancelled")),
    *(looks(name) for name in ("Product Viewed", "Product Viewed", "Email Link Clicked")),
    looks("Email Delivered"),
    looks("Coupon Entered"),  # no sign of life
)
SENT = st.lists(st.tuples(DAYS, st.sampled_from(["", "soft_bounced", "delivered"])), max_size=3)
SOCKS = [{"product_id": "sock-42"}]
_numbers = itertools.count()


def stock(database: Database) -> None:
    with database.write() as session:
        if session.get(Product, "cap") is not None:
            return
        for key in ("cap", "sock", "scarf"):
            told = GOODS[key]
            session.add(
                Product(id=key, titles={}, locale="sv", first_seen_on=NOON, category=told.category,
                        brand=told.brand)
            )  # fmt: skip
        session.flush()
        session.add(ProductVariant(id="sock-42", product_id="sock"))


def figure(database: Database, least: float) -> None:
    with database.write() as session:
        session.merge(ShopFigure(name=top_share(0.05), value=least, computed_at=NOON))


def when(number: int, did: Did) -> datetime:
    """No two things at one instant: what came first is no matter of chance."""
    return NOON - did.days * DAY - number * MINUTE


def posted(number: int, did: Did, users: tuple[str, str]) -> dict[str, Any]:
    ago = (NOON - when(number, did)) / MINUTE
    told = did.properties | {"ID": f"{users[0]}-{number}"}
    return track(did.name, users[did.is_other], ago=ago, **told)


def send(database: Database, contact_id: str, sent: list[tuple[int, str]]) -> None:
    with database.write() as session:
        for days, fate in sent:
            key = f"{contact_id}-{next(_numbers)}"
            session.add(Enrollment(id=key, flow="f", flow_version=1, contact_id=contact_id,
                                   workflow_id=key, state="ended", started_at=NOON))  # fmt: skip
            session.flush()
            session.add(Message(id=key, enrollment_id=key, step_id="s", flow="f", flow_version=1,
                                contact_id=contact_id, template="f/s", template_digest="d",
                                purpose="marketing", state="accepted", claimed_at=NOON,
                                sent_on=NOON - days * DAY))  # fmt: skip
            session.flush()
            if fate:
                session.add(MessageFate(message_id=key, state=fate, at=NOON))


def facts_of(did: list[Did], sent: list[tuple[int, str]], least: float) -> ContactFacts:
    return ContactFacts(
        events=tuple(
            PastEvent(one.name, one.properties, when(number, one)) for number, one in enumerate(did)
        ),
        received=tuple(NOON - days * DAY for days, _ in sent),
        bounced=tuple(NOON - days * DAY for days, fate in sent if fate == "soft_bounced"),
        figures={top_share(0.05): least},
        goods=GOODS,
    )


def summary(database: Database, contact_id: str) -> dict[str, Any]:
    with database.read() as session:
        # Whoever did nothing that counts may have none.
        nothing = ContactSummary(contact_id=contact_id, orders=0, spent=0, categories=0)
        row = session.get(ContactSummary, contact_id) or nothing
        return {c.key: getattr(row, c.key) for c in ContactSummary.__table__.columns}


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data(), did=st.lists(DID, max_size=7), sent=SENT, is_merged=st.booleans())
def test_three_ways_to_ask_agree_whatever_came_late_twice_or_under_another_name(
    database: Database, data: st.DataObject, did: list[Did], sent: list[tuple[int, str]], *,
    is_merged: bool,
):  # fmt: skip
    stock(database)
    least = data.draw(st.sampled_from([0, 1000, 2000]))
    figure(database, least)
    shop, number = Shop(database), next(_numbers)
    users = (f"u{number}", f"v{number}") if is_merged else (f"u{number}",) * 2
    whole: list[Any] = [posted(each, one, users) for each, one in enumerate(did)]
    events = data.draw(st.permutations([*whole, *whole[:2]]))  # two of them twice
    shop.post(identify(users[0]))
    shop.post(identify(users[1]))
    halfway = data.draw(st.integers(0, len(events)))
    send(database, shop.contact_id(users[1]), sent)
    shop.post(*events[:halfway])
    if is_merged:
        shop.post(alias(users[1], users[0]))
    for event in events[halfway:]:
        shop.post(event)

    contact_id, facts = shop.contact_id(users[0]), facts_of(did, sent, least)
    for condition in data.draw(st.lists(CONDITIONS, min_size=3, max_size=6)):
        for now in (NOON, NOON + data.draw(DAYS) * DAY + data.draw(st.integers(0, 3)) * MINUTE):
            agree(database, condition, facts, contact_id, now)
    if whole:
        kept = summary(database, contact_id)
        with database.write() as session:
            summaries.refold(session, [contact_id])
        assert summary(database, contact_id) == kept


def agree(
    database: Database, condition: Condition, facts: ContactFacts, contact_id: str, now: datetime
) -> None:
    so = memory.holds(condition, facts, now=now)
    them = Contact.id == contact_id
    with database.read() as session:
        query = candidates(condition, now=now, gap=DAY, after=None).where(them)
        found = session.scalar(query) is not None
        query = candidates(condition, now=now, gap=DAY, after=None, until=contact_id).where(them)
        assert found == (session.scalar(query) is not None)
        assert sql.holds(session, condition, contact_id=contact_id, now=now) == so
        merged = session.scalar(select(Contact.id).where(Contact.merged_into == contact_id))
    assert found or not so
    if is_decided(condition) and (merged is None or is_of_one_row(condition)):
        assert found == so


def test_a_variant_goes_by_its_own_id_and_by_its_products_brand(sqlite_database: Database):
    stock(sqlite_database)
    did = Did("Order Completed", {"products": SOCKS}, 0, is_other=False)
    shop = Shop(sqlite_database)
    shop.post(identify("u"), posted(0, did, ("u", "u")))
    facts = facts_of([did], [], 0)

    for brand, is_so in (("Delsbo", True), ("Bjuråker", False)):
        asked = Ordered(times=1, product="sock-42", brand=brand)
        assert memory.holds(asked, facts, now=NOON) is is_so
        agree(sqlite_database, asked, facts, shop.contact_id("u"), NOON)


MONTH = 30 * DAY
WANTED: dict[str, Any] = {"within": MONTH}
#: One of each kind that looks back a month, with every way in which SQL asks it.
LOOKING_BACK = (
    Spent(measure="total", at_least=1000, **WANTED),
    Spent(measure="last", at_least=1000, **WANTED),
    Spent(measure="average", at_least=1000, **WANTED),
    Ordered(times=1, **WANTED),
    *(Ordered(times=times, **WANTED) for times in (2, 3, 4)),
    Ordered(times=1, category="hats", **WANTED),
    Ordered(times=1, product="mug", **WANTED),
    Viewed(times=1, **WANTED),
    Viewed(times=2, **WANTED),
    Viewed(times=1, brand="Delsbo", **WANTED),
    ClickRate(at_least=100, received=1, **WANTED),
    Bounced(times=1, **WANTED),
)
OTHERS = (
    *(EngagementIs(level=level) for level in ("new", "active", "cooling", "dormant")),
    *(Spent(measure=measure, at_least=1) for measure in ("total", "last", "average")),
    Ordered(),
    Ordered(times=2),
    Viewed(),
    Viewed(times=2),
    Viewed(product="cap"),
    Breadth(categories=1),
    TopShare(share=0.05),
    TopShare(share=0.1),  # not known
)
EVERY = (*LOOKING_BACK, *OTHERS)


def test_of_whom_nothing_is_known_each_condition_and_its_denial_are_answered(database: Database):
    stock(database)
    figure(database, 1000)
    shop = Shop(database)
    shop.post(identify("nobody"))

    for condition in (*EVERY, *(Not(condition=each) for each in EVERY)):
        agree(database, condition, facts_of([], [], 1000), shop.contact_id("nobody"), NOON)


def test_what_is_exactly_so_long_ago_counts_and_a_moment_later_does_not(database: Database):
    stock(database)
    figure(database, 1000)
    bought: dict[str, Any] = {
        "total": 10,
        "products": [{"product_id": "cap"}, {"product_id": "mug"}],
    }
    names = [*("Order Completed",) * 4, *("Product Viewed",) * 2, "Email Link Clicked"]
    shop, ago = Shop(database), MONTH / MINUTE
    happened = [
        (name, {"product_id": "cap"} if name == "Product Viewed" else bought | {"order_id": str(n)})
        for n, name in enumerate(names)
    ]
    for number, (name, told) in enumerate(happened):
        shop.post(track(name, "u", ago=ago, ID=f"exact-{number}", **told))
    send(database, shop.contact_id("u"), [(30, "soft_bounced")])
    events = tuple(PastEvent(name, told, NOON - MONTH) for name, told in happened)
    facts = replace(facts_of([], [(30, "soft_bounced")], 1000), events=events)

    for condition in EVERY:
        for now in (NOON, NOON + timedelta(microseconds=1), NOON + 60 * DAY):
            agree(database, condition, facts, shop.contact_id("u"), now)
    assert all(memory.holds(each, facts, now=NOON) for each in LOOKING_BACK)
    later = NOON + timedelta(microseconds=1)
    assert not any(memory.holds(each, facts, now=later) for each in LOOKING_BACK)


@pytest.mark.parametrize("times", [1, 2, 3, 4, 5])
def test_of_so_many_orders_the_oldest_must_lie_within_the_time(database: Database, times: int):
    did = [
        Did("Order Completed", {"order_id": f"o{days}"}, days, is_other=False)
        for days in (3, 1, 5, 2, 4, 6)
    ]
    did.append(Did("Order Refunded", {"order_id": "o6"}, 0, is_other=False))
    shop, facts, users = Shop(database), facts_of(did, [], 0), (f"within-{times}",) * 2
    shop.post(*(posted(number, one, users) for number, one in enumerate(did)))
    standing = [event.occurred_at for event in facts.events[:5]]
    span = NOON - sorted(standing, reverse=True)[times - 1]

    for within, is_so in ((span, True), (span - MINUTE, False)):
        asked = Ordered(times=times, within=within)
        assert memory.holds(asked, facts, now=NOON) is is_so
        agree(database, asked, facts, shop.contact_id(users[0]), NOON)
        agree(database, Not(condition=asked), facts, shop.contact_id(users[0]), NOON)


def test_what_came_back_to_a_contact_who_was_taken_in_counts(database: Database):
    shop, asked = Shop(database), Bounced(times=1)
    shop.post(identify("stays"), identify("goes"))
    send(database, shop.contact_id("goes"), [(1, "soft_bounced")])
    shop.post(alias("goes", "stays"))
    contact_id = shop.contact_id("stays")

    with database.read() as session:
        assert sql.holds(session, asked, contact_id=contact_id, now=NOON)
        assert not sql.holds(session, asked, contact_id="c-nobody", now=NOON)


def test_the_migration_adds_up_what_ingest_does(database: Database):
    stock(database)
    shop = Shop(database)
    shop.post(identify("seen"), track("Product Viewed", "seen", ago=9, product_id="cap"))
    shop.post(
        track("Order Completed", "u", ago=99, order_id="1", total="19.90",
              products=[{"product_id": "cap"}, {"product_id": "sock-42"}]),
        track("Order Completed", "u", ago=70, order_id="0", total=1),
        track("Order Completed", "u", ago=50, order_id="2", total=7),
        track("Order Completed", "u", ago=50, order_id="3", total="8.5"),
        track("Order Refunded", "u", ago=40, order_id="1"),
        track("Email Link Clicked", "u", ago=3),
        track("Order Cancelled", "gone", ago=3, order_id="4"),
    )  # fmt: skip
    users = [shop.contact_id(user) for user in ("seen", "u", "gone")]
    before = [summary(database, whose) for whose in users]
    migrations = [ScriptDirectory(str(MIGRATIONS)).get_revision(n).module for n in ("0016", "0030")]
    with database.write() as session:
        session.execute(delete(ContactSummary))
        session.execute(update(Order).values(amount=0))
        for migration in migrations:
            for statement in migration.statements(database.engine.dialect.name):
                session.execute(text(statement))

    assert [summary(database, whose) for whose in users] == before
    assert before[1]["spent"] == 1650
    assert before[1]["last_but_two_order_at"] == NOON - 70 * MINUTE
