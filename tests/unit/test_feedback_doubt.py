"""A message in doubt, settled by SES's own events: the matrix of decisions, and every race."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.enrollments.wire import SendInput
from sekvens.errors import OutcomeUnknown, SesThrottled
from sekvens.feedback.evidence import Judgement
from sekvens.flows.outcomes import InDoubt, Outcome, Sent, Skipped, SkipReason
from sekvens.messages.envelope import Sealed
from sekvens.messages.tables import Message, MessageState
from tests.unit.hearing import GRACE, RESEND, SECOND, SILENCE, HearingOffice
from tests.unit.ingesting import NOON

STEPS = {"marketing": "hello", "transactional": "receipt"}
ARRIVED, NOT_SENT = "arrived", "sent again"
UNKNOWN, HELD, WAITS = "outcome unknown", "held", "waits"
LIVE = GRACE + 5 * SECOND


@pytest.fixture
def office(database: Database) -> HearingOffice:
    office = HearingOffice(database)
    office.later(-SECOND)
    office.sends_another()
    office.later(SECOND)
    return office


def result_of(outcome: Outcome, message: Message) -> str:
    if isinstance(outcome, Sent):
        return ARRIVED if message.settled_by == "event" else NOT_SENT
    if isinstance(outcome, Skipped):
        assert outcome.reason == SkipReason.OUTCOME_UNKNOWN
        return UNKNOWN
    assert isinstance(outcome, InDoubt)
    return HELD


@pytest.mark.parametrize("purpose", STEPS)
@pytest.mark.parametrize(
    ("own_event", "others_event", "expected"),
    [
        # own event; age at which another message was accepted and told of; what follows
        (True, None, {"marketing": ARRIVED, "transactional": ARRIVED}),
        (True, LIVE, {"marketing": ARRIVED, "transactional": ARRIVED}),
        (False, LIVE, {"marketing": NOT_SENT, "transactional": NOT_SENT}),
        (False, GRACE - SECOND, {"marketing": UNKNOWN, "transactional": HELD}),
        (False, SECOND, {"marketing": UNKNOWN, "transactional": HELD}),
        (False, None, {"marketing": UNKNOWN, "transactional": HELD}),
    ],
)
def test_the_matrix_of_decisions(
    office: HearingOffice,
    purpose: str,
    own_event: bool,  # noqa: FBT001
    others_event: timedelta | None,
    expected: dict[str, str],
) -> None:
    message = office.dies(STEPS[purpose], taken=own_event)
    if own_event:
        office.tells(message.id)
    if others_event is not None:
        office.later(others_event)
        office.sends_another()
        office.poller.poll_once()
    if others_event != LIVE:
        office.at(STEPS[purpose], GRACE)  # a probe leaves, of which nobody tells
    outcome = office.at(STEPS[purpose], GRACE + SILENCE)

    row = office.message(STEPS[purpose])
    assert result_of(outcome, row) == expected[purpose]
    assert office.calls_for(row) == (expected[purpose] in (ARRIVED, NOT_SENT))
    assert row.resent_in_doubt == (expected[purpose] == NOT_SENT)


def test_an_event_settles_the_message_and_the_enrollment_goes_on(office: HearingOffice) -> None:
    message = office.dies(taken=True)
    office.tells(message.id, at=NOON + SECOND, ses_message_id="0110-abc")
    settled = office.message()
    outcome = office.send()

    assert (settled.state, settled.settled_by) == (MessageState.ACCEPTED, "event")
    assert (settled.ses_message_id, settled.accepted_at) == ("0110-abc", NOON)
    assert settled.sent_on == NOON  # or the frequency cap would not count it
    assert isinstance(outcome, Sent)
    assert (office.enrollment().step_id, office.calls_for(message)) == ("receipt", 1)


def test_a_message_in_doubt_is_looked_at_soon_and_then_ever_less_often(
    office: HearingOffice,
) -> None:
    office.dies(taken=False)
    waits = []
    while (age := office.clock.now() - NOON) < GRACE:
        outcome = office.send()
        assert isinstance(outcome, InDoubt)
        waits.append((outcome.until - NOON).total_seconds())
        office.later(timedelta(seconds=waits[-1]))

    assert waits == [30, 30, 60, 120, 240, 480, 840]
    assert age == GRACE


def test_an_event_that_comes_after_the_message_was_given_up_corrects_the_ledger(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    message = office.dies(taken=True)
    office.at("hello", GRACE)
    given_up = office.at("hello", GRACE + SILENCE)
    office.tells(message.id, at=NOON)

    row = office.message()
    assert given_up == Skipped(reason=SkipReason.OUTCOME_UNKNOWN)
    assert (row.state, row.settled_by) == (MessageState.ACCEPTED, "late_event")
    assert (row.skip_reason, row.note) == (None, "was given up: outcome_unknown")
    assert office.calls_for(row) == 1
    assert "message_corrected" in [getattr(each, "action", "") for each in caplog.records]


def test_order_mail_in_a_silent_stream_is_held_with_an_alarm_and_sent_again_flagged(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    office.dies("receipt", taken=True)
    office.at("receipt", GRACE)
    held = office.at("receipt", GRACE + SILENCE)
    alarms = [getattr(each, "action", "") for each in caplog.records]
    still = office.at("receipt", RESEND - SECOND)
    again = office.at("receipt", RESEND)

    row = office.message("receipt")
    assert held == InDoubt(until=NOON + timedelta(minutes=10))
    assert "message_held" in alarms
    assert still == InDoubt(until=NOON + SECOND)
    assert isinstance(again, Sent)
    assert (row.resent_in_doubt, row.settled_by, office.calls_for(row)) == (True, "time", 2)


def test_on_a_quiet_day_one_probe_proves_the_stream_and_the_message_is_sent_again(
    office: HearingOffice,
) -> None:
    message = office.dies(taken=False)
    first, second = office.at("hello", GRACE), office.at("hello", GRACE + 10 * SECOND)
    (probe,) = office.probes()
    sent = [taken for taken in office.ses.accepted if taken.tags["message_id"] == probe.id]
    office.tells(probe.id)
    office.poller.poll_once()
    again = office.at("hello", GRACE + 60 * SECOND)

    assert first == second == InDoubt(until=NOON + 60 * SECOND)
    assert [taken.recipient for taken in sent] == ["success@simulator.amazonses.com"]
    assert sent[0].tags["probe"] == "yes"
    assert isinstance(again, Sent)
    row = office.message()
    assert (row.settled_by, row.resent_in_doubt) == ("live_stream", True)
    assert office.calls_for(message) == 1


def test_a_probe_that_is_lost_is_followed_by_another_and_the_rate_is_bounded(
    office: HearingOffice,
) -> None:
    office.dies("receipt", taken=False)
    for seconds in range(0, 3600, 20):
        office.at("receipt", GRACE + seconds * SECOND)

    assert len(office.probes()) == 7  # one in nine minutes, while none is answered
    assert sum("probe" in taken.tags for taken in office.ses.accepted) == 7


@pytest.mark.parametrize("purpose", STEPS)
def test_while_ses_takes_nothing_its_silence_proves_nothing(
    office: HearingOffice, purpose: str
) -> None:
    step_id = STEPS[purpose]
    office.ses.faults.extend([OutcomeUnknown()] * 40)
    office.send(step_id)
    for minutes in range(30, 110, 5):
        outcome = office.at(step_id, timedelta(minutes=minutes))
        assert isinstance(outcome, InDoubt), minutes
    office.ses.faults.clear()
    office.at(step_id, timedelta(minutes=110))
    office.tells(office.probes()[-1].id)
    office.poller.poll_once()
    again, row = office.at(step_id, timedelta(minutes=115)), office.message(step_id)

    assert isinstance(again, Sent)
    assert (row.settled_by, row.attempts, office.calls_for(row)) == ("live_stream", 2, 1)


def test_who_looks_for_the_first_time_after_hours_gives_nothing_up_unheard(
    office: HearingOffice,
) -> None:
    office.dies(taken=False)

    assert isinstance(office.at("hello", GRACE + SILENCE + timedelta(hours=3)), InDoubt)
    office.tells(office.probes()[-1].id)
    office.poller.poll_once()
    assert isinstance(office.send(), Sent)


def test_a_stream_that_nobody_read_was_not_silent(office: HearingOffice) -> None:
    message = office.dies(taken=False)
    office.at("hello", GRACE)
    (probe,) = office.probes()
    office.puts(probe.id)  # and then every worker is dead for hours
    office.later(timedelta(hours=3))
    office.sender = office.another_sender()
    first = office.send()
    office.poller.poll_once()
    office.poller.poll_once()

    assert isinstance(first, InDoubt)
    assert isinstance(office.send(), Sent)
    assert (office.message().settled_by, office.calls_for(message)) == ("live_stream", 1)


def test_marketing_in_doubt_waits_for_ses_no_longer_than_it_is_of_use(
    office: HearingOffice,
) -> None:
    office.dies(taken=False)
    office.ses.faults.extend([OutcomeUnknown()] * 10)
    limit = {"lateness_seconds_max": 7200.0}
    office.later(timedelta(hours=1))
    waits = office.send(now=office.clock.now(), **limit)
    office.later(timedelta(hours=2))
    over = office.send(now=office.clock.now(), **limit)

    assert isinstance(waits, InDoubt)
    assert isinstance(over, Skipped)
    assert over.reason == SkipReason.OUTCOME_UNKNOWN


def test_probes_that_are_answered_leave_at_a_bounded_rate(office: HearingOffice) -> None:
    office.dies("receipt", taken=False)
    office.later(GRACE)
    for _ in range(12):
        if office.evidence._prober.probe():
            office.tells(office.probes()[-1].id)
        office.later(10 * SECOND)

    assert len(office.probes()) == 2


def test_a_probe_that_ses_refuses_is_not_waited_for(office: HearingOffice) -> None:
    office.dies(taken=False)
    office.ses.faults.append(SesThrottled())
    office.at("hello", GRACE)
    office.at("hello", GRACE + 10 * SECOND)
    office.at("hello", GRACE + 60 * SECOND)

    assert [probe.sent_at is None for probe in office.probes()] in ([False, True], [True, False])


def test_many_who_ask_at_once_send_one_probe(office: HearingOffice) -> None:
    office.dies(taken=False)
    office.later(GRACE)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(lambda _: office.send(), range(8)))

    assert all(isinstance(outcome, InDoubt) for outcome in outcomes)
    assert len(office.probes()) == 1


def proven_not_sent(office: HearingOffice) -> Message:
    """Bring a message to where the very next look sends it again."""
    message = office.dies(taken=False)
    office.later(LIVE)
    office.sends_another()
    office.poller.poll_once()
    return message


def test_many_who_know_it_was_not_sent_send_it_once(office: HearingOffice) -> None:
    message = proven_not_sent(office)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: office.send(), range(8)))

    assert office.calls_for(message) == 1
    assert office.message().state == MessageState.ACCEPTED


def test_an_event_between_the_proof_and_the_claim_is_in_time(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, weigh = proven_not_sent(office), office.evidence.weigh

    def weigh_then_hear(of: Message) -> Judgement:
        judgement = weigh(of)
        office.tells(message.id, at=NOON)
        return judgement

    monkeypatch.setattr(office.evidence, "weigh", weigh_then_hear)
    outcome = office.send()

    assert isinstance(outcome, InDoubt)
    assert isinstance(office.send(), Sent)
    assert (office.calls_for(message), office.message().settled_by) == (0, "event")


def test_an_event_while_the_e_mail_is_made_again_is_in_time(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, envelope = proven_not_sent(office), office.sender._envelope
    fill = envelope.fill

    def fill_and_hear(order: SendInput, message_id: str, recipient: str) -> Sealed:
        office.tells(message.id, at=NOON)
        return fill(order, message_id, recipient)

    monkeypatch.setattr(envelope, "fill", fill_and_hear)
    outcome, row = office.send(), office.message()

    assert isinstance(outcome, InDoubt)
    assert (row.state, row.attempts) == (MessageState.ACCEPTED, 1)
    assert office.calls_for(message) == 0


def test_an_event_between_the_claim_and_the_call_is_in_time(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, hold = proven_not_sent(office), office.database.locks.hold

    @contextmanager
    def hold_then_hear(*contact_ids: str, **how: timedelta) -> Iterator[None]:
        with hold(*contact_ids, **how):
            office.tells(message.id, at=NOON)
            yield

    monkeypatch.setattr(office.database.locks, "hold", hold_then_hear)
    outcome = office.send()
    in_the_queue = len(office.queue)
    office.later(timedelta(minutes=1))
    office.queue.show_again()
    office.poller.poll_once()

    assert isinstance(outcome, InDoubt)
    assert office.calls_for(message) == 0
    assert in_the_queue == 1  # the barrier must see it in dispatch until the sender has let go
    assert (office.message().state, len(office.queue)) == (MessageState.ACCEPTED, 0)


def test_a_sender_that_finds_the_event_needs_no_poller_to_settle_it(
    office: HearingOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    message, hold = proven_not_sent(office), office.database.locks.hold

    @contextmanager
    def hold_then_hear(*contact_ids: str, **how: timedelta) -> Iterator[None]:
        with hold(*contact_ids, **how):
            office.tells(message.id, at=NOON)
            yield

    monkeypatch.setattr(office.database.locks, "hold", hold_then_hear)
    office.send()
    outcome = office.send()

    row = office.message()
    assert isinstance(outcome, Sent)
    assert (row.state, row.settled_by, office.calls_for(row)) == ("accepted", "event", 0)
    assert office.enrollment().step_id == "receipt"


def test_an_event_may_overtake_our_own_commit_and_that_is_no_doubt(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    office.ses.during = lambda message_id: office.tells(message_id, ses_message_id="0110-x")
    outcome = office.send()

    row = office.message()
    assert isinstance(outcome, Sent)
    assert (row.state, row.ses_message_id) == (
        MessageState.ACCEPTED,
        office.ses.accepted[-1].ses_message_id,
    )
    assert office.enrollment().step_id == "receipt"


def test_an_event_that_overtakes_a_lost_answer_leaves_no_doubt(office: HearingOffice) -> None:
    office.ses.during = office.tells
    office.ses.faults.append(OutcomeUnknown())
    outcome = office.send()

    assert outcome == InDoubt(until=NOON + 30 * SECOND)
    assert isinstance(office.send(), Sent)
    assert office.ses.calls == 2  # the other's and ours


def test_a_message_accepted_twice_is_flagged_and_told(
    office: HearingOffice, caplog: pytest.LogCaptureFixture
) -> None:
    message = office.dies("receipt", taken=True)
    office.at("receipt", RESEND)
    office.tells(message.id, at=NOON, ses_message_id="0110-a")
    office.tells(message.id, ses_message_id="0110-b")

    told = [each for each in caplog.records if getattr(each, "action", "") == "message_sent_twice"]
    assert office.message("receipt").resent_in_doubt
    assert [each.flagged for each in told] == [True]  # type: ignore[attr-defined]


@pytest.mark.parametrize("flaw", ["a stranger's", "its own", "from the future", "no event before"])
def test_what_proves_nothing(database: Database, flaw: str) -> None:
    office = HearingOffice(database)
    if flaw != "no event before":
        office.later(-SECOND)
        office.sends_another()
        office.later(SECOND)
    message = office.dies(taken=False)
    if flaw == "from the future":
        office.later(SECOND)
        office.tells(office.sends_another(tells=False), at=NOON + LIVE)
    office.later(NOON + LIVE - office.clock.now())
    if flaw == "a stranger's":
        office.tells("m-of-another-installation")
    if flaw == "its own":
        office.tells(message.id)
    if flaw == "no event before":
        office.sends_another()
    office.poller.poll_once()

    assert office.evidence.weigh(message) is Judgement.UNDECIDED


@pytest.mark.parametrize("flaw", ["nobody reads", "a full batch", "old ones are still coming"])
def test_a_queue_that_is_not_read_to_its_end_proves_nothing(
    office: HearingOffice, flaw: str
) -> None:
    message = office.dies(taken=True)
    office.later(LIVE)
    if flaw == "a full batch":
        for _ in range(9):
            office.puts(message_id="m-x", event_type="Delivery")
    if flaw == "old ones are still coming":
        office.puts(office.sends_another(tells=False), at=NOON)
    office.sends_another(tells=flaw != "nobody reads")

    assert office.evidence.weigh(message) is Judgement.UNDECIDED
    office.poller.poll_once()
    office.poller.poll_once()
    expected = Judgement.NOT_SENT if flaw != "nobody reads" else Judgement.UNDECIDED
    assert office.evidence.weigh(message) is expected


def test_a_person_skips_what_certainly_was_not_sent(office: HearingOffice) -> None:
    message = proven_not_sent(office)
    outcome = office.send(skip=True)

    assert outcome == Skipped(reason=SkipReason.OPERATOR)
    assert office.calls_for(message) == 0
