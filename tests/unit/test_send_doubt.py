"""A message whose answer was lost: marketing at most once, order mail at least once."""

import threading
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta

import pytest

from sekvens import fault_points
from sekvens.db.session import Database
from sekvens.errors import OutcomeUnknown, SesThrottled
from sekvens.flows.outcomes import Deferred, InDoubt, Outcome, Sent, Skipped, SkipReason
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import MessageState
from sekvens.ses.testing import TakenThen
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice, mixed

GRACE = timedelta(seconds=1800)
RESEND = timedelta(seconds=7200)
SECOND = timedelta(seconds=1)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def worker_dies(office: PostOffice, step_id: str, death: BaseException, *, taken: bool) -> None:
    """Let the worker die in the middle of the call, with or without SES having the message."""
    office.ses.faults.append(TakenThen(death) if taken else death)
    with pytest.raises(type(death)):
        office.send(step_id)


def at(office: PostOffice, step_id: str, age: timedelta) -> Outcome:
    """Send again so long after noon."""
    office.later(NOON + age - office.clock.now())
    return office.send(step_id)


@pytest.mark.parametrize("death", [KeyboardInterrupt(), SystemExit(1), RuntimeError("a bug")])
@pytest.mark.parametrize("has", ["ses has it", "ses has it not"])
def test_a_worker_that_dies_in_the_call_leaves_the_message_in_doubt(
    office: PostOffice, death: BaseException, has: str
) -> None:
    worker_dies(office, "hello", death, taken=has == "ses has it")

    assert office.message().state == MessageState.DISPATCHING
    assert office.send() == InDoubt(until=NOON + GRACE)


@pytest.mark.parametrize("has", ["ses has it", "ses has it not"])
def test_marketing_in_doubt_is_never_sent_again_and_skipped_after_the_grace(
    office: PostOffice, has: str
) -> None:
    worker_dies(office, "hello", KeyboardInterrupt(), taken=has == "ses has it")

    assert at(office, "hello", SECOND) == InDoubt(until=NOON + GRACE - SECOND)
    assert at(office, "hello", GRACE - SECOND) == InDoubt(until=NOON + SECOND)
    assert at(office, "hello", GRACE) == Skipped(reason=SkipReason.OUTCOME_UNKNOWN)
    assert at(office, "hello", GRACE * 100) == Skipped(reason=SkipReason.OUTCOME_UNKNOWN)
    assert (office.ses.calls, office.enrollment().step_id) == (1, "receipt")
    assert office.message().skip_reason == "outcome_unknown"
    assert office.message().sent_on == NOON  # the frequency cap counts it


@pytest.mark.parametrize("has", ["ses has it", "ses has it not"])
def test_order_mail_in_doubt_is_sent_again_after_the_longer_limit_and_flagged(
    office: PostOffice, has: str
) -> None:
    worker_dies(office, "receipt", KeyboardInterrupt(), taken=has == "ses has it")

    assert at(office, "receipt", GRACE) == InDoubt(until=NOON + RESEND - GRACE)
    assert at(office, "receipt", RESEND - SECOND) == InDoubt(until=NOON + SECOND)
    assert office.ses.calls == 1
    assert isinstance(at(office, "receipt", RESEND), Sent)
    assert isinstance(at(office, "receipt", RESEND * 2), Sent)
    row = office.message("receipt")
    assert (row.resent_in_doubt, row.attempts, office.ses.calls) == (True, 2, 2)


def test_a_resend_that_ses_puts_off_is_put_off_and_not_in_doubt_for_another_two_hours(
    office: PostOffice,
) -> None:
    worker_dies(office, "receipt", KeyboardInterrupt(), taken=False)
    office.ses.faults.append(SesThrottled())
    put_off = at(office, "receipt", RESEND)
    row = office.message("receipt")

    assert put_off == Deferred(until=NOON + timedelta(seconds=4), reason="ses_throttled")
    assert (row.state, row.dispatched_at) == (MessageState.DISPATCHING, NOON)
    assert isinstance(at(office, "receipt", RESEND + SECOND * 4), Sent)


def test_a_resend_whose_answer_is_lost_too_is_in_doubt_from_then_on(office: PostOffice) -> None:
    worker_dies(office, "receipt", KeyboardInterrupt(), taken=False)
    office.ses.faults.append(OutcomeUnknown())
    at(office, "receipt", RESEND)

    assert at(office, "receipt", RESEND + SECOND) == InDoubt(until=NOON + RESEND - SECOND)
    assert office.ses.calls == 2
    assert isinstance(at(office, "receipt", RESEND * 2), Sent)


def test_a_resend_that_the_gate_refuses_may_still_have_arrived(office: PostOffice) -> None:
    worker_dies(office, "receipt", KeyboardInterrupt(), taken=True)
    office.happens("Product Viewed", product_id="p")
    outcome = at(office, "receipt", RESEND)

    assert outcome == Skipped(reason=SkipReason.OUTCOME_UNKNOWN)
    assert office.ses.calls == 1


def test_a_resend_that_a_person_skips_is_not_sent(office: PostOffice) -> None:
    worker_dies(office, "receipt", KeyboardInterrupt(), taken=True)
    office.later(RESEND)

    assert office.send("receipt", skip=True) == Skipped(reason=SkipReason.OUTCOME_UNKNOWN)
    assert office.ses.calls == 1


def test_a_message_in_doubt_ends_its_enrollment_when_a_fact_does(database: Database) -> None:
    office = PostOffice(database)
    worker_dies(office, "hello", KeyboardInterrupt(), taken=True)
    office.happens("Order Completed", order_id="o-1")
    outcomes = [at(office, "hello", GRACE), at(office, "hello", GRACE)]

    for outcome in outcomes:
        assert isinstance(outcome, Skipped)
        assert outcome.reason == SkipReason.OUTCOME_UNKNOWN
    assert outcomes[1].exit == ExitReason.CONVERTED


def test_a_frozen_worker_that_wakes_up_does_not_give_back_the_claim_of_another(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As if the frozen worker's connection had died, and its lock with it.
    monkeypatch.setattr(office.database.locks, "hold", unlocked)
    calling, answered = threading.Event(), threading.Event()
    resend = threading.Thread(target=office.send, args=["receipt"])

    def be_frozen(_: str) -> None:
        office.ses.during = lambda _: (calling.set(), answered.wait(10))
        office.later(RESEND)
        resend.start()
        calling.wait(10)

    office.ses.during = be_frozen
    office.ses.faults.append(SesThrottled("and this attempt got nothing"))
    office.send("receipt")
    row, meanwhile = office.message("receipt"), office.send("receipt")
    answered.set()
    resend.join()

    assert (row.state, row.attempts) == (MessageState.DISPATCHING, 2)
    assert isinstance(meanwhile, InDoubt)
    assert (office.message("receipt").state, office.ses.calls) == (MessageState.ACCEPTED, 2)


def test_a_sender_that_is_frozen_right_after_its_claim_sends_nothing(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sekvens.messages.send.DISPATCH_DEADLINE", timedelta(seconds=0.2))
    fault_points.switch_on({fault_points.VARIABLE: "after_claim=hang:0.5"})
    outcome = office.send()
    fault_points.switch_on({})

    assert isinstance(outcome, Deferred)
    assert (outcome.reason, office.ses.accepted) == ("dispatch_too_late", [])
    assert office.message().state == MessageState.PENDING


def unlocked(*_: str, timeout: timedelta, **__: object) -> AbstractContextManager[None]:
    assert timeout
    return nullcontext()
