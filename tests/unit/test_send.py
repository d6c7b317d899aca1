"""Sending one message: the row before the call, one call, and each answer of SES in its place."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.errors import (
    DispatchTooLate,
    LockTimeout,
    NotSent,
    OutcomeUnknown,
    SekvensError,
    SesPaused,
    SesThrottled,
)
from sekvens.flows.outcomes import Deferred, InDoubt, Sent, Skipped, SkipReason
from sekvens.flows.steps import ExitReason
from sekvens.messages import send as sending
from sekvens.messages.tables import MessageState
from sekvens.ses.client import failure_of
from tests.unit.ingesting import NOON, identify
from tests.unit.sending import ADDRESS, PostOffice
from tests.unit.waiting import PATIENCE

GRACE = timedelta(seconds=1800)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def refusal(code: str, status: int, text: str) -> SekvensError:
    """Make what the client raises when SES answers so."""
    answer = {"Error": {"Code": code, "Message": text}}
    answer["ResponseMetadata"] = {"HTTPStatusCode": status}  # type: ignore[assignment]
    return failure_of(ClientError(answer, "SendEmail"))  # type: ignore[arg-type]


def test_the_row_is_claimed_and_committed_before_ses_is_called(office: PostOffice) -> None:
    seen = []
    office.ses.during = lambda message_id: seen.append((message_id, office.message()))
    office.send()

    ((tagged, row),) = seen
    assert (row.id, row.state, row.attempts) == (tagged, MessageState.DISPATCHING, 1)
    assert row.dispatched_at == NOON


def test_the_contacts_lock_is_held_while_ses_is_called(office: PostOffice) -> None:
    def is_free(_: str = "") -> bool:
        try:
            with office.database.locks.hold(office.contact_id, timeout=timedelta(milliseconds=50)):
                return True
        except LockTimeout:
            return False

    free: list[bool] = []
    office.ses.during = lambda message_id: free.append(is_free(message_id))
    office.send()

    assert (free, is_free()) == ([False], True)


def test_a_message_that_ses_took_is_accepted_and_the_enrollment_goes_on(office: PostOffice) -> None:
    outcome = office.send()

    row = office.message()
    # Nine in Helsinki is seven in UTC.
    assert outcome == Sent(message_id=row.id, resume_at=datetime(2026, 3, 5, 7, tzinfo=UTC))
    assert (row.state, row.ses_message_id) == (MessageState.ACCEPTED, "fake-1")
    assert (row.accepted_at, row.sent_on, row.attempts) == (NOON, NOON, 1)
    assert office.enrollment().step_id == "a-night"
    assert office.ses.accepted[0].tags == {
        "message_id": row.id,
        "flow": "letters",
        "step": "hello",
        "ses:feedback-id-a": "letters",
        "ses:feedback-id-b": "hello",
    }


def test_the_last_message_needs_no_instant_to_resume_at(office: PostOffice) -> None:
    office.happens("Product Added", product_id="p1", name="Tröja", cart_id="k1")
    office.enroll("e-2", office.contact_id, entry_key="k1")
    outcome = office.send("your-cart", enrollment_id="e-2")

    assert outcome == Sent(message_id=office.message("your-cart").id)
    assert office.enrollment("e-2").step_id is None


def test_the_same_order_any_number_of_times_is_one_call_and_one_answer(office: PostOffice) -> None:
    outcomes = [office.send() for _ in range(5)]

    assert outcomes == [outcomes[0]] * 5
    assert isinstance(outcomes[0], Sent)
    assert office.ses.calls == 1


def test_the_same_order_from_many_threads_at_once_is_one_call(database: Database) -> None:
    office = PostOffice(database)
    office.ses._takes = 0.05
    start = threading.Barrier(10)

    def send(_: int) -> object:
        start.wait(PATIENCE)
        return office.another_sender().send(order)

    order = office.order()
    with ThreadPoolExecutor(10) as threads:
        outcomes = list(threads.map(send, range(10)))

    assert office.ses.calls == 1
    assert sum(isinstance(outcome, Sent) for outcome in outcomes) >= 1
    assert all(isinstance(outcome, Sent | InDoubt) for outcome in outcomes)
    assert isinstance(office.send(), Sent)


def test_one_who_is_overtaken_looks_again_soon(office: PostOffice) -> None:
    inner = []
    office.ses.during = lambda _: inner.append(office.another_sender().send(office.order()))
    office.send()

    assert inner == [InDoubt(until=NOON + GRACE)]
    assert office.ses.calls == 1


@pytest.mark.parametrize(
    ("error", "reason", "wait"),
    [
        (SesThrottled("too fast"), "ses_throttled", timedelta(seconds=2)),
        (SesPaused("paused"), "ses_paused", timedelta(minutes=1)),
        (NotSent("unreachable"), "not_sent", timedelta(seconds=15)),
        (DispatchTooLate(), "dispatch_too_late", timedelta(seconds=1)),
    ],
)
def test_what_ses_certainly_did_not_take_is_held_back_and_sent_later(
    office: PostOffice, error: NotSent, reason: str, wait: timedelta
) -> None:
    office.ses.faults.append(error)
    outcome = office.send()
    row = office.message()

    assert outcome == Deferred(until=NOON + wait, reason=reason)
    assert (row.state, row.note, row.dispatched_at) == (MessageState.PENDING, str(error), None)
    assert office.enrollment().step_id == "hello"
    assert isinstance(office.send(), Sent)
    assert (office.message().attempts, office.message().note) == (2, None)


def test_a_grace_is_wall_time_and_is_told_in_shop_time(office: PostOffice) -> None:
    office.ses.faults.append(SesThrottled())
    outcome = office.send(shop_speed=43200.0)

    assert outcome == Deferred(until=NOON + timedelta(days=1), reason="ses_throttled")


def test_what_ses_refuses_for_good_is_skipped_and_the_enrollment_goes_on(
    office: PostOffice,
) -> None:
    text = f"Address {ADDRESS} is blacklisted"
    office.ses.faults.append(refusal("MessageRejected", 400, text))
    outcome = office.send()
    row = office.message()

    assert isinstance(outcome, Skipped)
    assert (outcome.reason, outcome.exit) == (SkipReason.REJECTED, None)
    assert outcome.resume_at is not None
    assert (row.state, row.skip_reason) == (MessageState.SKIPPED, "rejected")
    assert row.note == "SES said 400 MessageRejected: Address (address) is blacklisted"
    assert office.enrollment().step_id == "a-night"


def test_a_lost_answer_leaves_the_message_in_doubt(office: PostOffice) -> None:
    office.ses.faults.append(OutcomeUnknown("the connection broke"))
    outcome = office.send()

    assert outcome == InDoubt(until=NOON + GRACE)
    assert office.message().state == MessageState.DISPATCHING


@pytest.mark.parametrize(
    "error",
    [
        refusal("MessageRejected", 400, f"{ADDRESS} is bad"),
        refusal("TooManyRequestsException", 429, f"slow down, {ADDRESS}"),
        refusal("SendingPausedException", 400, f"paused for {ADDRESS}"),
        refusal("InternalFailure", 500, f"we lost {ADDRESS}"),
        failure_of(EndpointConnectionError(endpoint_url=f"http://{ADDRESS}")),
    ],
)
def test_no_note_log_or_outcome_tells_an_address(
    office: PostOffice, caplog: pytest.LogCaptureFixture, error: SekvensError
) -> None:
    office.ses.faults.append(error)
    with caplog.at_level(logging.DEBUG, logger="sekvens"):
        outcome = office.send()

    told = f"{office.message().note} {outcome} {caplog.text} {office.enrollment().parked_reason}"
    assert "@" not in told
    assert "maja" not in told.casefold()


def test_a_lock_that_cannot_be_had_holds_the_message_back(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The real time-out is seconds; the way through the code is the same.
    monkeypatch.setattr(sending, "LOCK_TIMEOUT", timedelta(milliseconds=50))
    with office.database.locks.hold(office.contact_id, timeout=timedelta(seconds=PATIENCE)):
        outcome = office.send()

    assert outcome == Deferred(until=NOON + timedelta(seconds=5), reason="lock_timeout")
    assert office.message().state == MessageState.PENDING
    assert office.contact_id in (office.message().note or "")
    assert (office.ses.calls, isinstance(office.send(), Sent)) == (0, True)


def test_a_worker_that_was_frozen_between_claim_and_call_sends_nothing(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Time stands still for nobody but this: the deadline has passed when the claim is made.
    monkeypatch.setattr(sending, "DISPATCH_DEADLINE", timedelta(seconds=-1))
    outcome = office.send()

    assert outcome == Deferred(until=NOON + timedelta(seconds=1), reason="dispatch_too_late")
    assert (office.ses.calls, office.ses.accepted) == (1, [])


def test_an_address_that_changes_while_the_message_is_made_gets_the_next_one(
    office: PostOffice,
) -> None:
    fill = office.sender._envelope.fill

    def fill_and_move(*args: object) -> object:
        mail = fill(*args)  # type: ignore[arg-type]
        office.shop.post(identify("u", email="ny@kund.example"))
        return mail

    office.sender._envelope.fill = fill_and_move  # type: ignore[method-assign, assignment]
    held = office.send()
    office.sender._envelope.fill = fill  # type: ignore[method-assign]

    assert held == Deferred(until=NOON + timedelta(seconds=15), reason="not_sent")
    assert isinstance(office.send(), Sent)
    assert [taken.recipient for taken in office.ses.accepted] == ["ny@kund.example"]


def test_a_person_may_skip_what_is_held_back(office: PostOffice) -> None:
    office.ses.faults.append(SesPaused())
    office.send()
    outcome = office.send(skip=True)

    assert isinstance(outcome, Skipped)
    assert outcome.reason == SkipReason.OPERATOR
    assert office.message().skip_reason == "operator"
    assert isinstance(office.send(), Skipped)
    assert (office.ses.calls, office.enrollment().step_id) == (1, "a-night")


def test_an_exit_is_told_again_when_the_first_answer_was_lost_on_its_way(
    office: PostOffice,
) -> None:
    office.happens("Order Completed", order_id="o-1")
    outcomes = [office.send(), office.send()]

    assert [outcome.reason for outcome in outcomes] == [SkipReason.EXITED] * 2  # type: ignore[union-attr]
    assert [outcome.exit for outcome in outcomes] == [ExitReason.CONVERTED] * 2  # type: ignore[union-attr]
    assert office.enrollment().state == EnrollmentState.ACTIVE
