"""A message that cannot be made parks its enrollment, and nobody else's."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from sekvens.db.session import Database
from sekvens.enrollments.tables import EnrollmentState
from sekvens.flows.outcomes import Deferred, Parked, Sent, Skipped, SkipReason
from sekvens.messages import ledger
from sekvens.messages.tables import MessageState
from tests.unit.ingesting import NOON, alias
from tests.unit.sending import ADDRESS, PostOffice


@pytest.fixture
def office(database: Database) -> PostOffice:
    """A contact who stands at the letter about a cart, and has no cart."""
    office = PostOffice(database)
    office.enroll("e-cart", office.contact_id, entry_key="k-1", step_id="your-cart")
    return office


def send_cart(office: PostOffice, *, skip: bool = False) -> object:
    return office.send("your-cart", enrollment_id="e-cart", skip=skip)


def fill_cart(office: PostOffice) -> None:
    office.happens("Product Added", product_id="p-1", NAME="Tröja", cart_id="k-1", name="T")


def test_a_message_that_cannot_be_made_parks_with_a_reason_for_the_operator(
    office: PostOffice, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        outcome = send_cart(office)

    assert isinstance(outcome, Parked)
    assert "letters/your-cart cannot be composed" in outcome.reason
    row = office.enrollment("e-cart")
    assert (row.state, row.parked_reason) == (EnrollmentState.PARKED, outcome.reason)
    assert (row.step_id, office.message("your-cart").state) == ("your-cart", MessageState.PENDING)
    told = f"{outcome.reason} {caplog.text}"
    assert "@" not in told
    assert ADDRESS not in told
    assert office.ses.calls == 0


def test_retry_after_the_mend_sends_it_and_the_enrollment_is_under_way_again(
    office: PostOffice,
) -> None:
    assert isinstance(send_cart(office), Parked)
    assert isinstance(send_cart(office), Parked)
    fill_cart(office)

    assert isinstance(send_cart(office), Sent)
    row = office.enrollment("e-cart")
    assert (row.state, row.parked_reason) == (EnrollmentState.ACTIVE, None)


def test_skip_goes_on_without_the_message(office: PostOffice) -> None:
    send_cart(office)
    outcome = send_cart(office, skip=True)

    assert outcome == Skipped(reason=SkipReason.OPERATOR)
    row = office.enrollment("e-cart")
    assert (row.state, row.parked_reason, row.step_id) == (EnrollmentState.ACTIVE, None, None)
    assert office.message("your-cart").skip_reason == "operator"


def test_another_contacts_message_leaves_meanwhile(office: PostOffice) -> None:
    send_cart(office)

    assert isinstance(office.send("hello"), Sent)


def test_a_database_that_goes_away_before_the_call_leaves_no_doubt(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = office.database.locks.hold

    def gone(*_: str, timeout: timedelta, under: Sequence[str]) -> None:
        assert timeout
        assert under
        raise OperationalError("SELECT pg_advisory_lock", {}, Exception("gone"))

    monkeypatch.setattr(office.database.locks, "hold", gone)
    with pytest.raises(OperationalError):
        office.send()
    monkeypatch.setattr(office.database.locks, "hold", hold)

    assert office.message().state == MessageState.PENDING
    assert isinstance(office.send(), Sent)


def test_a_database_that_goes_away_after_the_call_loses_no_answer(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "RECORD_INTERVAL", timedelta(milliseconds=10))
    write, refusals = office.database.write, [1, 2, 3]

    @contextmanager
    def write_when_it_is_back() -> Iterator[object]:
        if office.ses.accepted and refusals:
            refusals.pop()
            raise OperationalError("BEGIN", {}, Exception("gone"))
        with write() as session:
            yield session

    monkeypatch.setattr(office.database, "write", write_when_it_is_back)
    outcome = office.send()

    assert isinstance(outcome, Sent)
    assert (refusals, office.message().state) == ([], MessageState.ACCEPTED)


def test_a_merge_between_claim_and_lock_takes_the_locks_anew(office: PostOffice) -> None:
    office.later(timedelta(minutes=1))
    young = office.subscriber("young", "ung@kund.example")
    office.enroll("e-young", young, started_at=NOON - timedelta(days=1))
    held, hold = [], office.database.locks.hold

    @contextmanager
    def merge_first(*contact_ids: str, timeout: timedelta, under: Sequence[str]) -> Iterator[None]:
        held.append(contact_ids)
        if len(held) == 1:
            office.shop.post(alias("u", "young"))
        with hold(*contact_ids, timeout=timeout, under=under):
            yield

    office.database.locks.hold = merge_first  # type: ignore[method-assign, assignment]
    order = {"enrollment_id": "e-young", "contact_id": young}
    first, second = office.send(**order), office.send(**order)

    wait = NOON + timedelta(seconds=1)
    assert first == Deferred(until=wait, reason="contact_merged")
    assert isinstance(second, Sent)
    assert held == [(young,), tuple(sorted((young, office.contact_id)))]
