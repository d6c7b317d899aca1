"""A story told: on the command line, as a page, and with an exit code when something is broken."""

import json
import re

import pytest
from click.testing import CliRunner, Result

from sekvens.settings import SAMPLE_SHOP, load_settings
from sekvens.simulator import sending
from sekvens.simulator.page import page
from sekvens.simulator.story import Story
from sekvens.simulator.telling import tell
from starter import main
from tests.unit.telling_stories import START, a_stage, somebody


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEKVENS_SETTINGS", str(SAMPLE_SHOP))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["simulate", *arguments])

    return run


def test_a_shipped_story_is_told_with_timelines_counts_and_a_verdict(run):
    told = run("a-busy-week")

    assert told.exit_code == 0, told.output
    assert "anna, Europe/Stockholm" in told.output
    assert re.search(r"day 3 .*left +leaves welcome: converted", told.output)
    assert re.search(r"welcome +hello +3", told.output)
    assert "Nothing happened that never must." in told.output


def test_the_shipped_population_is_told_in_small(run):
    told = run("a-season", "--contacts", "30", "--timelines", "1")

    assert told.exit_code == 0, told.output
    assert told.output.count("contact-1,") == 1
    assert "contact-2," not in told.output
    assert re.search(r"30 contacts, [\d,]+ e-mails\.", told.output)
    assert "The busiest hour is " in told.output


def test_what_never_must_happen_ends_with_1_and_the_smallest_story(run, monkeypatch, tmp_path):
    monkeypatch.setattr(sending, "disturbance", lambda *_: None)

    told = run("a-busy-week", "--timelines", "0")
    smallest = told.output.partition("The smallest story")[2].partition("\n\n")[2]
    (tmp_path / "smallest.toml").write_text(smallest, encoding="utf-8")
    again = run("smallest.toml", "--timelines", "0")

    assert told.exit_code == 1
    assert "days = 45" in smallest
    assert again.exit_code == 1
    assert again.output.partition("The smallest story")[2].partition("\n\n")[2] == smallest


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a story: a file, or a-busy-week or a-season"),
        (["nothing.toml"], "there is no story"),
        (["a-busy-week", "--from-db"], "--from-db needs no STORY"),
    ],
)
def test_what_cannot_be_told_is_said_in_a_sentence(arguments, says, run):
    told = run(*arguments)

    assert told.exit_code == 2
    assert says in told.output


def test_a_story_with_a_fault_is_told_by_file_and_line(run, tmp_path):
    (tmp_path / "mine.toml").write_text('[contacts.a]\ndoes = ["flies"]\n', encoding="utf-8")

    told = run("mine.toml")

    assert told.exit_code == 2
    assert "mine.toml, line 2: “flies” is nothing that a contact does" in told.output


def test_the_page_has_each_e_mail_as_it_would_have_been():
    person = somebody(
        "subscribes", "puts a-hat into the cart on day 1", traits={"firstName": "Wilhelmina"}
    )
    outcome = tell(a_stage(20), [person], timelines=1)
    story = Story(name="a-story", about="<Of one>", starts=START, days=20)

    text = page(story, outcome, load_settings({}).shop, public_url="https://post.shop.example")
    mails = json.loads(re.search(r"const mails = (.*?), pictures = ", text)[1])

    assert len(mails) == outcome.emails == text.count("data-mail=")
    assert all("Wilhelmina" in html for html in list(mails.values())[:1])
    assert "&lt;Of one&gt;" in text
    assert text.count("</script>") == 1
    assert "data:image/" in text
    assert not re.search(r"https?://[^\s\"]*/sample-shop/pictures/", text)
