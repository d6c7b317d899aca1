"""`monday` and `staff write-to` on the command line, and the activity; on the local SES."""

import shutil
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from temporalio.exceptions import ApplicationError

from activities.monday import MondayActivities
from sekvens.db.session import Database
from sekvens.errors import SesThrottled
from sekvens.ses.local import LocalSes, LocalSesOptions, running_local_ses
from sekvens.staff.monday.wire import MondayInput, MondayResult
from starter import main
from tests.unit.mondays import ADDRESS, Office, subscriber
from tests.unit.staffing import PASSWORD, quick_scrypt  # noqa: F401  a fixture

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{shutil.copy(sqlite_file, tmp_path / 'own.db')}"
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setenv("SEKVENS_SENDING__PRODUCTION", "true")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments), input=f"{PASSWORD}\n{PASSWORD}\n")

    return invoke


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSes]:
    with running_local_ses(tmp_path / "ses", LocalSesOptions(rate=1000)) as local:
        monkeypatch.setenv("SEKVENS_SES__ENDPOINT_URL", local.url)
        yield local


def test_it_is_shown_sent_to_the_local_ses_and_not_sent_again(run: Run, local: LocalSes):
    added = run("staff", "add", "doris", "--email", ADDRESS, "--language", "en", "--monday")
    shown = run("monday", "--to", "doris", "--show")
    sent, again = run("monday"), run("monday", "--to", "doris")
    (message,) = local.messages()
    mail = BytesParser(policy=SMTP).parsebytes(message.raw)
    text, html = (part.get_content() for part in mail.iter_parts())

    assert added.exit_code == 0
    assert "The discounts\n-------------" in shown.output
    assert (sent.output, again.output) == ("1 sent\n", "1 sent before\n")
    assert (mail["To"], mail["Subject"]) == (ADDRESS, shown.output.splitlines()[0])
    assert text.replace("\r\n", "\n").strip() in shown.output
    assert "<style" in html
    assert "/staff/board" in html


def test_who_gets_it_is_said_and_changed(run: Run):
    run("staff", "add", "doris")
    refused = run("staff", "write-to", "doris", "--monday")
    given = run("staff", "write-to", "doris", "--email", ADDRESS, "--monday")
    listed = run("staff", "list").output
    taken = run("staff", "write-to", "doris", "--no-monday")

    assert (refused.exit_code, "has no address yet" in refused.output) == (2, True)
    assert given.output == "doris gets the Monday mail\n"
    assert ADDRESS in listed
    assert taken.output == "doris gets no Monday mail\n"
    assert run("monday").output == "nobody gets it\n"


def test_an_account_without_an_address_or_none_at_all_is_refused(run: Run):
    run("staff", "add", "doris")
    without, nobody = run("monday", "--to", "doris"), run("monday", "--to", "bengt")

    assert (without.exit_code, nobody.exit_code) == (2, 2)
    assert "has no address" in without.output
    assert "there is no account 'bengt'" in nobody.output


def test_what_is_held_is_handed_back_to_temporal_and_what_is_sent_is_not(sqlite_database: Database):
    subscriber(sqlite_database)
    subscriber(sqlite_database, "maja", email="maja@shop.example")
    office = Office(sqlite_database)
    office.ses.faults.append(SesThrottled("x"))
    activities = MondayActivities(office.post)
    with pytest.raises(ApplicationError, match="1 sent, 1 held") as held:
        activities.send_monday_mails(MondayInput())

    assert not held.value.non_retryable
    assert activities.send_monday_mails(MondayInput()) == MondayResult(sent=1, sent_before=1)
