"""Why a contact got an e-mail, or did not: each reason of the facts, on real rows."""

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from sekvens.contacts.person import Person, person_of
from sekvens.db.session import Database
from sekvens.enrollments.enroll import EntryRefusal
from sekvens.enrollments.publish import publish
from sekvens.enrollments.tables import EnrollmentState
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.asking import happened, subscribed
from sekvens.flows.builder import (
    MARKETING,
    case,
    days,
    event,
    flow,
    send,
    split,
    wait,
)
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.definition import Flow
from sekvens.flows.experimenting import experiment, variant
from sekvens.flows.graph import compile_flow
from sekvens.flows.outcomes import SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason, Mode
from sekvens.messages.calm import HoldReason
from sekvens.messages.holds import HeldBy
from sekvens.messages.tables import Message
from sekvens.messages.why import Because, OfFlow, OfMessage, has_passed, why, why_of_flow
from sekvens.messages.why_words import SENTENCES, say
from sekvens.modes.setting import set_mode
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice, letters

ZONE = ZoneInfo("Europe/Stockholm")


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


@pytest.fixture
def on_sqlite(sqlite_database: Database) -> PostOffice:
    return PostOffice(sqlite_database)


def asked(office: PostOffice, flow_name: str = "letters") -> OfFlow:
    """Ask of one flow."""
    with office.database.read() as session:
        person = person_of(session, office.contact_id)
        assert isinstance(person, Person)
        return why_of_flow(session, flow_name, person, now=NOON + days(1), shop_time=ShopTime())


def of(office: PostOffice, step: str) -> OfMessage:
    [found] = [each for each in asked(office).messages if each.step == step]
    return found


def english(because: Because) -> str:
    return say(because, "en", zone=ZONE)


def publish_also(office: PostOffice, added: Flow) -> None:
    with office.database.write() as session:
        publish(session, added, now=NOON - days(30), store_templates=office.store_templates)


def test_what_was_sent_is_told_with_what_became_of_it(office: PostOffice):
    office.send()
    before = of(office, "hello")
    with office.database.write() as session:
        session.add(MessageFate(message_id=office.message().id, state="bounced", at=NOON))
    after = of(office, "hello")

    assert (before.got, before.because.key, before.because.at) == (True, "sent.accepted", NOON)
    assert (after.got, after.because.key) == (False, "sent.bounced")
    assert english(before.because).startswith("Sent on 2026-03-04 13:00;")


def test_a_message_that_the_gate_refused_says_which_consent_there_was(office: PostOffice):
    office.happens("Unsubscribed", ago=5)
    office.send()
    found = of(office, "hello")

    assert (found.got, found.because.key) == (False, "skipped.no_consent")
    assert "(consent: unsubscribed)" in english(found.because)


def test_a_condition_that_did_not_hold_is_named(office: PostOffice):
    office.happens("Product Viewed", ago=5)
    office.send()
    found = of(office, "hello")

    assert found.because.key == "skipped.filter"
    assert "it needs that they have never looked at a product" in english(found.because)


def test_a_message_that_waits_says_for_what_and_until_when(sqlite_database: Database):
    office = PostOffice(sqlite_database, quiet_from="21:00", quiet_until="08:00")
    night = NOON + timedelta(hours=10)
    office.send(now=night, due_at=night)
    found = of(office, "hello")

    assert (found.got, found.because.key) == (None, "held.quiet_hours")
    assert found.because.until == NOON.replace(hour=6) + days(1)


def test_what_lies_ahead_is_not_yet(on_sqlite: PostOffice):
    on_sqlite.send()
    found = of(on_sqlite, "your-cart")

    assert (found.got, found.because.key, found.because.step) == (None, "not_yet", "a-night")


def test_whoever_left_before_an_email_is_told_so_with_the_reason(on_sqlite: PostOffice):
    on_sqlite.send()
    set_row(on_sqlite, state=EnrollmentState.ENDED, exit_reason="converted", ended_at=NOON,
            step_id="a-night")  # fmt: skip
    told = asked(on_sqlite)

    assert (told.because.key, told.because.reason) == ("left", "converted")
    assert (of(on_sqlite, "your-cart").because.key) == "left_before"


def set_row(office: PostOffice, **values: object) -> None:
    from sekvens.enrollments.tables import Enrollment

    with office.database.write() as session:
        row = session.get_one(Enrollment, "e-1")
        for name, value in values.items():
            setattr(row, name, value)


def forked(**changes: object) -> Flow:
    steps = [
        split("fork", case(happened("Order Completed"), send("regular")), otherwise=[send("new")]),
        experiment("lot", variant("a", send("red")), variant("b", send("blue")), contacts=100),
        send("last"),
    ]
    return letters(steps=steps, **changes)


def test_whoever_went_another_way_is_told_where_it_parted(sqlite_database: Database):
    office = PostOffice(sqlite_database, flow=forked())
    set_row(office, step_id="new")

    assert of(office, "regular").because == Because(key="other_way", step="fork")
    assert of(office, "new").because.key == "not_yet"
    assert of(office, "last").because.key == "not_yet"


def test_by_lot_the_variant_that_was_drawn_is_named(sqlite_database: Database):
    from sekvens.experiments.drawing import variant_of
    from sekvens.experiments.plan import of_step

    office = PostOffice(sqlite_database, flow=forked())
    step = compile_flow(forked()).steps["lot"]
    with sqlite_database.write() as session:
        plan = of_step("letters", 1, step, None)  # type: ignore[arg-type]
        drawn = variant_of(session, plan, contact_id=office.contact_id, now=NOON)
    set_row(office, step_id="last")
    other = {"a": "blue", "b": "red"}[drawn]

    assert of(office, other).because == Because(key="other_variant", step="lot", reason=drawn)


def _nothing(_: PostOffice) -> None:
    """Let nothing happen."""


def _draft(office: PostOffice) -> None:
    with office.database.write() as session:
        set_mode(session, "visits", "", Mode.DRAFT, by="doris", note=None, now=NOON)


def _added(office: PostOffice) -> None:
    office.happens("Product Added", ago=60, cart_id="k")


def _ordered(office: PostOffice) -> None:
    office.happens("Order Completed", ago=90, order_id="o")
    _added(office)


#: What happens -> the reason, and a part of what is said.
OUTSIDE: list[tuple[Callable[[PostOffice], None], str, str]] = [
    (_nothing, "entry.never_triggered", "starts when somebody adds a product to the cart"),
    (_draft, "entry.draft", "a draft"),
    (lambda office: office.happens("Product Added", ago=60 * 72, cart_id="k"), "entry.too_old",
     "old news"),
    (_added, "entry.conditions", "it was not so that they have ordered"),
    (_ordered, "entry.then", "something kept them out"),
]  # fmt: skip


def visits(**changes: object) -> Flow:
    given = {
        "version": 1,
        "purpose": MARKETING,
        "trigger": event("Product Added"),
        "entry_key": "cart_id",
        "entry": [subscribed(), happened("Order Completed")],
        "steps": [wait("a-day", days(1)), send("hello")],
    } | changes
    return flow("visits", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("happens", "key", "part"), OUTSIDE)
def test_what_kept_a_contact_out_of_a_flow_is_told(
    on_sqlite: PostOffice, happens: Callable[[PostOffice], None], key: str, part: str
):
    publish_also(on_sqlite, visits())
    happens(on_sqlite)
    told = asked(on_sqlite, "visits")

    assert (told.because.key, told.messages) == (key, ())
    assert part in english(told.because)


def test_a_trigger_without_its_entry_key_is_told(on_sqlite: PostOffice):
    publish_also(on_sqlite, visits(entry_key="checkout_id"))
    _added(on_sqlite)

    assert "came without checkout_id" in english(asked(on_sqlite, "visits").because)


def test_flows_that_they_are_in_come_first_and_the_others_afterwards(office: PostOffice):
    publish_also(office, visits())
    with office.database.read() as session:
        person = person_of(session, office.contact_id)
        assert person is not None
        inside, outside = why(session, person, now=NOON, shop_time=ShopTime())

    assert [(each.flow, each.entries) for each in inside] == [("letters", 1)]
    assert [each.flow for each in outside] == ["visits"]


def test_a_message_in_doubt_is_told_as_not_known(on_sqlite: PostOffice):
    on_sqlite.send()
    with on_sqlite.database.write() as session:
        row = session.get_one(Message, on_sqlite.message().id)
        row.state, row.dispatched_at = "dispatching", NOON

    assert (of(on_sqlite, "hello").got, of(on_sqlite, "hello").because.key) == (None, "in_doubt")


def test_every_reason_of_the_facts_has_a_sentence_in_both_languages():
    kept_out = {EntryRefusal.UNDER_WAY, EntryRefusal.REENTRY}  # who is in it is told of its e-mails
    keys = {
        *(f"skipped.{each}" for each in SkipReason),
        *(f"held.{each}" for each in (*HoldReason, *HeldBy)),
        *(f"sent.{each}" for each in FateState),
        *(f"entry.{each}" for each in EntryRefusal if each not in kept_out),
    }

    assert keys <= SENTENCES["en"].keys()
    assert SENTENCES["en"].keys() == SENTENCES["sv"].keys()


def test_every_sentence_can_be_said_of_every_exit_reason():
    for language, sentences in SENTENCES.items():
        for key in sentences:
            for reason in ExitReason:
                said = say(Because(key=key, reason=reason, at=NOON), language, zone=ZONE)

                assert said[0].isupper()
                assert "{" not in said
                assert said.endswith(".")


@pytest.mark.parametrize("published", CATALOGUE, ids=lambda each: each.name)
def test_nothing_has_been_passed_at_the_start_and_nothing_lies_ahead_of_the_last_step(
    published: Flow,
):
    graph = compile_flow(published)
    last = list(published.steps)[-1].id

    assert not [step for step in graph.steps if has_passed(graph, None, step)]
    assert graph.first is None or graph.first == last or has_passed(graph, last, graph.first)
