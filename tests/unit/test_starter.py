"""The command line: every command has help and is in the reference; bad input gets a sentence."""

import os
import re
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from temporalio.service import RPCError, RPCStatusCode

from sekvens.commands.program import sentence_for
from sekvens.commands.settings import set_value
from sekvens.commands.tables import printable
from sekvens.errors import SettingsError, TemplateError, TemporalUnavailable
from sekvens.settings import SAMPLE_SHOP, load_settings
from starter import main

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference" / "command-line.md"
BEGIN, END = "<!-- generated: begin -->\n", "<!-- generated: end -->\n"


def walk(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, groups included."""
    yield path, command
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from walk(inner, f"{path} {name}")


COMMANDS = dict(walk(main, "starter.py"))


def help_of(path: str) -> str:
    # The commands' own settings: a command keeps the help option of whoever asked first.
    settings = {"terminal_width": 88, **main.context_settings}
    context = click.Context(COMMANDS[path], info_name=path, **settings)
    return COMMANDS[path].get_help(context)


def generated() -> str:
    sections = [f"## `{path}`\n\n```\n{help_of(path)}\n```\n" for path in COMMANDS]
    return BEGIN + "\n".join(["", *sections, ""]) + END


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SEKVENS_", "TEMPORAL_")):
            monkeypatch.delenv(name)

    def run(*arguments: str, **given: object) -> Result:
        return CliRunner().invoke(main, arguments, **given)

    return run


@pytest.fixture
def migrated(run) -> None:
    assert run("migrate").exit_code == 0


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help_with_an_example(path):
    said = help_of(path)

    assert f"Example: {path.split(' --')[0]}" in said or path in ("starter.py", "starter.py flows")
    assert "Example: starter.py" in said


def test_the_reference_is_what_the_commands_say():
    page = REFERENCE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    expected = before + generated() + rest.partition(END)[2]
    if os.environ.get("UPDATE_DOCS"):
        REFERENCE.write_text(expected, encoding="utf-8")

    assert page == expected, "run: UPDATE_DOCS=1 pytest tests/unit/test_starter.py"


def test_help_imports_none_of_the_large_libraries():
    code = (
        "import sys, starter\n"
        "large = {'sqlalchemy', 'temporalio', 'boto3', 'fastapi', 'rich', 'jinja2', 'msgspec'}\n"
        "print(sorted(large & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["flows", "explain", "welcom"], "it has double-opt-in, welcome, browse-abandonment"),
        (["preview", "welcome/nothing"], "no e-mail 'welcome/nothing'. The e-mails of welcome are"),
        (
            ["preview", "nothing/hello"],
            "these flows have e-mails: back-in-stock, birthday",
        ),
        (
            ["preview", "--all", "welcome/hello"],
            "--all and --watch show every e-mail: leave",
        ),
        (["preview", "welcome/hello", "--locale", "de"], "the shop writes in sv, en"),
        (["preview"], "or give --all or --watch. It is `<flow>/<step>`"),
        (["preview", "welcome"], "welcome/hello"),
        (["signal", "welcome/c-1", "rtry"], "there is no signal 'rtry': give purchase"),
        (["signal", "welcome/c-1", ""], "there is no signal ''"),
        (["signal", "welcome/c-1", "events"], "there is no signal 'events'"),
        (["preview", "welcome/hello", "--html", "no/such/folder.html"], "no/such/folder.html"),
        (["preview", "welcome/hello", "--send-to", "nobody"], "no address"),
        (["preview", "welcome/hello", "--send-to", "me@gmail.com"], "allow-list"),
        (["demo", "--day", "0"], "0.0 is not in the range"),
        (["demo", "--api-port", "99999"], "99999 is not in the range"),
        (["nonsense"], "No such command"),
    ],
)
def test_bad_input_gets_a_sentence_and_exit_code_2(run, arguments, said):
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


IMPORTS = (["products", "import"], ["reviews", "import"], ["offers", "import", "welcome"])


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("command", IMPORTS, ids=" ".join)
@pytest.mark.parametrize("content", ["", "two words\n" * 3, "x" * 200_000, "<!doctype html>\n"])
def test_a_file_that_holds_nothing_of_use_is_refused(run, command, content):
    Path("file").write_text(content, encoding="utf-8")
    result = run(*command, "file")

    assert result.exit_code == 2, result.output
    assert "Error: " in result.output
    assert "Traceback" not in result.output


@pytest.mark.usefixtures("migrated")
def test_codes_are_imported_by_a_process_that_has_imported_nothing_else(tmp_path):
    codes = tmp_path / "codes.txt"
    codes.write_text("DORIS-A\n", encoding="utf-8")
    command = [sys.executable, ROOT / "starter.py", "offers", "import", "welcome", codes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert "1 row: 1 codes added" in done.stdout, done.stderr


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["show", "nobody"], "no contact is known as 'nobody'"),
        (["enroll", "nothing", "nobody"], "no flow 'nothing' is published"),
        (
            ["audiences", "scan", "nothing"],
            "nobody can be found for 'nothing': it is not published",
        ),
        (["offers", "redeemed", "nothing"], "the settings have no offer 'nothing'; there are"),
        (["signal", "nobody", "purchase"], "no contact is known as 'nobody'"),
    ],
)
def test_a_name_that_nobody_has_gets_a_sentence_and_exit_code_2(run, arguments, said):
    result = run(*arguments)

    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_settings_that_cannot_be_used_get_a_sentence(run, monkeypatch):
    monkeypatch.setenv("SEKVENS_API__PORT", "many")

    result = run("migrate")

    assert result.exit_code == 2
    assert "api.port" in result.output


def test_a_database_that_is_not_there_gets_a_sentence_and_exit_code_1(run, monkeypatch):
    monkeypatch.setenv("SEKVENS_DATABASE__URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")

    result = run("show", "somebody")

    assert result.exit_code == 1
    assert "database.url" in result.output
    assert "Traceback" not in result.output


def test_a_database_without_tables_says_migrate(run):
    result = run("show", "somebody")

    assert result.exit_code == 1
    assert "starter.py migrate" in result.output


def test_a_temporal_that_is_not_there_gets_a_sentence_and_exit_code_1(run, monkeypatch):
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")

    result = run("signal", "welcome/c-1", "purchase")

    assert result.exit_code == 1
    assert "TEMPORAL_ADDRESS" in result.output


def test_an_ses_that_is_not_there_gets_a_sentence_and_exit_code_1(run, monkeypatch):
    monkeypatch.setenv("SEKVENS_SES__ENDPOINT_URL", "http://127.0.0.1:1")

    result = run("preview", "welcome/hello", "--send-to", "me@example.com")

    assert result.exit_code == 1
    assert "ses.endpoint_url" in result.output
    assert "Traceback" not in result.output


def test_a_profile_of_temporal_that_is_not_there_gets_a_sentence(run, monkeypatch):
    monkeypatch.setenv("TEMPORAL_PROFILE", "nobodys")

    result = run("signal", "welcome/c-1", "purchase")

    assert (result.exit_code, "'nobodys' not found" in result.output) == (2, True), result.output


def test_a_signal_that_finds_nobody_lets_the_sdk_settle_before_it_ends(run, monkeypatch):
    class Nobody:
        def get_workflow_handle(self, _workflow_id):
            return self

        async def signal(self, *_given: object):
            raise RPCError("workflow not found", RPCStatusCode.NOT_FOUND, b"")

    async def connect():
        return Nobody()

    monkeypatch.setattr("sekvens.plugin.connect", connect)
    monkeypatch.setattr("sekvens.plugin.SETTLE_SECONDS", 0.3)
    began = time.monotonic()

    assert run("signal", "welcome/c-1", "retry").exit_code == 2
    assert time.monotonic() - began >= 0.3


def test_what_temporal_refuses_is_not_called_no_answer():
    no_answer = RPCError("down", RPCStatusCode.UNAVAILABLE, b"")
    refusal = RPCError("Namespace x is not found.", RPCStatusCode.NOT_FOUND, b"")

    assert "does not answer" in sentence_for(no_answer)[0]
    assert "Namespace x is not found." in sentence_for(refusal)[0]


def test_a_port_of_the_api_that_is_taken_gets_a_sentence_and_exit_code_2(run, monkeypatch):
    monkeypatch.setenv("SEKVENS_API__LINK_SECRET", "s" * 32)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("SEKVENS_API__PORT", str(taken.getsockname()[1]))
        result = run("api")

    assert (result.exit_code, "api.port" in result.output) == (2, True), result.output


def test_debug_shows_the_traceback(run):
    result = run("--debug", "flows", "explain", "nothing")

    assert "Traceback" in result.output


def test_a_fault_of_our_own_is_no_sentence_about_somebody_else():
    assert sentence_for(KeyError("x")) is None
    assert sentence_for(SettingsError("s")) == ("s", 2)
    assert sentence_for(TemporalUnavailable("t")) == ("t", 1)


def test_migrating_twice_is_harmless(run):
    assert run("migrate").exit_code == 0
    assert run("migrate").exit_code == 0


def test_the_catalogue_is_valid_and_can_be_published_twice(run, migrated):
    assert "no faults" in run("flows", "validate").output
    assert run("flows", "publish").exit_code == 0
    assert run("flows", "publish").exit_code == 0
    assert "v1" in run("flows", "list").output


@pytest.mark.parametrize("command", ["validate", "publish"])
@pytest.mark.usefixtures("migrated")
def test_an_e_mail_that_cannot_be_made_is_not_published(run, monkeypatch, command):
    def broken(name, locale, _settings):
        raise TemplateError(f"{name}.{locale}.md, line 20: unexpected end")

    monkeypatch.setattr("sekvens.commands.preview.compose_sample", broken)
    result = run("flows", command)

    assert (result.exit_code, "welcome/hello.en.md, line 20" in result.output) == (2, True)
    assert "is published" not in result.output


def test_a_flow_is_explained_in_words_and_drawn(run):
    assert "version 3" in run("flows", "explain", "welcome").output
    assert run("flows", "explain", "welcome", "--mermaid").output.startswith("flowchart")


def test_a_preview_is_printed_as_text_with_its_subject(run):
    result = run("preview", "welcome/hello", "--locale", "en")

    assert result.output.startswith("Subject: ")
    assert "Hannah" in result.output


def test_every_e_mail_can_be_looked_at_on_one_page(run, tmp_path):
    result = run("preview", "--all", "--out", "look/emails.html")

    assert result.exit_code == 0, result.output
    assert "Välkommen in. Guiden ligger på bordet" in (tmp_path / "look/emails.html").read_text()


def test_a_seasons_variant_can_be_looked_at_on_any_day(run):
    plain = run("preview", "cart-abandonment/your-cart-misses-you")
    variant = run("preview", "cart-abandonment/your-cart-misses-you", "--season", "black-week")
    unknown = run("preview", "welcome/hello", "--season", "easter")

    assert plain.output != variant.output
    assert "they know black-week" in unknown.output


def test_init_writes_settings_and_secrets_that_can_be_read(run, tmp_path):
    result = run("init", "--defaults")

    assert result.exit_code == 0, result.output
    assert load_settings({"SEKVENS_SETTINGS": "sekvens.toml"}).shop.name == "Hallgrens Ylle"
    secrets = (tmp_path / "var" / "secrets.env").read_text()
    assert re.search(r"^export SEKVENS_API__LINK_SECRET='.{32,}'$", secrets, re.MULTILINE)
    assert (tmp_path / "var" / "secrets.env").stat().st_mode & 0o077 == 0


def test_init_overwrites_nothing_unless_it_is_told_to(run):
    run("init", "--defaults")

    assert run("init", "--defaults").exit_code == 2
    assert run("init", "--defaults", "--force").exit_code == 0


def test_init_keeps_the_secret_that_sent_links_were_signed_with(run, tmp_path):
    run("init", "--defaults")
    before = (tmp_path / "var" / "secrets.env").read_text()

    done = run("init", "--defaults", "--force")

    assert done.exit_code == 0, done.output
    assert "stays as it is" in done.output
    assert (tmp_path / "var" / "secrets.env").read_text() == before


def test_a_service_that_could_sign_no_link_does_not_start(run, monkeypatch):
    monkeypatch.delenv("SEKVENS_API__LINK_SECRET", raising=False)

    done = run("api")

    assert done.exit_code == 2
    assert "SEKVENS_API__LINK_SECRET" in done.output


def test_init_asks_for_the_brand_facts_and_again_when_an_answer_is_none(run):
    answers = ["Ull & Co", "", "", "", "soon", "1999", "", "Nowhere/Land", *[""] * 10]
    result = run("init", input="\n".join([*answers, ""]))

    shop = load_settings({"SEKVENS_SETTINGS": "sekvens.toml"}).shop
    assert result.exit_code == 0, result.output
    assert (shop.name, shop.founded, shop.legal_name) == ("Ull & Co", 1999, "Hallgrens Ylle AB")
    assert shop.timezone == "Europe/Stockholm"


def test_what_would_steer_the_terminal_is_not_printed():
    assert printable("Bo \x1b[31mÅ") == "Bo �[31mÅ"


def test_setting_a_value_changes_that_value_and_nothing_else():
    text = SAMPLE_SHOP.read_text(encoding="utf-8")

    changed = set_value(text, "shop", "name", 'Ull "och" så')

    before, after = tomllib.loads(text), tomllib.loads(changed)
    before["shop"]["name"] = 'Ull "och" så'
    assert before == after
