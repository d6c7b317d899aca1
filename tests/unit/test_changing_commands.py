"""`flows diff`, `publish`, `history`, `moves`, `undo`: what a change does to whom, said before."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import SystemClock
from sekvens.commands.resources import open_database, publish_flows
from sekvens.contacts.tables import Contact
from sekvens.enrollments.tables import Enrollment
from sekvens.flows import catalogue
from sekvens.flows.builder import days, send, split, wait
from sekvens.flows.catalogue.welcome import WELCOME
from sekvens.flows.changes import ahead, changes
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.steps import Send, Wait
from starter import main
from tests.unit.relaying import cart_flow
from tests.unit.test_moving import version

Run = Callable[..., Result]

#: Two days are one, and the letters after it come closer.
QUICKER = replace(
    WELCOME,
    version=WELCOME.version + 1,
    steps=tuple(
        replace(step, duration=timedelta(hours=2), until=None)
        if isinstance(step, Wait) and step.id == "until-day-two"
        else step
        for step in WELCOME.steps
    ),
)


@pytest.fixture
def run(tmp_path, monkeypatch) -> Run:
    """Run the command line in an empty folder, on a database in which welcome is published."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    assert run("migrate").exit_code == 0
    with open_database() as database:
        publish_flows(database, SystemClock(), flows=[WELCOME])
    return run


def write(monkeypatch: pytest.MonkeyPatch, welcome: Flow) -> None:
    """Let the catalogue have this version of welcome."""
    others = (each for each in catalogue.CATALOGUE if each.name != "welcome")
    monkeypatch.setattr(catalogue, "CATALOGUE", (welcome, *others))


@pytest.fixture
def quicker(monkeypatch) -> None:
    write(monkeypatch, QUICKER)


def stand(step: str, *, hours_left: float, count: int = 1, version: int = WELCOME.version) -> None:
    """Let contacts stand at a step, so long before their next e-mail."""
    now = SystemClock().now()
    with open_database() as database, database.write() as session:
        for number in range(count):
            name = f"{step}-{hours_left}-{number}"
            session.add(Contact(id=f"c-{name}", created_at=now, updated_at=now))
            session.flush()
            session.add(
                Enrollment(
                    id=f"e-{name}",
                    flow="welcome",
                    flow_version=version,
                    contact_id=f"c-{name}",
                    workflow_id=f"welcome/c-{name}",
                    step_id=step,
                    next_send_at=now + timedelta(hours=hours_left),
                    started_at=now,
                )
            )


def test_diff_says_in_words_what_changed(run: Run, quicker: None):
    said = run("flows", "diff").stdout

    assert f"welcome: v{WELCOME.version} is published, v{QUICKER.version} is written" in said
    assert "- until-day-two waits 2 hours; it waits " in said


def test_diff_tells_for_each_step_how_many_stand_there_and_when_they_hear_next(
    run: Run, quicker: None
):
    stand("until-day-two", hours_left=1, count=3)
    stand("until-day-two", hours_left=35)
    stand("until-day-four", hours_left=5, count=4)
    [found] = json.loads(run("flows", "diff", "welcome", "--json").stdout)
    [affected] = [each for each in found["standing"] if each["changes"]]
    expected = affected["expected"]

    assert (affected["step"], affected["enrollments"]) == ("until-day-two", 4)
    assert expected["finish_old"] == expected["move_at_next_step"]
    assert expected["finish_old"]["at_once"] == 0
    assert expected["recompute_waits"]["at_once"] == 3
    shift = compile_flow(WELCOME).until_next_send("until-day-two") - timedelta(hours=2)  # type: ignore[operator]
    assert moment(expected["finish_old"]["latest"]) - shift == moment(
        expected["recompute_waits"]["latest"]
    )
    assert "4 more are under way, and nothing ahead of them changes." in run("flows", "diff").stdout


def moment(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


def test_diff_says_that_times_are_estimates(run: Run, quicker: None):
    stand("until-day-two", hours_left=35)
    said = run("flows", "diff", "welcome").stdout

    assert "about " in said
    assert "These times are estimates" in said


def test_diff_names_the_steps_that_need_a_successor(run: Run, monkeypatch):
    stand("until-day-two", hours_left=35)
    shorter = replace(QUICKER, steps=tuple(s for s in QUICKER.steps if s.id != "until-day-two"))
    write(monkeypatch, shorter)
    said = run("flows", "diff", "welcome").stdout

    assert "until-day-two is taken away; nobody says where to go on from there" in said
    assert "to move people, name where they go on from until-day-two" in said


def test_an_edited_e_mail_is_named_and_asks_for_a_version(run: Run, monkeypatch):
    nothing = run("flows", "diff", "welcome").stdout
    monkeypatch.setattr("sekvens.messages.templates.FORMAT", 2)
    said = run("flows", "diff", "welcome").stdout

    assert nothing == "Nothing differs from what is published.\n"
    assert "the e-mail of hello is edited" in said
    assert f"Set version={WELCOME.version + 1} in the flow's file" in said


def test_publish_writes_down_policy_author_and_note_and_undo_takes_it_back(run: Run, quicker: None):
    options = ("--policy", "recompute_waits", "--note", "two days are enough", "--author", "kim")
    dry = run("flows", "publish", "welcome", *options, "--dry-run").stdout
    before = run("flows", "history", "welcome").stdout
    published = run("flows", "publish", "welcome", *options).stdout
    undone = run("flows", "undo", "welcome", "--note", "they were not").stdout
    after = run("flows", "history").stdout

    assert dry.endswith("Nothing is published.\n")
    assert "recompute_waits" not in before
    assert published == f"welcome v{QUICKER.version} is published\n"
    assert re.search(r"recompute_waits +0 +kim +two days are enough", after)
    assert f"v{QUICKER.version + 1}, live" in after
    assert f"undoes v{QUICKER.version}, they were not" in after
    assert f"set version={QUICKER.version + 1}" in undone


def test_a_dry_run_of_undo_says_what_comes_back_for_whom_and_undoes_nothing(
    run: Run, quicker: None
):
    run("flows", "publish", "welcome", "--policy", "recompute_waits")
    stand("until-day-two", hours_left=1, version=QUICKER.version)
    before = run("flows", "history", "welcome").stdout
    said = run("flows", "undo", "welcome", "--dry-run").stdout

    live, after = QUICKER.version, QUICKER.version + 1
    assert f"v{live - 1} of welcome would be published again as v{after}, and v{live}" in said
    assert "- until-day-two waits " in said
    assert "is edited" not in said
    assert re.search(rf"v{live} +until-day-two +1 ", said)
    assert "recompute_waits" in said
    assert "finish_old" not in said
    assert said.endswith("Nothing is undone.\n")
    assert run("flows", "history", "welcome").stdout == before


def test_a_move_that_is_under_way_is_told_of_the_contact_and_of_everybody(run: Run, quicker: None):
    stand("until-day-two", hours_left=1, count=2)
    before = run("status").stdout, run("show", "c-until-day-two-1-0").stdout
    run("flows", "publish", "welcome", "--policy", "move_at_next_step")
    status, shown = run("status").stdout, run("show", "c-until-day-two-1-0").stdout

    assert not any("moved to" in said for said in before)
    assert (
        f"2 enrollments are still to be moved to welcome v{QUICKER.version}: starter.py" in status
    )
    assert f"is to be moved to v{QUICKER.version}" in " ".join(shown.split())


def test_moves_tells_how_many_are_still_to_be_moved(run: Run, quicker: None):
    before = run("flows", "moves").stdout
    stand("until-day-two", hours_left=1, count=2)
    run("flows", "publish", "welcome", "--policy", "move_at_next_step")
    said = run("flows", "moves", "welcome").stdout

    assert before == "No version moves anybody.\n"
    assert said.split("move_at_next_step")[1].split()[:3] == ["2", "0", "0"]


# In words


def words(old: Flow, new: Flow, **given: Any) -> list[str]:
    successors = given.pop("successors", {})
    return [
        change.text
        for change in changes(
            compile_flow(old), compile_flow(new), given.pop("edited", ()), successors
        )
    ]


HELLO, PAUSE, BYE = send("hello"), wait("pause", days(2)), send("bye")
LETTERS = version([HELLO, PAUSE, BYE], 1).flow


def letters(*steps: Any, **given: Any) -> Flow:
    return version(list(steps), 2, **given).flow


def test_what_was_added_taken_away_changed_and_moved_is_said():
    assert words(LETTERS, letters(HELLO, PAUSE, send("more"), BYE)) == [
        "more is added after pause: sends more"
    ]
    assert words(LETTERS, letters(HELLO, BYE), successors={"pause": "bye"}) == [
        "pause is taken away; from there it goes on at bye"
    ]
    assert words(LETTERS, letters(HELLO, BYE), successors={"pause": None}) == [
        "pause is taken away; it ends there"
    ]
    assert words(LETTERS, letters(HELLO, wait("pause", days(1)), BYE)) == [
        "pause waits 1 day; it waits 2 days before"
    ]
    assert words(LETTERS, letters(PAUSE, HELLO, BYE)) in (
        ["pause comes first now"],
        ["hello comes after pause now"],
    )
    assert words(LETTERS, letters(HELLO, replace(PAUSE), BYE), edited=["letters/bye"]) == [
        "the e-mail of bye is edited"
    ]


def test_a_step_that_goes_into_a_branch_has_moved():
    inside = letters(HELLO, PAUSE, split("who", otherwise=[BYE]))

    assert "bye comes first in branch 1 of who now" in words(LETTERS, inside)


def test_rules_are_compared_in_the_words_in_which_they_are_explained():
    said = words(cart_flow(), cart_flow(exit_when=[]))

    assert said == ["who leaves early: no longer when they order: converted"]


def test_what_lies_ahead_is_every_way_on_from_a_step():
    graph = compile_flow(letters(HELLO, split("who", otherwise=[PAUSE]), BYE))

    assert ahead(graph, "who") == {"who", "pause", "bye"}
    assert ahead(graph, None) == set()
    assert [each.id for each in graph.steps.values() if isinstance(each, Send)] == ["hello", "bye"]


@pytest.mark.parametrize("command", ["history", "moves", "steps"])
def test_a_flow_that_nobody_published_is_said_to_be_none(run: Run, command: str):
    asked = run("flows", command, "welcom")

    assert (asked.exit_code, asked.output.strip()) == (
        2,
        "Error: no flow 'welcom' is published; there are welcome",
    )
