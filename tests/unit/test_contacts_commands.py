"""`contacts import` and `contacts suppress` on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from sekvens.notices.tables import ConsentHook
from starter import main
from tests.unit.moving_in import ELSA, KLAVIYO, SUPPRESSED, csv

Run = Callable[..., Result]
PROFILE = "elsa@example.com,01,,Elsa,L,,,,Footer,,SUBSCRIBED,2024-05-06 07:08:09,,"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line on a database of its own, with the sample shop's settings."""
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'sekvens.db'}"
    monkeypatch.setenv("SEKVENS_DATABASE__URL", url)
    database = Database(url)
    metadata.create_all(database.engine)
    database.close()
    return lambda *arguments: CliRunner().invoke(main, [str(one) for one in arguments])


def test_a_csv_is_imported_and_said_what_of_it(run: Run) -> None:
    Path("c.csv").write_text(csv(ELSA, "who,,,,,,", "b@example.com,,,subscribed,,,"))
    foretold = run("contacts", "import", "c.csv", "--dry-run").output
    said = run("contacts", "import", "c.csv").output
    again = run("contacts", "import", "c.csv").output

    assert "what would happen" in foretold
    for line in ("2      contacts are new", "1      have agreed", "without evidence", "1      the"):
        assert line in said
    assert "c.csv has been imported before: nothing is changed" in again
    assert "who" in Path("c.csv.rejected.csv").read_text(encoding="utf-8")
    assert "subscribed" in run("show", "42").output


def test_profiles_are_refused_before_their_suppressions(run: Run) -> None:
    Path("p.csv").write_text(csv(PROFILE, header=KLAVIYO))
    Path("s.csv").write_text(f"{SUPPRESSED}elsa@example.com,Bounced,2024-01-01\n")
    refused = run("contacts", "import", "p.csv", "--from", "klaviyo")
    said = run("contacts", "import", "p.csv", "--from", "klaviyo", "--suppressions", "s.csv").output

    assert refused.exit_code == 2
    assert "--no-suppressions" in refused.output
    assert said.index("1      addresses are suppressed") < said.index("1      contacts are new")
    assert "stay suppressed" in said


def test_suppressions_are_imported_by_themselves(run: Run) -> None:
    Path("s.csv").write_text("email,reason\nelsa@example.com,complaint\nb@example.com,why\n")
    said = run("contacts", "suppress", "s.csv").output

    assert "1      addresses are suppressed" in said
    assert "reason is none of" in said


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        ("name\nElsa\n", []),
        (csv("who,,,,,,"), []),
        (csv(ELSA), ["--map", "email=E-post"]),
        (csv(ELSA), ["--map", "nothing=email"]),
        (csv(ELSA), ["--from", "mailchimp"]),
    ],
)
def test_a_file_that_is_another_is_refused_in_a_sentence(
    run: Run, content: str, arguments: list[str]
) -> None:
    Path("c.csv").write_text(content)
    result = run("contacts", "import", "c.csv", *arguments)

    assert result.exit_code == 2
    assert "Error: " in result.output
    assert "elsa" not in result.output


def test_what_a_dead_hook_has_not_taken_is_said(run: Run, tmp_path: Path) -> None:
    database, now = Database(f"sqlite:///{tmp_path / 'sekvens.db'}"), SystemClock().now()
    with database.write() as session:
        session.add(
            ConsentHook(name="letters", since=now, failing_since=now, problem="it answered 500")
        )
    Path("c.csv").write_text(csv(ELSA))
    run("contacts", "import", "c.csv")
    database.close()
    said = run("status").output

    assert "Changes of consent" in said
    assert "letters" in said
    assert "it answered 500" in said
