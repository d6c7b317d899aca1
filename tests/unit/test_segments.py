"""One question, two evaluators, one answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import Cart, ContactEvent
from sekvens.flows.builder import days
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    DateWithin,
    EventPattern,
    Happened,
    HasTrait,
    InFlow,
    InStock,
    Lapsed,
    NeedsAgain,
    Not,
    OrderExpected,
    Owns,
    PriceStands,
    ProductInStock,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.messages.tables import Message, MessageState
from sekvens.next_best.tables import NextBest
from sekvens.predictions.kinds import Kind
from sekvens.predictions.tables import Prediction, PredictionModel
from sekvens.products.tables import OrderLine, Product, ProductChange
from sekvens.segments import memory, sql
from sekvens.segments.figures import REORDER_GAP, Foretold
from sekvens.segments.memory import ORDER, ContactFacts, Need, PastEvent
from sekvens.segments.tables import ShopFigure
from tests.conftest import NOON
from tests.unit.predicting import store_foretold

NAMES = st.sampled_from(
    ["Order Completed", "Order Refunded", "Product Viewed", "Email Delivered", "Question Answered"]
)
#: Ids of orders and products alike, so that an entry's key is met as either, often.
IDS = st.sampled_from(["mitten", "cap", "7"])
#: Minutes before now; few, so that boundaries are met often; below zero is the future.
MINUTES = st.integers(min_value=-1, max_value=3).map(lambda count: timedelta(minutes=count))
VALUES = st.one_of(
    st.sampled_from(["red", "7", "True", "None", "1.5"]),
    st.sampled_from([7, 1.5, True, None, 1e16, ["red"]]),
)
TEXTS = st.sampled_from(["red", "7", "True", "true", "None", "null", "1.5", "1e+16", "['red']"])
BOUND = st.none() | st.sampled_from(["order_id", "colour"])
PATTERNS = st.builds(
    lambda name, where, same, other: EventPattern(
        name=name, where=tuple(where), same=same, other=other
    ),
    NAMES,
    st.lists(st.tuples(st.sampled_from(["colour", "size"]), TEXTS), max_size=1),
    BOUND,
    BOUND,
)
WITHIN = st.none() | MINUTES.filter(lambda within: within >= timedelta(0))
SPANS = MINUTES.filter(lambda span: span >= timedelta(0))
DATES = st.sampled_from(["1987-03-04", "--03-05", "12-24", "2024-02-29", "no date", 7])
LEAVES = st.one_of(
    st.just(Subscribed()),
    st.builds(
        Happened,
        pattern=PATTERNS,
        within=WITHIN,
        times=st.integers(1, 3),
        each=st.none() | st.just("order_id"),
    ),
    st.builds(Received, times=st.integers(1, 3), within=WITHIN),
    st.builds(HasTrait, trait=st.sampled_from(["tier", "birthday"])),
    st.builds(DateWithin, trait=st.just("birthday"), within=st.integers(0, 400).map(days)),
    st.sampled_from([Lapsed(), Owns(), InStock(), ProductInStock(), PriceStands()]),
    st.builds(NeedsAgain, ahead=SPANS, overdue=SPANS),
    st.builds(InFlow, flow=st.sampled_from(["plain", "other"])),
    st.builds(OrderExpected, within=MINUTES),
    st.builds(lambda text: TraitIs(trait="tier", value=text), TEXTS),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda condition: Not(condition=condition), inner),
        st.lists(inner, max_size=3).map(lambda few: AllOf(conditions=tuple(few))),
        st.lists(inner, max_size=3).map(lambda few: AnyOf(conditions=tuple(few))),
    ),
    max_leaves=6,
)
EVENTS = st.builds(
    lambda name, properties, order_id, products, ago: PastEvent(
        name,
        properties
        | {"order_id": order_id, "products": [{"product_id": id_} for id_ in products]}
        | (
            {"product_id": order_id, "question": "not-this", "answer": "never" if ago else "keep"}
            if name == "Question Answered"
            else {}
        ),
        NOON - ago,
    ),
    NAMES,
    st.dictionaries(st.sampled_from(["colour", "size"]), VALUES),
    IDS,
    st.lists(IDS, max_size=2),
    MINUTES,
)
FORETOLD = st.none() | st.builds(lambda ago, on: Foretold(NOON - ago, NOON - on), MINUTES, MINUTES)
FACTS = st.builds(
    ContactFacts,
    consent=st.sampled_from(ConsentStatus),
    events=st.lists(EVENTS, max_size=4).map(tuple),
    traits=st.fixed_dictionaries({}, optional={"tier": VALUES, "birthday": DATES}),
    received=st.lists(MINUTES.map(lambda ago: NOON - ago), max_size=2).map(tuple),
    sold_out=st.frozensets(IDS),
    raised=st.frozensets(IDS),
    needs=st.lists(
        st.builds(
            lambda id_, due, as_of: Need(id_, NOON - due, NOON - as_of), IDS, MINUTES, MINUTES
        ),
        max_size=2,
        unique_by=lambda need: need.product_id,
    ).map(lambda few: tuple(need._replace(as_of=few[0].as_of) for need in few)),
    cart=st.lists(IDS, max_size=2).map(tuple),
    flows=st.frozensets(st.sampled_from(["plain", "other"])),
    reorder_gap=MINUTES.filter(lambda gap: gap > timedelta(0)),
    lapse=FORETOLD,
    next_order=FORETOLD,
    zone=st.sampled_from(["UTC", "Europe/Stockholm", "Pacific/Auckland"]),
)


#: In the order in which they can be emptied.
WRITTEN = (
    NextBest, ProductChange, Prediction, PredictionModel, Message, Enrollment, OrderLine, Cart,
    Product, ShopFigure, ContactEvent, Consent, Contact,
)  # fmt: skip


def event_row(event: PastEvent, number: int, contact_id: str) -> ContactEvent:
    return ContactEvent(
        message_id=f"event-{number}",
        type="track",
        name=event.name,
        contact_id=contact_id,
        properties=event.properties,
        occurred_at=event.occurred_at,
        received_at=NOON,
    )


def store(database: Database, facts: ContactFacts, *, alias_too: bool = False) -> None:
    """Write the facts down; with an alias, every other event is the alias's."""
    with database.write() as session:
        for table in WRITTEN:
            session.execute(delete(table))
        told: dict[str, Any] = {"created_at": NOON, "updated_at": NOON}
        session.add(Contact(id="c-maja", traits=dict(facts.traits), timezone=facts.zone, **told))
        session.flush()
        session.add(Contact(id="c-old", merged_into="c-maja", **told))
        session.flush()
        session.add(
            Consent(contact_id="c-maja", purpose="marketing", status=facts.consent, changed_at=NOON)
        )
        for number, event in enumerate(facts.events):
            is_alias = alias_too and number % 2
            session.add(event_row(event, number, "c-old" if is_alias else "c-maja"))
        session.add_all(lines_of(facts))
        session.add_all(messages_of(facts))
        session.add_all(
            Enrollment(
                id=f"e-{flow}",
                flow=flow,
                flow_version=1,
                contact_id="c-old" if alias_too else "c-maja",
                workflow_id=f"{flow}/another",
                state="parked",
                started_at=NOON,
            )
            for flow in facts.flows
        )
        session.add(
            ShopFigure(
                name=REORDER_GAP, value=facts.reorder_gap / timedelta(days=1), computed_at=NOON
            )
        )
        store_foretold(session, "c-maja", Kind.LAPSE, facts.lapse)
        store_foretold(session, "c-maja", Kind.NEXT_ORDER, facts.next_order)
        lines = [{"product_id": product_id} for product_id in facts.cart]
        session.add(Cart(contact_id="c-maja", cart_id="7", lines=lines, updated_at=NOON))
        session.add_all(products_of(facts))
        session.flush()
        session.add_all(
            ProductChange(product_id=each, kind="price_dropped", at=NOON, price="50", contacts=0)
            for each in facts.raised
        )
        if facts.needs:
            store_needs(session, facts.needs)


def products_of(facts: ContactFacts) -> list[Product]:
    """The products that the facts speak of; those whose price is up again cost 100."""
    named = facts.sold_out | facts.raised | {need.product_id for need in facts.needs}
    return [
        Product(
            id=each, titles={"sv": each}, locale="sv", first_seen_on=NOON, price="100",
            in_stock=each not in facts.sold_out,
        )
        for each in named
    ]  # fmt: skip


def store_needs(session: Session, needs: Sequence[Need]) -> None:
    run = PredictionModel(
        subject="next_best", as_of=NOON, parameters={}, backtest={}, reason=""
    )  # fmt: skip
    session.add(run)
    session.flush()
    session.add_all(
        NextBest(
            contact_id="c-maja", place=place, product_id=each.product_id, why="again",
            due_on=each.due_on, version=run.id, computed_at=each.as_of,
        )
        for place, each in enumerate(needs, start=1)
    )  # fmt: skip


def lines_of(facts: ContactFacts) -> list[OrderLine]:
    """The lines of the orders, as the fold writes them."""
    undone = {
        event.properties["order_id"]
        for event in facts.events
        if event.name == "Order Refunded" and event.occurred_at <= NOON
    }
    lines: dict[tuple[str, str], datetime] = {}
    for event in facts.events:
        for line in event.properties.get("products", ()) if event.name == ORDER else ():
            key = (event.properties["order_id"], line["product_id"])
            lines[key] = min(lines.get(key, event.occurred_at), event.occurred_at)
    return [
        OrderLine(
            contact_id="c-maja",
            order_id=order_id,
            product_id=product_id,
            quantity=1,
            ordered_at=ordered_at,
            state="refunded" if order_id in undone else "completed",
        )
        for (order_id, product_id), ordered_at in lines.items()
    ]


def messages_of(facts: ContactFacts) -> list[Enrollment | Message]:
    """The marketing messages that SES took, one order mail, and one message that never left."""
    sent = [("marketing", MessageState.ACCEPTED, at) for at in facts.received]
    sent += [
        ("transactional", MessageState.ACCEPTED, NOON),
        ("marketing", MessageState.SKIPPED, NOON),
    ]
    rows: list[Enrollment | Message] = [
        Enrollment(
            id="e-1",
            flow="plain",
            flow_version=1,
            contact_id="c-maja",
            workflow_id="plain/c-maja",
            state="ended",
            started_at=NOON,
            last_seq=0,
            delivered_seq=0,
        )
    ]
    return rows + [
        Message(
            id=f"m-{number}",
            enrollment_id="e-1",
            step_id=f"step-{number}",
            contact_id="c-maja",
            flow="plain",
            flow_version=1,
            template="plain/hello",
            template_digest="digest",
            purpose=purpose,
            state=state,
            claimed_at=NOON,
            sent_on=at,
        )
        for number, (purpose, state, at) in enumerate(sent)
    ]


def ask(
    database: Database, condition: Condition, *, now: datetime = NOON, entry_key: str | None = None
) -> bool:
    with database.read() as session:
        return sql.holds(session, condition, contact_id="c-maja", now=now, entry_key=entry_key)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    condition=CONDITIONS,
    facts=FACTS,
    entry_key=st.none() | IDS,
    alias_too=st.booleans(),
    newest=st.sampled_from([1, 2, 50]),
)
def test_both_evaluators_agree_on_every_condition_and_history(
    database: Database,
    condition: Condition,
    facts: ContactFacts,
    entry_key: str | None,
    *,
    alias_too: bool,
    newest: int,
):
    store(database, facts, alias_too=alias_too)
    in_the_cart = replace(facts, cart=facts.cart if entry_key == "7" else ())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "NEWEST", newest)
        found = ask(database, condition, entry_key=entry_key)
    assert found == memory.holds(condition, in_the_cart, now=NOON, entry_key=entry_key)


@pytest.mark.parametrize("undoing", ["Order Refunded", "Order Cancelled"])
def test_what_went_back_is_not_owned(undoing: str):
    ordered = PastEvent(
        "Order Completed", {"order_id": "o-1", "products": [{"product_id": "mitten"}]}, NOON
    )
    other = PastEvent(undoing, {"order_id": "o-2"}, NOON)
    its_own = PastEvent(undoing, {"order_id": "o-1"}, NOON)

    kept = ContactFacts(events=(ordered, other))
    gone = ContactFacts(events=(ordered, other, its_own))
    assert memory.holds(Owns(), kept, now=NOON, entry_key="mitten")
    assert not memory.holds(Owns(), gone, now=NOON, entry_key="mitten")


@pytest.mark.parametrize(
    ("ago", "holds"),
    [
        (timedelta(days=1), True),
        (timedelta(days=1, microseconds=1), False),
        (timedelta(0), True),
        (-timedelta(microseconds=1), False),
    ],
)
def test_within_includes_its_far_boundary_and_now_but_nothing_later(database: Database, ago, holds):
    facts = ContactFacts(events=(PastEvent("Order Completed", {}, NOON - ago),))
    ordered = Happened(pattern=EventPattern(name="Order Completed"), within=timedelta(days=1))
    store(database, facts)

    assert memory.holds(ordered, facts, now=NOON) is holds
    assert ask(database, ordered) is holds


def test_what_a_contact_did_who_was_taken_in_is_asked_too(database: Database):
    events = (PastEvent("Product Viewed", {}, NOON), PastEvent(ORDER, {}, NOON))
    store(database, ContactFacts(events=events), alias_too=True)  # the order is the alias's

    assert ask(database, Happened(pattern=EventPattern(name=ORDER)))


def test_a_condition_on_an_unknown_contact_is_answered_not_refused(database: Database):
    with database.read() as session:
        assert not sql.holds(session, Subscribed(), contact_id="c-nobody", now=NOON)
        absent = Not(condition=TraitIs(trait="tier", value="None"))
        assert sql.holds(session, absent, contact_id="c-nobody", now=NOON)
