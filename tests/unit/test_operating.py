"""What operators type: stop, pause, resume, status; and a word to many parked enrollments."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from sekvens.db.session import Database
from sekvens.enrollments import bulk
from sekvens.enrollments.bulk import Answer, Told, tell_parked
from sekvens.enrollments.position import close, park, stand_at
from sekvens.enrollments.queries import messages_waiting, parked
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.temporal import SignalOutcome
from sekvens.errors import (
    LockTimeout,
    OutcomeUnknown,
    SesPaused,
    SesThrottled,
    TemporalRefused,
    TemporalUnavailable,
)
from sekvens.flows.outcomes import Deferred, Parked, Sent, Skipped, SkipReason
from sekvens.messages.tables import Overlap
from sekvens.ses.testing import TakenThen
from sekvens.switches import turning
from sekvens.switches.tables import BREAKER, SwitchState
from starter import main
from tests.unit.ingesting import NOON
from tests.unit.sending import PostOffice

QUICK = 1e6


@pytest.fixture
def office(database: Database, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    return PostOffice(database)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def parked_ones(office: PostOffice, *codes: str) -> Sequence[Enrollment]:
    for number, code in enumerate(codes):
        enrollment_id = f"e-parked-{number}"
        office.enroll(enrollment_id, office.contact_id)
        with office.database.write() as session:
            now = office.clock.now()
            park(session, enrollment_id, f"mend {code}", step_id="hello", code=code, now=now)
        office.later(timedelta(seconds=1))
    with office.database.read() as session:
        return parked(session)


def test_a_stop_holds_and_a_resumption_lets_go(office: PostOffice) -> None:
    stopped = run("stop", "--flow", "letters", "--note", "wrong [price]", "--by", "maja")
    held = office.send()
    status = run("status").output
    resumed = run("resume", "--flow", "letters")

    assert "letters: nothing leaves any more" in stopped.output
    assert isinstance(held, Deferred)
    assert all(said in status for said in ("letters", "stopped", "maja", "wrong [price]"))
    assert (resumed.exit_code, "letters goes on" in resumed.output) == (0, True)
    assert isinstance(office.send(), Sent)


def test_a_pause_of_everything_says_what_it_holds(office: PostOffice) -> None:
    said = run("pause", "--by", "maja").output

    assert "everything: no marketing leaves any more" in said
    assert "starter.py resume\n" in said


def test_what_is_still_held_after_a_resumption_is_said(office: PostOffice) -> None:
    run("stop")
    run("pause", "--flow", "letters")

    assert "Still held: letters." in run("resume").output


def test_the_breakers_hold_ends_by_one_command(office: PostOffice) -> None:
    with office.database.write() as session:
        now = office.clock.now()
        turning.turn(session, BREAKER, SwitchState.PAUSED, by="breaker", note="x", now=now)
    assert "marketing (by the breaker)" in run("status").output

    assert run("resume", "--breaker").exit_code == 0
    assert "Nothing is stopped or paused." in run("status").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["stop", "--flow", "nothing"], "no flow 'nothing' is published; there are letters"),
        (["resume"], "everything is not stopped or paused"),
        (["resume", "--flow", "letters", "--breaker"], "not both"),
        (["retry"], "--flow, --code, or --all"),
        (["skip", "--dry-run"], "--flow, --code, or --all"),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(
    office: PostOffice, arguments: list[str], said: str
) -> None:
    result = run(*arguments)

    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_a_stop_during_which_a_message_keeps_leaving_says_so(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise LockTimeout("messages were still leaving")

    monkeypatch.setattr(turning, "let_senders_pass", never)
    result = run("stop")

    assert (result.exit_code, "still leaving" in result.output) == (1, True)
    assert isinstance(office.send(), Deferred)


def test_status_counts_what_waits(office: PostOffice) -> None:
    parked_ones(office, "template")
    office.ses.faults.append(TakenThen(OutcomeUnknown()))
    office.send()
    with office.database.read() as session:
        at_once = messages_waiting(session, now=NOON)
        later = messages_waiting(session, now=NOON + timedelta(minutes=1))
    status = run("status").output

    assert (at_once.in_doubt, later.in_doubt, later.held) == (0, 1, 0)
    assert "1 enrollments are parked: starter.py parked" in status
    assert "1 messages are in doubt, the oldest since 2026-" in status
    assert "too few to judge (below 1,000)" in status


def test_an_outage_shows_how_many_wait_why_since_when_and_what_it_has_cost(
    office: PostOffice,
) -> None:
    for number in range(2):
        office.enroll(f"e-more-{number}", office.contact_id, step_id="hello")
    for minutes in (0, 1, 2):
        office.ses.faults.append(SesPaused("SES said 400: The account is [suspended]."))
        office.send(now=office.clock.now())
        office.later(timedelta(minutes=2**minutes))
    office.ses.faults.append(SesThrottled("SES said 429: Too fast."))
    office.send(enrollment_id="e-more-0")
    run("stop", "--flow", "letters")
    office.send(enrollment_id="e-more-1", now=office.clock.now())
    status, shown = run("status").output, run("show", office.contact_id).output
    rows = {
        line.split("  ")[1]: line.split() for line in status.splitlines() if "2026-03-04" in line
    }

    assert "3 messages wait\n" in status
    paused = rows["SES said 400: The account is [suspended]."]
    assert paused[-5:] == ["marketing", "1", "2026-03-04", "12:00", "3"]
    assert rows["SES said 429: Too fast."][-5:] == ["marketing", "1", "2026-03-04", "12:07", "1"]
    assert rows["held at the gate: stopped"][-5:] == ["marketing", "1", "2026-03-04", "12:07", "0"]
    # its third attempt was at 12:03, and the wait after that is four minutes
    assert "until 2026-03-04 12:07: SES said 400: The account is [suspended]." in shown


def test_a_skipped_message_shows_what_had_held_it(office: PostOffice) -> None:
    office.ses.faults.append(SesThrottled("SES said 429: Too fast."))
    office.send(lateness_seconds_max=3600)
    office.later(timedelta(hours=3))
    skipped = office.send(lateness_seconds_max=3600, now=office.clock.now())

    assert isinstance(skipped, Skipped)
    assert skipped.reason == SkipReason.STALE
    assert "stale: SES said 429: Too fast." in run("show", office.contact_id).output


def test_an_overlap_is_counted_and_shown_on_its_message(office: PostOffice) -> None:
    office.send()
    before = run("status").output
    with office.database.write() as session:
        session.add(Overlap(message_id=office.message().id, at=NOON))

    said = "messages were still leaving when a fact was acknowledged"
    assert f"0 {said}\n" in before
    assert f"1 {said}, the newest at 2026-03-04" in run("status").output.replace("\n", " ")
    assert "overlapped" in run("show", office.contact_id).output


@pytest.mark.parametrize("ends", ["moves on", "leaves"])
def test_parking_is_on_record_with_its_reason_until_it_is_over(
    office: PostOffice, ends: str
) -> None:
    outcome, row = office.send("your-cart"), office.enrollment()
    with office.database.write() as session:
        if ends == "leaves":
            close(session, "e-1", reason="cancelled", now=NOON)
        else:
            stand_at(session, "e-1", "hello", now=NOON)
    after = office.enrollment()

    assert isinstance(outcome, Parked)
    assert (row.parked_reason, row.parked_code) == (outcome.reason, "template")
    assert row.parked_at == NOON
    assert (after.parked_reason, after.parked_code, after.parked_at) == (None, None, None)


def test_parked_enrollments_are_listed_by_their_reason(office: PostOffice) -> None:
    parked_ones(office, "template", "offer_pool_empty", "template")
    listed, one = run("parked").output, run("parked", "--code", "offer_pool_empty").output

    assert [line.split()[0] for line in listed.splitlines() if "letters  " in line] == ["2", "1"]
    assert "mend template" in listed
    assert "letters/e-parked-1" in one
    assert "letters/e-parked-0" not in one


def test_a_dry_run_tells_nobody(office: PostOffice) -> None:
    parked_ones(office, "template", "offer_pool_empty")

    assert "1 parked enrollments would" in run("retry", "--code", "template", "--dry-run").output


async def tell(office: PostOffice, found: Sequence[Enrollment], signal: object) -> list[Answer]:
    answers = tell_parked(office.database, found, signal, a_second=QUICK)  # type: ignore[arg-type]
    return [answer async for answer in answers]


async def test_a_word_reaches_everybody_once_and_whoever_is_parked_no_longer_is_left_alone(
    office: PostOffice,
) -> None:
    found, told = parked_ones(office, *["template"] * 4), []

    async def signal(workflow_id: str) -> SignalOutcome:
        told.append(workflow_id)
        if len(told) == 1:  # somebody mends another meanwhile
            with office.database.write() as session:
                stand_at(session, "e-parked-2", "hello", now=NOON)
        return SignalOutcome.TAKEN

    answers = await tell(office, found, signal)

    assert told == [f"letters/e-parked-{number}" for number in (0, 1, 3)]
    assert [answer.told for answer in answers].count(Told.LEFT_ALONE) == 1


async def test_one_that_cannot_be_told_keeps_nobody_else_waiting(office: PostOffice) -> None:
    found = parked_ones(office, *["template"] * 3)
    results = iter([TemporalRefused("no"), SignalOutcome.MISSING, SignalOutcome.TAKEN])

    async def signal(_: str) -> SignalOutcome:
        result = next(results)
        if isinstance(result, Exception):
            raise result
        return result

    answers = await tell(office, found, signal)

    assert [answer.why for answer in answers] == ["no", bulk.MISSING, None]


async def test_when_temporal_is_gone_the_rest_are_not_tried(office: PostOffice) -> None:
    found, calls = parked_ones(office, *["template"] * 3), []

    async def signal(workflow_id: str) -> SignalOutcome:
        calls.append(workflow_id)
        raise TemporalUnavailable

    answers = await tell(office, found, signal)

    assert len(calls) == 1
    assert [answer.why for answer in answers[1:]] == [bulk.NOT_TRIED] * 2


async def test_the_pace_is_bounded(office: PostOffice) -> None:
    found = parked_ones(office, *["template"] * 4)
    times: list[float] = []

    async def signal(_: str) -> SignalOutcome:
        times.append(asyncio.get_running_loop().time())
        return SignalOutcome.TAKEN

    began = asyncio.get_running_loop().time()
    [_ async for _ in tell_parked(office.database, found, signal, a_second=20)]

    assert len(times) == 4
    assert times[-1] - began >= 3 / 20 * 0.95
