"""`flows new`: what it writes runs as it is, from whatever event; else it writes nothing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sekvens.commands import new_flow
from sekvens.commands.flows import _known
from sekvens.commands.new_flow_source import Draft, flow_source
from sekvens.commands.new_flow_texts import sources
from sekvens.events.schema import CONTACT_SUPPRESSED, KNOWN_EVENTS, UNSUBSCRIBED
from sekvens.flows.steps import Purpose
from sekvens.flows.validate import SHOPPING, Known, validate

ROOT = Path(__file__).resolve().parents[2]

COPIED = ("sekvens", "workflows", "activities", "tests", "pyproject.toml", "starter.py")
STORY = "tests/scenarios/stories/after-a-parcel-all-the-way"


def drafts() -> list[Draft]:
    return [
        Draft(name="after-it", trigger=trigger, purpose=purpose)
        for trigger in sorted(KNOWN_EVENTS - {UNSUBSCRIBED, CONTACT_SUPPRESSED})
        for purpose in Purpose
        if purpose is Purpose.MARKETING or trigger not in SHOPPING
    ]


@pytest.fixture(scope="module")
def known() -> Known:
    """What is known outside flows, the e-mails of a draft included."""
    known = _known()
    names = {f"after-it/{step}" for purpose in Purpose for step in sources(purpose, "en")}
    templates = {locale: there | names for locale, there in known.templates.items()}
    return Known(
        events=known.events, templates=templates, offers=known.offers, locales=known.locales
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of this checkout in which a flow may be written."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*", "histories")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
    run(folder, "starter.py", "flows", "new", "after-a-parcel", "--trigger", "order_delivered")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Run Python in a copy; tell what it printed."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("SEKVENS_")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environ | {"UPDATE_TRACES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("draft", drafts(), ids=lambda draft: f"{draft.trigger} {draft.purpose}")
def test_a_flow_from_any_event_is_without_fault_and_sends_both_its_e_mails(draft: Draft, known):
    flow = new_flow._built(flow_source(draft), draft)
    _, trace = new_flow._story(flow)

    assert [str(fault) for fault in validate(flow, known)] == []
    assert all(f"{step}: sent" in trace for step in draft.steps)
    assert trace.endswith("left: completed\n")


def test_what_was_written_is_valid_explained_and_previewed_without_an_edit(copy: Path):
    assert "no faults" in run(copy, "starter.py", "flows", "validate")
    assert "order delivered" in run(copy, "starter.py", "flows", "explain", "after-a-parcel")
    for locale, greeting in (("sv", "Hej Astrid!"), ("en", "Hello Hannah,")):
        for step in ("anything-unclear", "who-is-writing"):
            said = run(copy, "starter.py", "preview", f"after-a-parcel/{step}", "--locale", locale)
            assert greeting in said


def test_the_first_story_and_the_golden_files_pass_without_an_edit(copy: Path):
    trace = (copy / f"{STORY}.trace").read_text()
    chosen = "after-a-parcel and (pure or survives or golden)"
    tests = ("tests/scenarios/test_stories.py", "tests/unit/test_flows_explain.py")
    said = run(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", chosen, *tests)

    assert "4 passed" in said
    assert (copy / f"{STORY}.trace").read_text() == trace


def test_the_e_mails_written_keep_the_rules_of_every_e_mail(copy: Path):
    said = run(
        copy,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "after-a-parcel"),
        "tests/unit/test_every_email.py",
    )

    assert " passed" in said


def test_what_was_written_is_in_the_house_style(copy: Path):
    written = ["sekvens/flows/catalogue", *copy.glob("tests/scenarios/*.py")]

    run(copy, "-m", "ruff", "check", "--quiet", *map(str, written))
    run(copy, "-m", "ruff", "format", "--check", "--quiet", *map(str, written))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["After-x"], "small letters, digits and single hyphens"),
        (["a--b"], "small letters, digits and single hyphens"),
        (["morning"], "no word that Python or the catalogue knows"),
        (["class"], "no word that Python or the catalogue knows"),
        (["welcome"], "the catalogue has a flow 'welcome'"),
        (["x", "--trigger", "Produkt Viewed"], "Did you mean 'Product Viewed'?"),
        (["x", "--trigger", "zzz"], "docs/reference/events.md lists them"),
        (["x", "--purpose", "transactional"], "'Product Viewed' is shopping"),
        (["x", "--trigger", "unsubscribed"], "nobody may be written to"),
    ],
)
def test_what_cannot_be_written_gets_a_sentence_and_writes_nothing(arguments, said, monkeypatch):
    from click.testing import CliRunner

    from starter import main

    monkeypatch.setattr(Path, "write_text", None)  # nothing may be written into this checkout

    result = CliRunner().invoke(main, ["flows", "new", *arguments])

    assert (result.exit_code, said in result.output) == (2, True), result.output


def test_a_file_that_is_there_is_never_overwritten(copy: Path):
    (copy / "sekvens/flows/catalogue/mine.py").write_text("MINE = 1\n")
    before = (copy / "sekvens/flows/catalogue/__init__.py").read_text()

    done = subprocess.run(
        [sys.executable, "starter.py", "flows", "new", "mine"],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, "mine.py is there already" in done.stderr) == (2, True), done.stderr
    assert (copy / "sekvens/flows/catalogue/mine.py").read_text() == "MINE = 1\n"
    assert (copy / "sekvens/flows/catalogue/__init__.py").read_text() == before
