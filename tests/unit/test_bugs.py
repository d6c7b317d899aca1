"""A bug of ours parks the one enrollment that it befell; an outage is tried again without end."""

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from activities.bugs import ATTEMPTS_MAX, Bugs
from activities.enrollments import EnrollmentActivities
from activities.messages import MessageActivities
from sekvens.db.session import Database
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.enrollments.testing import FakeTemporal
from sekvens.enrollments.wire import AnswerInput, AnswerResult, CarryOutInput, RecordInput
from sekvens.errors import LockTimeout, SesPaused, SettingsError, UnknownFlow
from sekvens.events.relay import Relay
from sekvens.events.tables import RejectedEvent
from sekvens.flows import interpreter
from sekvens.flows.asking import trait_is
from sekvens.flows.builder import (
    MARKETING,
    case,
    date_of,
    days,
    event,
    flow,
    local_time,
    send,
    split,
    wait,
)
from sekvens.flows.codec import to_json
from sekvens.flows.commands import Ask, NextDate, Question, WhichBranch
from sekvens.flows.graph import compile_flow
from sekvens.flows.outcomes import Outcome, Parked, Sent
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import SetTrait
from sekvens.messages.tables import MessageState
from sekvens.outages import is_outage
from tests.unit.acting import activities_of
from tests.unit.ingesting import NOON, track
from tests.unit.sending import ADDRESS, NIGHT, PostOffice


@pytest.fixture
def office(sqlite_database: Database) -> PostOffice:
    return PostOffice(sqlite_database)


@pytest.fixture
def acting(office: PostOffice) -> EnrollmentActivities:
    return activities_of(office)


def attempt(number: int) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, attempt=number)
    return environment


def send_hello(office: PostOffice, *, at: int = ATTEMPTS_MAX, **changes: Any) -> Outcome:
    sending = MessageActivities(office.sender, Bugs(office.database, office.clock))
    return attempt(at).run(sending.send_message, office.order(**changes)).outcome


def poison(office: PostOffice, table: str, column: str, value: str = '{"maja.alm@kund') -> None:
    """Break JSON in every row of a table, as no writer of ours does."""
    with office.database.write() as session:
        session.execute(text(f"UPDATE {table} SET {column} = :value"), {"value": value})


def parked_at(office: PostOffice) -> tuple[str, str | None, str | None]:
    row = office.enrollment()
    return row.state, row.parked_code, row.step_id


def test_a_poisoned_row_parks_its_enrollment_and_the_reason_names_the_place(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    poison(office, "contacts", "traits")
    with caplog.at_level(logging.INFO):
        outcome = send_hello(office)

    assert isinstance(outcome, Parked)
    assert outcome.code == "bug"
    assert "letters/hello met a bug of ours: JSONDecodeError at sekvens/messages/" in outcome.reason
    assert office.enrollment().parked_reason == outcome.reason
    assert parked_at(office) == (EnrollmentState.PARKED, "bug", "hello")
    assert "action=bug_met" in outcome.reason
    assert "json/decoder.py" in caplog.text
    assert "maja" not in (outcome.reason + caplog.text).lower()


def test_what_may_be_a_race_is_tried_again_and_tells_temporal_nothing_of_the_contact(
    office: PostOffice,
) -> None:
    poison(office, "contacts", "traits")
    for number in range(1, ATTEMPTS_MAX):
        with pytest.raises(ApplicationError) as raised:
            send_hello(office, at=number)

        assert raised.value.type == "bug"
        assert "maja" not in f"{raised.value} {raised.value.__cause__}".lower()
    assert office.enrollment().state == EnrollmentState.ACTIVE


def test_once_it_is_mended_a_retry_sends(office: PostOffice) -> None:
    poison(office, "contacts", "traits")
    assert isinstance(send_hello(office), Parked)
    poison(office, "contacts", "traits", "{}")

    assert isinstance(send_hello(office), Sent)
    assert office.enrollment().state == EnrollmentState.ACTIVE


def test_a_bug_after_the_claim_leaves_no_message_in_doubt(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([office.sender._gate.decide])

    def broken(*args: Any, **options: Any) -> Any:
        look = next(looks, None)
        if look is None:
            raise AttributeError(ADDRESS)
        return look(*args, **options)

    monkeypatch.setattr(office.sender._gate, "decide", broken)  # a bug cannot be had otherwise
    assert isinstance(send_hello(office), Parked)
    monkeypatch.undo()

    assert (office.message().state, office.ses.calls) == (MessageState.PENDING, 0)
    assert isinstance(send_hello(office), Sent)


def test_an_outage_is_no_bug_and_parks_nobody(office: PostOffice) -> None:
    with office.database.write() as session:
        session.execute(text("ALTER TABLE contacts RENAME TO gone"))
    with pytest.raises(OperationalError):
        send_hello(office)
    with office.database.write() as session:
        session.execute(text("ALTER TABLE gone RENAME TO contacts"))

    assert office.enrollment().state == EnrollmentState.ACTIVE


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("", {}, Exception()),
        InterfaceError("", {}, Exception()),
        ProgrammingError("", {}, Exception()),
        PoolTimeout(),
        ConnectionResetError(),
        TimeoutError(),
        SettingsError(),
        SesPaused(),
        LockTimeout(),
        CancelledError(),
    ],
)
def test_what_the_world_does_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        DataError("", {}, Exception()),
        IntegrityError("", {}, Exception()),
        KeyError("x"),
        AttributeError("x"),
        TypeError("x"),
        RecursionError("x"),
        UnknownFlow("x"),
    ],
)
def test_what_we_did_wrong_is_none(error: Exception) -> None:
    assert not is_outage(error)


def ask(
    acting: EnrollmentActivities, office: PostOffice, question: Question, *, skip: bool = False
) -> AnswerResult:
    order = AnswerInput(
        enrollment_id="e-1",
        contact_id=office.contact_id,
        question=to_json(question),
        now=NOON,
        step_id="a-fork",
        skip=skip,
    )
    return attempt(ATTEMPTS_MAX).run(acting.answer_question, order)


FORK = WhichBranch(
    conditions=(trait_is("size", "small"),), next_steps=("a-small-one", "a-large-one")
)


def test_a_question_that_a_bug_keeps_from_its_answer_parks_and_a_retry_is_under_way_again(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    poison(office, "contacts", "traits")
    parked = ask(acting, office, FORK).parked
    standing = parked_at(office)
    poison(office, "contacts", "traits", '{"size": "small"}')
    answered = ask(acting, office, FORK)

    assert parked is not None
    assert standing == (EnrollmentState.PARKED, "bug", "a-fork")
    assert answered == AnswerResult(branch=0)
    assert parked_at(office) == (EnrollmentState.ACTIVE, None, "a-small-one")


def test_a_wait_whose_local_time_a_bug_kept_is_parked_no_longer_once_it_is_known(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    with office.database.write() as session:
        stand = {"state": EnrollmentState.PARKED, "parked_code": "bug", "step_id": "a-night"}
        session.execute(update(Enrollment).values(**stand))

    assert ask(acting, office, NIGHT).instant is not None
    assert parked_at(office) == (EnrollmentState.ACTIVE, None, "a-night")


def test_a_question_that_is_skipped_takes_the_way_that_promises_least(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    poison(office, "contacts", "traits")
    birthday = NextDate(not_before=NOON, date=date_of("birthday", at="09:00"))

    assert ask(acting, office, FORK, skip=True) == AnswerResult(branch=None)
    assert office.enrollment().step_id == "a-large-one"
    assert ask(acting, office, NIGHT, skip=True).instant == NIGHT.not_before
    assert ask(acting, office, birthday, skip=True) == AnswerResult()


def test_a_deed_that_a_bug_befell_parks(acting: EnrollmentActivities, office: PostOffice) -> None:
    poison(office, "contacts", "traits")
    step = SetTrait(id="a-note", trait="seen", value="yes")
    order = CarryOutInput(
        enrollment_id="e-1",
        contact_id=office.contact_id,
        flow="letters",
        step=to_json(step),
        next_step=None,
        now=NOON,
        due_at=NOON,
    )

    assert isinstance(attempt(ATTEMPTS_MAX).run(acting.carry_out, order).outcome, Parked)
    assert parked_at(office) == (EnrollmentState.PARKED, "bug", "a-note")


def test_a_fact_behind_a_signal_that_cannot_be_stored_is_among_the_rejected(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    poison(office, "contacts", "traits")
    order = RecordInput(
        contact_id=office.contact_id,
        event_id="s-1",
        event_name="Order Completed",
        order_id="o-1",
        occurred_at=NOON,
    )
    attempt(ATTEMPTS_MAX).run(acting.record_signal, order)

    with office.database.read() as session:
        kept = session.scalars(select(RejectedEvent)).one()
    assert "JSONDecodeError at sekvens/" in kept.reason
    assert '"event_id":"s-1"' in kept.raw


FORKED = flow(
    "forked",
    version=1,
    purpose=MARKETING,
    trigger=event("Email Subscribed"),
    steps=[
        split("a-fork", case(trait_is("size", "small"), send("a-small-one")), otherwise=[]),
        wait("a-night", days(1), until=local_time("09:00")),
        send("hello"),
    ],
)


def test_a_parked_question_is_asked_again_by_a_retry_and_gone_past_by_a_skip() -> None:
    graph = compile_flow(FORKED)
    state, command = interpreter.decide(graph, interpreter.start(graph, NOON), NOON)
    assert isinstance(command, Ask)
    state = interpreter.settle(graph, state, Parked(reason="a bug", code="bug"), NOON)

    def after(word: str) -> Any:
        return interpreter.decide(graph, interpreter.operate(state, word, NOON), NOON)[1]

    held = interpreter.decide(graph, state, NOON + timedelta(days=9))[1]
    assert (held.step_id, held.until) == ("a-fork", None)
    assert after("retry") == command
    assert after("skip") == command._replace(skip=True)
    assert after("exit").reason == "cancelled"


async def test_an_event_that_a_bug_befalls_in_the_relay_is_set_aside_and_keeps_nobody_waiting(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    for user in ("before", "odd", "after"):
        office.shop.post(track("Email Subscribed", user, ID=user))
    with office.database.write() as session:
        spoiled = "UPDATE events SET properties = '{\"maja.alm@kund' WHERE message_id = 'odd'"
        session.execute(text(spoiled))
    temporal = FakeTemporal()
    relay = Relay(office.database, temporal, clock=office.clock, shop_time=ShopTime())
    with caplog.at_level(logging.INFO):
        while relay.expand_once():
            pass
    while await relay.deliver_once():
        pass

    started = {one.start.input.contact_id for one in temporal.all_executions}
    assert started == {office.shop.contact_id(user) for user in ("before", "after")}
    with office.database.read() as session:
        kept = session.scalars(select(RejectedEvent)).one()
    assert kept.reason.startswith("the relay met a bug: JSONDecodeError at ")
    assert "event_set_aside" in {vars(record).get("action") for record in caplog.records}
    assert "maja" not in caplog.text + kept.reason + kept.raw
