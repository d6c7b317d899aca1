"""What operators see of feedback: how much of it, what to look at, and what became of a message."""

import re

import pytest
from click.testing import CliRunner

from sekvens.db.session import Database
from starter import main
from tests.unit.hearing import HearingOffice
from tests.unit.sending import ADDRESS
from tests.unit.ses_records import bounce, delivery
from tests.unit.test_feedback_consequences import hears


@pytest.fixture
def office(database: Database, monkeypatch: pytest.MonkeyPatch) -> HearingOffice:
    url = database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setattr("sekvens.commands.status.REPORTED_DAYS", 36_500)
    monkeypatch.setenv("COLUMNS", "250")
    return HearingOffice(database)


def said(*words: str) -> str:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_status_counts_reports_and_names_what_somebody_must_look_at(office: HearingOffice) -> None:
    ids = [office.sends_another(tells=False) for _ in range(4)]
    hears(office, delivery(), ids[0])
    hears(office, bounce(said="smtp; 550 5.7.515 Access denied"), ids[1])
    hears(office, {"event_type": "Tomorrows", "recipient": ADDRESS}, ids[2])
    hears(office, bounce(), ids[3])
    status = said("status")

    assert "days: 1 bounced, 1 delivered, 1 failed, 1 unknown" in status
    words = " ".join(re.findall(r"[^\s│]+", status))
    assert "failed Bounce 5.7.515 1 " in words
    assert "unknown Tomorrows - 1 " in words


def test_status_says_that_nothing_was_reported(office: HearingOffice) -> None:
    assert "days: nothing" in said("status")


def test_show_says_what_became_of_a_message(office: HearingOffice) -> None:
    office.send()
    hears(office, bounce())

    shown = said("show", "u")
    assert "accepted, bounced" in shown
    assert "suppressed: bounce" in shown
