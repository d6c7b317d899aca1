"""The ledger: one row per enrollment and step, moved only by whoever has seen it last."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.errors import SesPaused
from sekvens.flows.outcomes import Deferred, SkipReason
from sekvens.messages import ledger, settling
from sekvens.messages.ledger import Claim
from sekvens.messages.tables import Message, MessageState
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice
from tests.unit.waiting import PATIENCE


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database)


def opened(office: PostOffice, step_id: str = "hello") -> Message:
    with office.database.write() as session:
        return ledger.open_row(session, office.order(step_id), now=office.clock.now())


def claimed(office: PostOffice, message: Message) -> Claim | None:
    with office.database.write() as session:
        return ledger.claim(session, message, order=office.order(), now=office.clock.now())


def test_a_row_is_opened_once_however_many_open_it_at_once(office: PostOffice) -> None:
    order, start = office.order(), threading.Barrier(8)

    def open_row(_: int) -> str:
        start.wait(PATIENCE)
        with office.database.write() as session:
            return ledger.open_row(session, order, now=NOON).id

    with ThreadPoolExecutor(8) as threads:
        ids = set(threads.map(open_row, range(8)))

    assert len(ids) == 1
    assert (office.message().state, office.message().attempts) == (MessageState.PENDING, 0)


def test_of_many_who_saw_the_same_row_one_may_claim_it(office: PostOffice) -> None:
    message = opened(office)
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: claimed(office, message), range(8)))

    assert sum(claim is not None for claim in claims) == 1
    assert office.message().attempts == 1


def test_a_claim_given_back_leaves_everything_as_it_was(office: PostOffice) -> None:
    claim = claimed(office, opened(office))
    assert claim is not None
    with office.database.write() as session:
        ledger.release(session, claim, note="too fast")

    row = office.message()
    assert (row.state, row.dispatched_at, row.note) == (MessageState.PENDING, None, "too fast")
    assert not row.resent_in_doubt


def test_a_claim_that_somebody_else_has_renewed_gives_nothing_back_and_ends_nothing(
    office: PostOffice,
) -> None:
    old = claimed(office, opened(office))
    assert old is not None
    new = claimed(office, office.message())
    with office.database.write() as session:
        ledger.release(session, old, note="late")
        ended = ledger.skipped(session, old.message, office.order(), SkipReason.REJECTED)

    row = office.message()
    assert new is not None
    assert (ended, row.state, row.attempts) == (False, MessageState.DISPATCHING, 2)
    assert (new.in_doubt, row.resent_in_doubt) == (True, True)
    assert office.enrollment().step_id == "hello"


def test_what_ses_has_settled_no_frozen_worker_gives_back_or_ends(office: PostOffice) -> None:
    frozen = claimed(office, opened(office))
    assert frozen is not None
    with office.database.write() as session:
        told = settling.told_by_ses(session, frozen.message.id, ses_message_id="s-1",
                                    at=NOON, sent_on=NOON, now=NOON)  # fmt: skip
    with office.database.write() as session:
        ledger.release(session, frozen, note="past its deadline")
        ended = ledger.skipped(session, frozen.message, office.order(), SkipReason.EXITED)
        again = ledger.claim(session, frozen.message, order=office.order(), now=NOON)

    row = office.message()
    assert told is settling.Told.FIRST
    assert (ended, again) == (False, None)
    assert (row.state, row.ses_message_id, row.note) == (MessageState.ACCEPTED, "s-1", None)


def test_who_decided_to_skip_before_another_claimed_skips_nothing(office: PostOffice) -> None:
    seen = opened(office)
    claimed(office, seen)
    with office.database.write() as session:
        ended = ledger.skipped(session, seen, office.order(), SkipReason.EXITED)

    assert not ended
    assert office.message().state == MessageState.DISPATCHING


def test_what_ses_took_is_recorded_whatever_the_row_says(office: PostOffice) -> None:
    message = opened(office)
    with office.database.write() as session:
        ledger.skipped(session, message, office.order(), SkipReason.EXITED)
    with office.database.write() as session:
        ledger.accepted(session, message.id, office.order(), ses_message_id="s-1", now=NOON)

    row = office.message()
    assert (row.state, row.skip_reason, row.ses_message_id) == (MessageState.ACCEPTED, None, "s-1")


def test_what_nobody_else_knows_is_recorded_when_the_database_comes_back(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RECORD_INTERVAL", timedelta(0))
    tries: list[int] = []

    def write(_: Session) -> str:
        tries.append(1)
        if len(tries) < 4:
            raise OperationalError("INSERT", {}, Exception("gone"))
        return "written"

    assert ledger.record(office.database, write) == "written"


def test_the_patience_with_the_database_has_an_end(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RECORD_PATIENCE", timedelta(milliseconds=20))
    monkeypatch.setattr(ledger, "RECORD_INTERVAL", timedelta(milliseconds=5))

    def write(_: Session) -> None:
        raise OperationalError("INSERT", {}, Exception("gone"))

    with pytest.raises(OperationalError):
        ledger.record(office.database, write)


def test_closing_an_enrollment_leaves_no_message_without_an_end(office: PostOffice) -> None:
    office.enroll("e-2", office.contact_id)
    opened(office)
    claimed(office, opened(office, "your-cart"))
    with office.database.write() as session:
        other = ledger.open_row(session, office.order(enrollment_id="e-2"), now=NOON)
        ledger.close_enrollment(session, "e-1")

    with office.database.read() as session:
        mine = select(Message.step_id, Message.skip_reason, Message.state)
        rows = session.execute(mine.where(Message.enrollment_id == "e-1")).all()
        assert sorted(rows) == [
            ("hello", "exited", "skipped"),
            ("your-cart", "outcome_unknown", "skipped"),
        ]
        assert session.get_one(Message, other.id).state == MessageState.PENDING


def test_closing_leaves_what_was_sent_and_what_was_skipped_alone(office: PostOffice) -> None:
    office.send()
    with office.database.write() as session:
        cart = ledger.open_row(session, office.order("your-cart"), now=NOON)
        ledger.skipped(session, cart, office.order("your-cart"), SkipReason.STALE)
    with office.database.write() as session:
        ledger.close_enrollment(session, "e-1")

    assert office.message("hello").state == MessageState.ACCEPTED
    assert office.message("your-cart").skip_reason == SkipReason.STALE


def test_a_person_who_ends_an_enrollment_in_mid_hold_ends_its_message(office: PostOffice) -> None:
    office.ses.faults.append(SesPaused())
    held = office.send()
    with office.database.write() as session:
        ledger.close_enrollment(session, "e-1")
    late = office.send()

    assert isinstance(held, Deferred)
    assert late.kind == "skipped"
    assert office.message().skip_reason == "exited"
    assert office.ses.calls == 1


def test_every_message_of_an_enrollment_has_one_row(office: PostOffice) -> None:
    for _ in range(3):
        office.send()
    with office.database.read() as session:
        count = session.scalar(select(func.count()).select_from(Message))

    assert count == 1
    assert office.enrollment().state == EnrollmentState.ACTIVE
