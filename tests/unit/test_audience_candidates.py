"""Whoever fits is among the candidates; where SQL says it all, nobody else is."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from sekvens.flows.asking import (
    date_within,
    happened,
    lapsed,
    not_,
    order_expected,
    received,
    subscribed,
)
from sekvens.flows.builder import event
from sekvens.flows.catalogue import CATALOGUE
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
    Not,
    OrderExpected,
    Owns,
    Received,
    Subscribed,
    TraitIs,
)
from sekvens.flows.definition import Audience
from sekvens.messages.tables import Message
from sekvens.predictions.kinds import Kind, Method
from sekvens.predictions.tables import Prediction, PredictionModel
from sekvens.segments import memory, sql
from sekvens.segments.audience import candidates, is_decided
from sekvens.segments.figures import Foretold
from sekvens.segments.memory import ContactFacts, PastEvent
from tests.conftest import NOON
from tests.unit.predicting import store_foretold

GAP = timedelta(days=60)
MINUTE = timedelta(minutes=1)
NAMES = st.sampled_from(["Order Completed", "Product Viewed", "Email Delivered"])
WITHIN = st.none() | st.integers(0, 3).map(lambda days: timedelta(days=days))
PATTERNS = st.builds(
    lambda name, where: EventPattern(name=name, where=tuple(where)),
    NAMES,
    st.lists(st.just(("colour", "red")), max_size=1),
)
HAPPENED = st.builds(
    lambda pattern, within, times, each: Happened(
        pattern=pattern, within=within, times=times, each=each
    ),
    PATTERNS,
    WITHIN,
    st.integers(0, 3),
    st.sampled_from([None, "colour"]),
)
AGO = st.sampled_from(
    [-MINUTE, 0 * MINUTE, timedelta(days=1), timedelta(days=1) + MINUTE, GAP, GAP + MINUTE]
)
LEAVES = st.one_of(
    HAPPENED,
    st.sampled_from([Subscribed(), Lapsed(), Owns(), InStock(), HasTrait(trait="birthday")]),
    st.sampled_from([InFlow(flow="f"), InFlow(flow="g")]),
    st.builds(
        lambda times, within: Received(times=times, within=within), st.integers(0, 3), WITHIN
    ),
    st.builds(lambda within: OrderExpected(within=within), AGO),
    st.just(TraitIs(trait="namnsdag", value="--03-05")),
    st.builds(
        lambda trait, days: DateWithin(trait=trait, within=timedelta(days=days)),
        st.sampled_from(["birthday", "namnsdag", "år"]),
        st.integers(0, 40),
    ),
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
    lambda name, colour, ago: PastEvent(name, {"colour": colour}, NOON - ago),
    NAMES,
    st.sampled_from(["red", "blue", None]),
    AGO,
)
FORETOLD = st.none() | st.builds(lambda ago, on: Foretold(NOON - ago, NOON - on), AGO, AGO)
FACTS = st.builds(
    lambda consent, events, traits, received, lapse, next_order: ContactFacts(
        consent=consent,
        events=tuple(events),
        traits=traits,
        received=tuple(NOON - ago for ago in received),
        flows=frozenset({"f"} if received else ()),
        reorder_gap=GAP,
        lapse=lapse,
        next_order=next_order,
    ),
    st.sampled_from(ConsentStatus),
    st.lists(EVENTS, max_size=4),
    st.dictionaries(
        st.sampled_from(["birthday", "namnsdag", "år"]),
        st.sampled_from(["1987-03-05", "--03-03", "03-08", "2000-02-29", "soon", None]),
    ),
    st.lists(AGO, max_size=2),
    FORETOLD,
    FORETOLD,
)


def store(database: Database, everybody: list[ContactFacts]) -> list[str]:
    """Write contacts down; every third has an alias who has done every other thing."""
    ids = [f"c-{number}" for number in range(len(everybody))]
    with database.write() as session:
        for table in (
            Prediction, PredictionModel, Message, Enrollment, ContactEvent, Consent,
        ):  # fmt: skip
            session.execute(delete(table))
        session.execute(delete(Contact).where(Contact.merged_into.is_not(None)))
        session.execute(delete(Contact))
        times: dict[str, Any] = {"created_at": NOON, "updated_at": NOON}
        for ident, facts in zip(ids, everybody, strict=True):
            session.add(Contact(id=ident, traits=dict(facts.traits), **times))
            session.flush()
            if has_alias(ident):
                session.add(Contact(id=f"{ident}-old", merged_into=ident, **times))
                session.flush()
            session.add(
                Consent(
                    contact_id=ident, purpose="marketing", status=facts.consent, changed_at=NOON
                )
            )
            session.add_all(rows_of(ident, facts))
            store_foretold(session, ident, Kind.LAPSE, facts.lapse)
            store_foretold(session, ident, Kind.NEXT_ORDER, facts.next_order)
    return ids


def has_alias(ident: str) -> bool:
    return int(ident.removeprefix("c-")) % 3 == 2


def rows_of(ident: str, facts: ContactFacts) -> list[ContactEvent | Enrollment | Message]:
    whose = (ident, f"{ident}-old" if has_alias(ident) else ident)
    rows: list[ContactEvent | Enrollment | Message] = [
        ContactEvent(
            message_id=f"{ident}-{number}", type="track", name=event.name,
            contact_id=whose[number % 2], properties=event.properties,
            occurred_at=event.occurred_at, received_at=NOON,
        )
        for number, event in enumerate(facts.events)
    ]  # fmt: skip
    for number, at in enumerate(facts.received):
        key = f"{ident}-{number}"
        rows.append(
            Enrollment(id=f"e-{key}", flow="f", flow_version=1, contact_id=whose[number % 2],
                       workflow_id=key, started_at=NOON)
        )  # fmt: skip
        rows.append(
            Message(id=f"m-{key}", enrollment_id=f"e-{key}", step_id="s", flow="f", flow_version=1,
                    contact_id=whose[number % 2], template="f/s", template_digest="d",
                    purpose="marketing", state="accepted", claimed_at=NOON, sent_on=at)
        )  # fmt: skip
    return rows


def find(database: Database, condition: Condition, **given: Any) -> list[str]:
    query = candidates(condition, now=NOON, gap=GAP, after=given.pop("after", None), **given)
    with database.read() as session:
        return list(session.scalars(query))


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(condition=CONDITIONS, everybody=st.lists(FACTS, min_size=1, max_size=3))
def test_whoever_fits_is_found_and_the_exact_question_leaves_nobody_else(
    database: Database, condition: Condition, everybody: list[ContactFacts]
):
    ids = store(database, everybody)
    fitting = {
        ident
        for ident, facts in zip(ids, everybody, strict=True)
        if memory.holds(condition, facts, now=NOON)
    }
    found = find(database, condition)
    with database.read() as session:
        exact = {i for i in found if sql.holds(session, condition, contact_id=i, now=NOON)}

    assert fitting <= set(found)
    assert fitting == exact
    if is_decided(condition):
        assert {i for i in fitting if not has_alias(i)} == {i for i in found if not has_alias(i)}


def test_pages_follow_one_another_in_the_order_of_ids(database: Database):
    store(database, [ContactFacts(consent=ConsentStatus.SUBSCRIBED)] * 3)

    assert find(database, subscribed(), limit=2) == ["c-0", "c-1"]
    assert find(database, subscribed(), after="c-1") == ["c-2"]
    assert find(database, subscribed(), after="c-0", until="c-1") == ["c-1"]


@pytest.mark.parametrize(
    "denied", [TraitIs(trait="namnsdag", value="soon"), happened(event("X", colour="red"))]
)
def test_what_is_denied_and_cannot_be_told_rules_nobody_out(database: Database, denied: Condition):
    told = ContactFacts(
        traits={"namnsdag": "x"}, events=(PastEvent("X", {"colour": "blue"}, NOON),)
    )
    store(database, [told])

    assert find(database, not_(denied)) == ["c-0"]
    assert find(database, not_(not_(denied))) == ["c-0"]


def test_a_birthday_far_away_is_not_even_looked_at(database: Database):
    store(
        database,
        [ContactFacts(traits={"birthday": day}) for day in ("soon", "1987-03-05", "", "--09-05")],
    )

    found = find(database, date_within("birthday", timedelta(days=3)))
    assert found == ["c-1", "c-2"]  # somebody was merged into the third


@pytest.mark.parametrize(
    "condition",
    [lapsed(), order_expected(within=GAP), received(5), not_(happened("Order Completed", times=2))],
)
def test_what_sql_says_completely_needs_no_second_look(condition):
    assert is_decided(condition)
    assert not is_decided(AllOf(conditions=(condition, HasTrait(trait="birthday"))))


def test_the_shipped_audiences_can_be_found(database: Database):
    for flow in CATALOGUE:
        if isinstance(flow.trigger, Audience):
            asked = AllOf(conditions=(*flow.trigger.conditions, *flow.entry))

            assert find(database, asked) == []


def test_a_contact_lapses_on_their_own_day_and_an_order_since_makes_it_void(
    sqlite_database: Database,
):
    days = timedelta(days=1)
    fallen, to_come = (
        Foretold(NOON - 10 * days, NOON - days),
        Foretold(NOON - 10 * days, NOON + days),
    )
    everybody = [
        ContactFacts(events=(PastEvent("Order Completed", {}, NOON - ago * days),), lapse=lapse)
        for ago, lapse in ((50, fallen), (5, fallen), (70, None), (70, to_come), (50, None))
    ]
    ids = store(sqlite_database, everybody)

    found = find(sqlite_database, lapsed())
    assert found == [ids[0], ids[2]]
    assert found == [
        ident
        for ident, facts in zip(ids, everybody, strict=True)
        if memory.holds(lapsed(), facts, now=NOON)
    ]


def test_an_order_is_expected_where_a_model_says_so_and_not_where_the_rule_does(
    sqlite_database: Database,
):
    days = timedelta(days=1)
    ordered = (PastEvent("Order Completed", {}, NOON - 10 * days),)
    since = (*ordered, PastEvent("Order Completed", {}, NOON - days))
    soon, later = Foretold(NOON - 5 * days, NOON + days), Foretold(NOON - 5 * days, NOON + 9 * days)
    told = ((ordered, later), (since, soon), (ordered, soon), (ordered, None), (ordered, None))
    everybody = [ContactFacts(events=past, next_order=order) for past, order in told]
    ids = store(sqlite_database, everybody)
    with sqlite_database.write() as session:
        store_foretold(session, ids[4], Kind.NEXT_ORDER, soon, method=Method.RULE)

    condition = order_expected(within=7 * days)
    with sqlite_database.read() as session:
        asked = [sql.holds(session, condition, contact_id=one, now=NOON) for one in ids]
    assert find(sqlite_database, condition) == [ids[2]]
    assert asked == [False, False, True, False, False]
    assert asked == [memory.holds(condition, facts, now=NOON) for facts in everybody]
