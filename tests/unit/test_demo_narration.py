"""The demo's live report: each thing once, oldest first, and only what was committed."""

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from sekvens.contacts.tables import Contact
from sekvens.demo.narration import Narrator
from sekvens.demo.report import Report
from sekvens.enrollments.tables import Enrollment, EnrollmentState
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
def narrator(sqlite_database) -> Narrator:
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
    return Narrator(sqlite_database, shop_now=lambda: NOON + timedelta(days=1))


def test_everything_is_told_once_and_oldest_first(narrator):
    assert [happening.kind for happening in narrator.news()] == ["entered", "sent"]
    assert narrator.news() == []


def test_who_leaves_early_is_told_and_counted(narrator, sqlite_database):
    narrator.news()
    with sqlite_database.write() as session:
        enrollment = session.get_one(Enrollment, "e-1")
        enrollment.state = EnrollmentState.ENDED
        enrollment.exit_reason = ExitReason.CONVERTED
        enrollment.ended_at = NOON + timedelta(days=2)

    (left,) = narrator.news()
    assert left.text == "ordered, and leaves"
    assert narrator.tally().left_early == 1


def test_who_had_all_of_it_did_not_leave_early(narrator, sqlite_database):
    with sqlite_database.write() as session:
        enrollment = session.get_one(Enrollment, "e-1")
        enrollment.state, enrollment.exit_reason = EnrollmentState.ENDED, ExitReason.COMPLETED

    assert narrator.tally().left_early == 0


def test_the_report_says_the_shops_day_and_when_the_first_e_mail_came(narrator):
    out = StringIO()
    report = Report(Console(file=out, width=200), opened_at=NOON, ready_at=NOON)

    report.tell(narrator)

    assert "day   0.0  Elsa      welcome           enters  c-1" in out.getvalue()
    assert "in the inbox 3600.0 s after the services were up" in out.getvalue()
