"""The demo's live report: each thing once, oldest first, and only what was committed."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from sekvens.clock import FrozenClock
from sekvens.contacts.tables import Contact
from sekvens.demo.narration import COMMITTED_WITHIN, Narrator
from sekvens.demo.report import Report
from sekvens.demo.standing import read_standing
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.messages.tables import Message, MessageState
from tests.conftest import NOON


def message(message_id: str, **given: object) -> Message:
    return Message(
        **{
            "id": message_id,
            "enrollment_id": "e-1",
            "step_id": "hello",
            "contact_id": "c-1",
            "flow": "welcome",
            "flow_version": 1,
            "template": "welcome/hello",
            "template_digest": "d",
            "purpose": "marketing",
            "state": MessageState.ACCEPTED,
            "claimed_at": NOON,
            **given,
        }
    )


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def narrator(sqlite_database, clock) -> Narrator:
    """Elsa entered at noon, and was sent one e-mail an hour later."""
    an_hour_later = NOON + timedelta(hours=1)
    with sqlite_database.write() as session:
        session.add(Contact(id="c-1", first_name="Elsa", created_at=NOON, updated_at=NOON))
        session.flush()
        session.add(
            Enrollment(
                id="e-1",
                flow="welcome",
                flow_version=1,
                contact_id="c-1",
                workflow_id="welcome/c-1",
                state=EnrollmentState.ACTIVE,
                started_at=NOON,
            )
        )
        session.flush()
        session.add(message("m-1", sent_on=an_hour_later, accepted_at=an_hour_later))
    return Narrator(sqlite_database, shop_time=ShopTime(), now=clock.now)


def end(sqlite_database, reason: ExitReason, *, at: datetime = NOON) -> None:
    with sqlite_database.write() as session:
        enrollment = session.get_one(Enrollment, "e-1")
        enrollment.state, enrollment.exit_reason = EnrollmentState.ENDED, reason
        enrollment.ended_at = at


def tell_everything(narrator, sqlite_database, *, width: int = 200) -> str:
    out = StringIO()
    report = Report(
        Console(file=out, width=width),
        opened_at=NOON,
        ready_at=NOON,
        standing=lambda: read_standing(sqlite_database, ["welcome", "winback"]),
    )
    report.tell(narrator.news())
    report.tell_flows(read_standing(sqlite_database, ["welcome", "winback"]))
    report.tell_standing()
    return out.getvalue()


def test_everything_is_told_once_and_oldest_first(narrator):
    assert [happening.kind for happening in narrator.news()] == ["entered", "sent"]
    assert narrator.news() == []


@pytest.mark.parametrize(("width", "told"), [(200, "1 converted"), (80, "1")])
def test_the_table_says_why_where_there_is_room_and_else_how_many(
    narrator, sqlite_database, width, told
):
    end(sqlite_database, ExitReason.CONVERTED)
    lines = tell_everything(narrator, sqlite_database, width=width).splitlines()
    (row,) = [line for line in lines if line.strip().startswith("welcome")]

    assert row.split(maxsplit=5)[5].split("  ")[0].strip() == told
    assert len(row) <= width


def test_who_leaves_early_is_told_and_counted(narrator, sqlite_database):
    narrator.news()
    end(sqlite_database, ExitReason.CONVERTED)

    (left,) = narrator.news()
    assert left.text == "ordered, and leaves"
    assert read_standing(sqlite_database, ["welcome"]).left_early == 1


def test_who_had_all_of_it_did_not_leave_early(sqlite_database, narrator):
    end(sqlite_database, ExitReason.COMPLETED)

    standing = read_standing(sqlite_database, ["welcome"])
    assert (standing.completed, standing.left_early) == (1, 0)


def test_a_look_reads_nothing_that_is_long_over(narrator, clock, sqlite_database):
    end(sqlite_database, ExitReason.COMPLETED)
    assert narrator.news() != []

    clock.move(timedelta(hours=2))
    narrator.news()
    clock.move(COMMITTED_WITHIN + timedelta(seconds=1))

    assert narrator.news() == []
    assert narrator._told == set()  # all that a look has found is remembered until the next


def test_an_e_mail_that_was_held_for_long_is_told_when_it_leaves(narrator, clock, sqlite_database):
    with sqlite_database.write() as session:
        session.add(message("m-2", step_id="who-we-are", state=MessageState.PENDING))
    narrator.news()
    clock.move(timedelta(days=1))
    narrator.news()
    with sqlite_database.write() as session:
        held = session.get_one(Message, "m-2")
        held.state, held.skip_reason = MessageState.SKIPPED, "stale"

    (skipped,) = narrator.news()
    assert skipped.text == "does not get “who-we-are”: stale"


def test_who_is_parked_is_told_once_for_as_long_as_it_lasts(narrator, clock, sqlite_database):
    narrator.news()
    with sqlite_database.write() as session:
        enrollment = session.get_one(Enrollment, "e-1")
        enrollment.state, enrollment.parked_reason = EnrollmentState.PARKED, "template"
    clock.move(timedelta(days=1))

    assert [happening.kind for happening in narrator.news()] == ["parked"]
    clock.move(timedelta(days=1))
    assert narrator.news() == []


def test_the_report_says_the_shops_day_and_when_the_first_e_mail_came(narrator, sqlite_database):
    said = tell_everything(narrator, sqlite_database)

    assert "day   0.0  Elsa      welcome                 enters  c-1" in said
    assert "in the inbox 3600.0 s after the services were up" in said


def test_the_report_says_of_each_flow_who_entered_left_and_was_not_sent_something(
    narrator, sqlite_database
):
    with sqlite_database.write() as session:
        skipped = {"state": MessageState.SKIPPED, "skip_reason": "frequency_cap"}
        session.add(message("m-2", step_id="who-we-are", **skipped))
    end(sqlite_database, ExitReason.CONVERTED)

    lines = tell_everything(narrator, sqlite_database).splitlines()
    (row,) = (line for line in lines if line.strip().startswith("welcome "))
    assert row.split() == ["welcome", "1", "-", "-", "1", "1", "converted", "1", "frequency", "cap"]
    assert any(line.split() == ["winback", "-", "-", "-", "-"] for line in lines)
    assert "So far: 1 enrollments, 0 under way, 0 had all of it, 1 left early" in lines[-1]
