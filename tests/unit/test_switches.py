"""Switches: what is held waits, is looked at now and then, and leaves in its turn afterwards."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.db.session import Database
from sekvens.errors import OutcomeUnknown
from sekvens.flows.outcomes import Deferred, InDoubt, Outcome, Sent, Skipped, SkipReason
from sekvens.messages.tables import MessageState
from sekvens.ses.testing import TakenThen
from sekvens.switches import turning
from sekvens.switches.pace import SPREAD_MAX, SPREAD_MIN, next_look
from sekvens.switches.tables import EVERYTHING, SwitchState
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice, mixed

HOUR = timedelta(hours=1)
STOPPED, PAUSED = SwitchState.STOPPED, SwitchState.PAUSED
stretches = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=40))
ids = st.text("abcdefgh234567", min_size=16, max_size=16).map("e-{}".format)


@pytest.fixture
def office(database: Database) -> PostOffice:
    return PostOffice(database, flow=mixed())


def turn(office: PostOffice, name: str, state: SwitchState = STOPPED) -> None:
    with office.database.write() as session:
        turning.turn(session, name, state, by="maja", note=None, now=office.clock.now())


def resume(office: PostOffice, name: str) -> None:
    with office.database.write() as session:
        assert turning.end(session, name, by="bengt", now=office.clock.now())


def reason_of(outcome: Outcome) -> str | None:
    return outcome.reason if isinstance(outcome, Deferred) else None


@pytest.mark.parametrize("name", [EVERYTHING, "letters"])
def test_a_stop_holds_order_mail_too_and_a_pause_lets_it_go(office: PostOffice, name: str) -> None:
    turn(office, name)
    stopped = [reason_of(office.send(step)) for step in ("hello", "receipt")]
    turn(office, name, PAUSED)
    paused = reason_of(office.send("hello"))
    receipt = office.send("receipt")

    assert (stopped, paused) == (["stopped", "stopped"], "paused")
    assert isinstance(receipt, Sent)
    assert office.ses.calls == 1


def test_a_switch_of_another_flow_holds_nothing(office: PostOffice) -> None:
    turn(office, "other-letters")

    assert isinstance(office.send(), Sent)


def test_after_the_resumption_it_leaves_at_its_next_look(office: PostOffice) -> None:
    turn(office, "letters")
    held = office.send()
    office.later(timedelta(seconds=1))
    resume(office, "letters")

    assert isinstance(held, Deferred)
    assert NOON < held.until <= NOON + SPREAD_MIN
    assert office.message().state == MessageState.PENDING
    assert isinstance(office.send(now=held.until), Sent)


def test_what_has_become_stale_while_it_was_held_is_skipped(office: PostOffice) -> None:
    turn(office, EVERYTHING)
    held = office.send(lateness_seconds_max=3600)
    outcome = office.send(lateness_seconds_max=3600, now=NOON + 2 * HOUR)

    assert reason_of(held) == "stopped"
    assert isinstance(outcome, Skipped)
    assert outcome.reason == SkipReason.STALE


def test_a_message_in_doubt_is_not_sent_again_while_it_is_stopped(office: PostOffice) -> None:
    office.ses.faults.append(TakenThen(OutcomeUnknown()))
    doubt = office.send("receipt")
    turn(office, EVERYTHING)
    office.later(3 * HOUR)

    outcome = office.send("receipt", now=NOON + 3 * HOUR)

    assert isinstance(doubt, InDoubt)
    assert reason_of(outcome) == "stopped"
    assert office.message("receipt").state == MessageState.DISPATCHING
    assert office.ses.calls == 1


def test_a_stop_between_the_two_looks_is_seen_by_the_second(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = office.sender._envelope.fill

    def stop_and_fill(*given: object) -> object:
        turn(office, "letters")
        return fill(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(office.sender._envelope, "fill", stop_and_fill)

    assert reason_of(office.send()) == "stopped"
    assert (office.message().state, office.ses.calls) == (MessageState.PENDING, 0)


def test_whoever_turned_a_switch_stays_on_record(office: PostOffice) -> None:
    turn(office, "letters", PAUSED)
    office.later(HOUR)
    turn(office, "letters", PAUSED)
    resume(office, "letters")
    turn(office, "letters")

    with office.database.read() as session:
        [now] = turning.standing(session)
        assert turning.last_ended(session, "letters") == NOON + HOUR
    assert (now.state, now.since, now.by) == (STOPPED, NOON + HOUR, "maja")


def test_a_flow_that_is_held_lets_nobody_wait_for_it(database: Database) -> None:
    office = PostOffice(database, marketing_per_day=1, priority=("first", "letters"))
    later = NOON + HOUR
    office.enroll("e-first", office.contact_id, flow="first", next_send_at=later)
    waits = office.send()
    turn(office, "first", PAUSED)

    assert reason_of(waits) == "priority"
    assert isinstance(office.send(), Sent)


@given(enrollment_id=ids, held_for=stretches)
def test_a_held_message_is_looked_at_within_as_long_again_and_within_an_hour(
    enrollment_id: str, held_for: timedelta
) -> None:
    now = NOON + held_for
    wait = next_look(enrollment_id, since=NOON, now=now) - now

    assert timedelta(0) < wait <= min(max(2 * held_for, SPREAD_MIN), SPREAD_MAX)


def looks_until(end: datetime, enrollment_id: str) -> list[datetime]:
    looks = [NOON]
    while looks[-1] < end:
        looks.append(next_look(enrollment_id, since=NOON, now=looks[-1]))
    return looks


@given(enrollment_id=ids)
def test_six_hours_of_being_held_cost_a_bounded_number_of_looks(enrollment_id: str) -> None:
    assert len(looks_until(NOON + 6 * HOUR, enrollment_id)) <= 16


@pytest.mark.parametrize("minutes", [3, 40, 600])
def test_what_a_pause_has_held_back_leaves_evenly_spread(minutes: int) -> None:
    resumed_at = NOON + timedelta(minutes=minutes)
    nexts = [looks_until(resumed_at, f"e-{number}")[-1] for number in range(4000)]
    spread = max(nexts) - resumed_at
    tenths = [int(10 * (at - resumed_at) / (spread * 1.0001)) for at in nexts]

    assert spread >= min(timedelta(minutes=minutes), SPREAD_MAX) * 0.9
    assert max(tenths.count(tenth) for tenth in range(10)) < 4000 / 10 * 2.6
