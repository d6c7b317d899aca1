"""The activities: what Temporal calls, on real rows; each may be run twice."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest
from sqlalchemy import func, select, update
from temporalio import activity
from temporalio.testing import ActivityEnvironment

from activities.audiences import AudienceActivities
from activities.bugs import Bugs
from activities.enrollments import EnrollmentActivities
from activities.messages import MessageActivities
from sekvens.contacts.tables import Consent
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.tables import EnrollmentState
from sekvens.enrollments.wire import AnswerInput, AnswerResult, FinishInput, RecordInput
from sekvens.errors import SesPaused
from sekvens.events.tables import ContactEvent, Order, OutboxEntry
from sekvens.flows.asking import happened, trait_is
from sekvens.flows.builder import best_time
from sekvens.flows.codec import to_json
from sekvens.flows.commands import NextBestTime, NextLocalTime, Question, WhichBranch
from sekvens.flows.outcomes import Parked, Sent, Skipped, SkipReason
from sekvens.messages.tables import MessageState
from sekvens.send_time.tables import SendTimeChoice
from tests.unit.acting import activities_of
from tests.unit.ingesting import NOON, alias, identify
from tests.unit.sending import NIGHT, PostOffice


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


@pytest.fixture
def acting(office: PostOffice) -> EnrollmentActivities:
    return activities_of(office)


def ask(acting: EnrollmentActivities, office: PostOffice, question: Question) -> AnswerResult:
    order = AnswerInput(
        enrollment_id="e-1", contact_id=office.contact_id, question=to_json(question), now=NOON
    )
    return ActivityEnvironment().run(acting.answer_question, order)


def test_the_names_are_those_that_workflows_call() -> None:
    called = {
        EnrollmentActivities.answer_question: names.ANSWER_ACTIVITY,
        EnrollmentActivities.carry_out: names.CARRY_OUT_ACTIVITY,
        EnrollmentActivities.record_signal: names.RECORD_ACTIVITY,
        EnrollmentActivities.finish_enrollment: names.FINISH_ACTIVITY,
        EnrollmentActivities.move_enrollment: names.MOVE_ACTIVITY,
        MessageActivities.send_message: names.SEND_ACTIVITY,
    }

    for method, name in called.items():
        assert activity._Definition.must_from_callable(method).name == name


def test_the_next_local_time_goes_by_the_contacts_own_zone(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    assert ask(acting, office, NIGHT).instant == datetime(2026, 3, 5, 7, tzinfo=UTC)
    office.shop.post(identify("u", timezone="Europe/London"))

    assert ask(acting, office, NIGHT).instant == datetime(2026, 3, 5, 9, tzinfo=UTC)


def test_a_contact_without_a_zone_has_the_shops(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    office.shop.post(identify("u", timezone=None))
    at_nine = NextLocalTime(not_before=NOON, local_time=NIGHT.local_time)

    assert ask(acting, office, at_nine).instant == datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_a_contact_of_whom_only_the_country_is_known_has_its_clock(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    office.shop.post(identify("u", timezone=None, country="JP"))

    assert ask(acting, office, NIGHT).instant == datetime(2026, 3, 5, 0, tzinfo=UTC)


def test_the_best_time_is_the_fixed_hour_of_the_contacts_clock_until_enough_is_known(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    window = best_time("08:00", "20:00", otherwise="10:00")
    question = NextBestTime(not_before=NOON, best_time=window)

    assert [ask(acting, office, question).instant for _ in range(2)] == [
        datetime(2026, 3, 5, 8, tzinfo=UTC)
    ] * 2
    with office.database.read() as session:
        kept = session.query(SendTimeChoice).one()
    assert (kept.enrollment_id, kept.contact_id, kept.cohort) == ("e-1", office.contact_id, None)


@pytest.mark.parametrize(
    ("done", "branch", "step"),
    [
        (["Order Completed", "Cart Viewed"], 0, "bought"),
        (["Cart Viewed"], 1, "looked"),
        ([], None, "neither"),
    ],
)
def test_the_first_condition_that_holds_is_the_branch_and_the_position(
    acting: EnrollmentActivities, office: PostOffice, done: list[str], branch: object, step: str
) -> None:
    for name in done:
        office.happens(name, order_id="o-1")
    question = WhichBranch(
        conditions=(happened("Order Completed"), happened("Cart Viewed")),
        next_steps=("bought", "looked", "neither"),
    )
    answers = [ask(acting, office, question), ask(acting, office, question)]

    assert answers == [AnswerResult(branch=branch)] * 2  # type: ignore[arg-type]
    assert office.enrollment().step_id == step


def test_a_branch_may_end_the_flow(acting: EnrollmentActivities, office: PostOffice) -> None:
    ask(acting, office, WhichBranch(conditions=(trait_is("x", "y"),), next_steps=("a", None)))

    assert office.enrollment().step_id is None


def record(acting: EnrollmentActivities, contact_id: str, name: str, event_id: str) -> None:
    order = RecordInput(
        contact_id=contact_id,
        event_id=event_id,
        event_name=name,
        order_id="o-1",
        occurred_at=NOON,
    )
    ActivityEnvironment().run(acting.record_signal, order)


def test_a_purchase_that_was_signalled_is_a_fact_once(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    for _ in range(3):
        record(acting, office.contact_id, "Order Completed", "signal-1")

    with office.database.read() as session:
        event = session.query(ContactEvent).filter_by(message_id="signal-1").one()
        owed = session.scalar(select(func.count()).select_from(OutboxEntry))
        orders = session.query(Order).all()
    assert (event.name, event.occurred_at) == ("Order Completed", NOON)
    assert (owed, [order.order_id for order in orders]) == (1, ["o-1"])
    assert office.send().kind == "skipped"


def test_an_unsubscribe_that_was_signalled_takes_the_consent_back(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    record(acting, office.contact_id, "Unsubscribed", "signal-1")

    with office.database.read() as session:
        assert [row.status for row in session.query(Consent)] == ["unsubscribed"]


def test_a_signal_to_a_merged_contact_is_the_fact_of_the_one_who_stands(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    office.later(timedelta(minutes=1))
    young = office.subscriber("young", "ung@kund.example")
    office.shop.post(alias("u", "young"))
    record(acting, young, "Order Completed", "signal-1")

    with office.database.read() as session:
        event = session.query(ContactEvent).filter_by(message_id="signal-1").one()
    assert event.contact_id == office.shop.contact_id("u") != young


def finish(acting: EnrollmentActivities, reason: str, now: datetime = NOON) -> None:
    order = FinishInput(enrollment_id="e-1", reason=reason, step_id="hello", now=now)
    ActivityEnvironment().run(acting.finish_enrollment, order)


def test_finishing_closes_the_enrollment_and_ends_its_messages(
    acting: EnrollmentActivities, office: PostOffice
) -> None:
    office.ses.faults.append(SesPaused())
    office.send()
    finish(acting, "cancelled")

    row, message = office.enrollment(), office.message()
    assert (row.state, row.exit_reason, row.ended_at) == ("ended", "cancelled", NOON)
    assert (row.step_id, row.parked_reason) == ("hello", None)
    assert (message.state, message.skip_reason) == (MessageState.SKIPPED, "exited")


def test_the_first_end_stands(acting: EnrollmentActivities, office: PostOffice) -> None:
    finish(acting, "converted")
    finish(acting, "cancelled", NOON + timedelta(hours=1))

    row = office.enrollment()
    assert (row.exit_reason, row.ended_at) == ("converted", NOON)


def test_what_became_of_a_message_is_a_result_and_no_exception(office: PostOffice) -> None:
    acting = MessageActivities(office.sender, Bugs(office.database, office.clock))
    sent = ActivityEnvironment().run(acting.send_message, office.order())
    parked = ActivityEnvironment().run(acting.send_message, office.order("your-cart"))

    assert isinstance(sent.outcome, Sent)
    assert isinstance(parked.outcome, Parked)
    assert office.enrollment().state == EnrollmentState.PARKED


def test_an_attempt_that_temporal_has_given_up_still_writes_down_what_ses_said(
    office: PostOffice,
) -> None:
    late = ActivityEnvironment()
    office.ses.during = lambda _: late.cancel()
    acting = MessageActivities(office.sender, Bugs(office.database, office.clock))
    result = late.run(acting.send_message, office.order())

    assert isinstance(result.outcome, Sent)
    assert office.message().state == MessageState.ACCEPTED


def test_no_activity_is_broken_off_by_an_exception_in_its_thread() -> None:
    ours = (MessageActivities, EnrollmentActivities, AudienceActivities)
    defined = [
        getattr(each, "__temporal_activity_definition", None)
        for owner in ours
        for each in vars(owner).values()
    ]
    activities = [each for each in defined if each is not None]

    assert len(activities) == 10
    assert [each.name for each in activities if not each.no_thread_cancel_exception] == []


def test_results_hold_no_address_name_or_order(office: PostOffice) -> None:
    office.shop.post(identify("u", first_name="Majabritt"))
    with office.database.write() as session:
        session.execute(update(Consent).values(status="subscribed"))
    results = [office.send(step) for step in ("hello", "your-cart")]

    told = " ".join(
        str(getattr(result, each.name)) for result in results for each in fields(result)
    )
    assert "@" not in told
    assert "majabritt" not in told.casefold()


def test_an_order_that_waited_for_a_dead_worker_is_late(office: PostOffice) -> None:
    waiting = ActivityEnvironment()
    began = waiting.info.scheduled_time
    waiting.info = replace(waiting.info, started_time=began + timedelta(hours=13))
    order = replace(office.order(), due_at=NOON, lateness_seconds_max=12 * 3600.0)

    result = waiting.run(
        MessageActivities(office.sender, Bugs(office.database, office.clock)).send_message, order
    )

    assert result.outcome == Skipped(reason=SkipReason.STALE, resume_at=ANY)
    assert office.ses.accepted == []
