"""`content list` and `content pull`: what is owed to the files, and what is done about it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.db.session import Database
from sekvens.edits import examining, pulling
from starter import main
from tests.unit.editing import NAME, Repository

Run = Callable[..., Result]


@pytest.fixture
def repository(
    sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Repository:
    """A checkout in which one text was edited on the dashboard, and published there."""
    monkeypatch.setattr(examining, "compose_all_foreign", lambda *_, **__: [])
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(sqlite_database.engine.url))
    repository = Repository(sqlite_database, tmp_path)
    for name in ("look", "pull"):
        here = partial(getattr(pulling, name), content=repository.content)
        monkeypatch.setattr(pulling, name, here)
    repository.publish()
    repository.save(repository.edited("Vi ses."))
    repository.publish_edit()
    return repository


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["content", *arguments])


def test_the_list_tells_what_is_owed_and_by_whom(repository: Repository):
    repository.save(repository.edited("See you.", "en"), "en", author="elsa")
    said = run("list").output

    assert "referral-thanks v2: not in its file yet" in " ".join(said.split())
    assert "a warmer word" in " ".join(said.split())
    assert "elsa" in said
    assert "not published" in said


def test_a_pull_writes_the_file_and_says_which_number_to_set(repository: Repository):
    wanted = repository.edited("Vi ses.")
    checked, pulled, again = run("pull", "--check"), run("pull"), run("pull", "--check")

    assert (checked.exit_code, pulled.exit_code, again.exit_code) == (1, 0, 0)
    assert "+Vi ses." in checked.output
    assert f"{NAME}.sv: written." in pulled.output
    assert "live as referral-thanks v2" in pulled.output
    assert repository.file().read_text(encoding="utf-8") == wanted


def test_a_conflict_is_shown_and_ends_with_1_until_somebody_decides(repository: Repository):
    theirs = repository.edited("Hej då.")
    repository.file().write_text(theirs, encoding="utf-8")
    refused = run("pull")
    kept = repository.file().read_text(encoding="utf-8")
    taken = run("pull", NAME, "--take", "repository")

    assert (refused.exit_code, taken.exit_code) == (1, 0)
    assert "-Hej då." in refused.output
    assert "+Vi ses." in refused.output
    assert "--take dashboard" in refused.output
    assert kept == theirs
    assert "owed no more" in taken.output
    assert "The files have everything" in run("pull").output


def test_an_e_mail_that_is_none_is_refused(repository: Repository):
    said = run("pull", "welcome/nothing")

    assert said.exit_code == 2
    assert "no e-mail 'welcome/nothing'. The e-mails of welcome are" in said.output
