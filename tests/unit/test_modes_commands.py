"""`flows mode` and `approve`: what operators type, what it says, and what it refuses."""

from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from sekvens.db.session import Database
from sekvens.enrollments.publish import publish
from sekvens.flows.outcomes import Deferred, Sent, Skipped
from starter import main
from tests.unit.sending import ADDRESS, PostOffice, letters, mixed


@pytest.fixture
def office(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> PostOffice:
    url = sqlite_database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    monkeypatch.setenv("SEKVENS_API__LINK_SECRET", "s" * 32)
    return PostOffice(sqlite_database, flow=mixed())


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=answer)


def wait_for_a_person(office: PostOffice, count: int = 2) -> None:
    assert run("flows", "mode", "letters", "manual").exit_code == 0
    for number in range(count):
        office.enroll(f"e-{number + 2}", office.contact_id)
        office.send(enrollment_id=f"e-{number + 2}")


def test_a_mode_is_set_said_listed_and_taken_back(office: PostOffice) -> None:
    made = run(
        "flows", "mode", "letters", "hello", "draft", "--note", "wrong [price]", "--by", "maja"
    )
    status = run("status").output
    back = run("flows", "mode", "letters", "hello", "as-written")

    assert "letters is live; hello draft." in made.output
    assert all(said in status for said in ("Modes", "letters", "hello", "wrong [price]", "maja"))
    assert "letters is live." in back.output
    assert isinstance(office.send(), Sent)


def test_a_draft_flow_says_what_becomes_of_those_under_way(office: PostOffice) -> None:
    said = run("flows", "mode", "letters", "draft").output

    assert "letters is draft." in said
    assert "1 enrollments are under way: whatever e-mail they come to is passed over" in said
    assert isinstance(office.send(), Skipped)


def test_manual_order_mail_is_a_word_of_caution(office: PostOffice) -> None:
    assert (
        "Mind: letters/receipt is transactional and manual"
        in run("flows", "mode", "letters", "manual").stderr
    )


NO_MODES = {
    "letters hello more draft": "give one FLOW",
    "letters loud": "'loud' is not one of",
    "nobody draft": "no flow 'nobody' is published; there are letters",
    "letters nowhere draft": "those with a mode are hello, receipt",
    "letters a-night draft": "a-night only leads to other steps",
    "draft": "Missing argument",
}


def test_a_mode_of_nothing_is_refused(office: PostOffice) -> None:
    with office.database.write() as session:  # somebody may be under way in any version
        now = office.clock.now()
        publish(session, letters(version=2), now=now, store_templates=office.store_templates)

    for given, said in NO_MODES.items():
        result = run("flows", "mode", *given.split())
        assert (result.exit_code, said in result.output) == (2, True), result.output
    assert isinstance(office.send(), Sent)


def test_what_waits_is_listed_looked_at_and_approved(office: PostOffice) -> None:
    wait_for_a_person(office)
    listed = run("approve").output
    named = run("approve", "letters", "--dry-run").output
    shown = run("approve", "--show", office_message(office)).output
    approved = run("approve", "letters", "hello", "--yes", "--by", "bengt").output

    assert all(said in listed for said in ("letters", "hello", "letters/hello", " 2 ", "2026-03-"))
    assert "2 messages wait for you to approve them" in named
    assert ("Hej du." in shown, ADDRESS in shown, office.contact_id in shown) == (True, False, True)
    assert "2 messages are approved; 20 a second go to the gate" in approved
    assert isinstance(office.send(enrollment_id="e-2"), Sent)
    assert "No message waits" in run("approve").output


def office_message(office: PostOffice) -> str:
    return run("approve", "letters", "--dry-run").output.split("m-")[1].split()[0].join(["m-", ""])


def test_nobody_is_approved_without_a_yes(office: PostOffice) -> None:
    wait_for_a_person(office)
    refused = run("approve", "--all", answer="n\n")
    outcome = office.send(enrollment_id="e-2")
    asked = run("approve", "--contact", "u", "--limit", "1", answer="y\n")

    assert (refused.exit_code, isinstance(outcome, Deferred)) == (1, True)
    assert "Approve 1 messages?" in asked.output
    assert "1 messages are approved" in asked.output


def test_a_rejection_says_so(office: PostOffice) -> None:
    wait_for_a_person(office, 1)
    said = run("approve", "letters", "--reject", "--yes", "--note", "wrong price").output
    outcome = office.send(enrollment_id="e-2")

    assert "1 messages are rejected." in said
    assert isinstance(outcome, Skipped)
    assert outcome.reason == "not_approved"


def test_a_mode_made_live_lets_go_what_waits(office: PostOffice) -> None:
    wait_for_a_person(office, 3)
    receipt = run("flows", "mode", "letters", "receipt", "manual").output
    said = run("flows", "mode", "letters", "live", "--a-second", "1").output
    due = [office.enrollment(f"e-{number}").due_at for number in (2, 3, 4)]

    assert "are looked at again" not in receipt
    assert "3 messages that waited are looked at again, 1 a second" in said
    assert [(at or office.clock.now()) - (due[0] or office.clock.now()) for at in due] == [
        timedelta(seconds=number) for number in range(3)
    ]


NO_APPROVALS = {
    "--yes": "say which messages",
    "letters --all": "not both",
    "--show m-nothing": "no message 'm-nothing'",
    "--contact nobody": "no contact is known as 'nobody'",
    "nobody": "no flow 'nobody' is published; there are letters",
    "letters --limit 0": "0 is not in the range",
}


def test_an_approval_of_nothing_is_refused(office: PostOffice) -> None:
    assert office.contact_id

    for given, said in NO_APPROVALS.items():
        result = run("approve", *given.split())
        assert (result.exit_code, said in result.output) == (2, True), result.output
