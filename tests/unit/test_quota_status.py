"""What `starter.py status` says of SES's quota."""

from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import CliRunner

from sekvens.db.session import Database
from sekvens.errors import NotSent
from sekvens.quota.asking import QuotaDesk
from sekvens.ses.testing import NO_HINDRANCE
from starter import main
from tests.unit.sending import PostOffice


@pytest.fixture
def office(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    return PostOffice(sqlite_database)


def status() -> str:
    """Run it, in one line: tables and long lines are broken as the terminal wants."""
    return " ".join(CliRunner().invoke(main, ["status"]).output.split())


def test_status_says_what_ses_allows(office: PostOffice) -> None:
    unasked = status()
    office.ses.account = replace(NO_HINDRANCE, day_max=1000.0, sent_last_day=960.0)
    QuotaDesk(database=office.database, account=office.ses, clock=office.clock, share=0.05).ask()
    said = status()

    assert "SES has not been asked what the account may send" in unasked
    assert (
        "SES takes 1000 messages a second; 960 in the last 24 hours, of 1,000 a day, "
        "50 of them kept for order mail (asked 2026-03-04 12:00"
    ) in said
    assert "Marketing waits for room in the day since 2026-03-04 12:00" in said
    assert "has not answered" not in said


def test_status_says_that_the_account_is_paused_and_that_ses_does_not_answer(
    office: PostOffice,
) -> None:
    desk = QuotaDesk(database=office.database, account=office.ses, clock=office.clock, share=0.05)
    office.ses.account = replace(NO_HINDRANCE, sending_enabled=False)
    desk.ask()
    office.later(timedelta(minutes=5))
    office.ses.account = NotSent("away")
    desk.ask()
    said = status()

    assert "without a limit on the day" in said
    assert "SES takes nothing from this account since 2026-03-04 12:00" in said
    assert "SES has not answered since: last asked 2026-03-04 12:05" in said
