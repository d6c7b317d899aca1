"""One question, two evaluators, one answer."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.db.session import Database
from sekvens.events.tables import ContactEvent
from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EventPattern,
    Happened,
    Not,
    Subscribed,
    TraitIs,
)
from sekvens.segments import memory, sql
from sekvens.segments.memory import ContactFacts, PastEvent
from tests.conftest import NOON

NAMES = st.sampled_from(["Order Completed", "Product Viewed"])
#: Minutes before now; few, so that boundaries are met often; below zero is the future.
MINUTES = st.integers(min_value=-1, max_value=3).map(lambda count: timedelta(minutes=count))
VALUES = st.one_of(
    st.sampled_from(["red", "7", "True", "None", "1.5"]),
    st.sampled_from([7, 1.5, True, None, 1e16, ["red"]]),
)
TEXTS = st.sampled_from(["red", "7", "True", "true", "None", "null", "1.5", "1e+16", "['red']"])
PATTERNS = st.builds(
    lambda name, where: EventPattern(name=name, where=tuple(where)),
    NAMES,
    st.lists(st.tuples(st.sampled_from(["colour", "size"]), TEXTS), max_size=2),
)
LEAVES = st.one_of(
    st.just(Subscribed()),
    st.builds(
        lambda pattern, within: Happened(pattern=pattern, within=within),
        PATTERNS,
        st.none() | MINUTES.filter(lambda within: within >= timedelta(0)),
    ),
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
    lambda name, properties, ago: PastEvent(name, properties, NOON - ago),
    NAMES,
    st.dictionaries(st.sampled_from(["colour", "size"]), VALUES),
    MINUTES,
)
FACTS = st.builds(
    lambda consent, events, traits: ContactFacts(
        consent=consent, events=tuple(events), traits=traits
    ),
    st.sampled_from(ConsentStatus),
    st.lists(EVENTS, max_size=4),
    st.dictionaries(st.just("tier"), VALUES),
)


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
        for table in (ContactEvent, Consent, Contact):
            session.execute(delete(table))
        told: dict[str, Any] = {"created_at": NOON, "updated_at": NOON}
        session.add(Contact(id="c-maja", traits=dict(facts.traits), **told))
        session.flush()
        session.add(Contact(id="c-old", merged_into="c-maja", **told))
        session.flush()
        session.add(
            Consent(contact_id="c-maja", purpose="marketing", status=facts.consent, changed_at=NOON)
        )
        for number, event in enumerate(facts.events):
            is_alias = alias_too and number % 2
            session.add(event_row(event, number, "c-old" if is_alias else "c-maja"))


def ask(database: Database, condition: Condition, *, now: datetime = NOON) -> bool:
    with database.read() as session:
        return sql.holds(session, condition, contact_id="c-maja", now=now)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(condition=CONDITIONS, facts=FACTS, alias_too=st.booleans())
def test_both_evaluators_agree_on_every_condition_and_history(
    database: Database, condition: Condition, facts: ContactFacts, *, alias_too: bool
):
    store(database, facts, alias_too=alias_too)

    assert ask(database, condition) == memory.holds(condition, facts, now=NOON)


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


def test_a_condition_on_an_unknown_contact_is_answered_not_refused(database: Database):
    with database.read() as session:
        assert not sql.holds(session, Subscribed(), contact_id="c-nobody", now=NOON)
        absent = Not(condition=TraitIs(trait="tier", value="None"))
        assert sql.holds(session, absent, contact_id="c-nobody", now=NOON)
