"""`experiments`: what a marketer asks for, and what is said, no more surely than it is known."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sekvens.clock import FrozenClock, SystemClock
from sekvens.commands import enrollments
from sekvens.db.session import Database
from sekvens.enrollments.enroll import EntryRefusal
from sekvens.experiments.plan import of_flow
from starter import main
from tests.unit.experimenting import NAME, WITHIN, Laboratory, halves, with_experiment
from tests.unit.relaying import World

Run = Callable[..., Result]
HOUR = timedelta(hours=1)


@pytest.fixture
def laboratory(sqlite_database: Database) -> Laboratory:
    """What happens in a test happened a fortnight ago, but for what the command line does."""
    clock = FrozenClock(SystemClock().now() - timedelta(days=14))
    World(sqlite_database, clock, with_experiment())
    return Laboratory(sqlite_database, clock)


@pytest.fixture
def run(laboratory: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("SEKVENS_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SEKVENS_DATABASE__URL", str(laboratory.database.engine.url))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["experiments", *arguments])

    return run


def test_nobody_is_told_more_than_the_planned_looks_have_shown(laboratory: Laboratory, run: Run):
    groups = laboratory.many(150)
    laboratory.order(*halves(groups, plain=0.2, loud=0.25), after=HOUR)
    before = run("show", NAME).output
    laboratory.clock.move(WITHIN)
    laboratory.looker().look()
    after = run("show", NAME).output

    assert "0 of 4 looks: not yet known" in before
    assert "The next look is due when 100 contacts count; 150 do." in before
    assert "The next look is due when 200 contacts count; 150 do." in after
    assert f"plain: {len(groups['plain'])} of {len(groups['plain'])} drawn" in before
    assert "points" not in before
    assert "1 of 4 looks: not yet known" in after
    assert "who order: not yet known, between -" in after
    assert "points (this decides)" in after
    assert "revenue: not yet known: too few have ordered" in after
    assert "To read them changes nothing." in after


def test_a_winner_is_told_and_adopted_by_hand(laboratory: Laboratory, run: Run):
    groups = laboratory.many(220)
    laboratory.order(*halves(groups, plain=0.1, loud=0.5), after=HOUR)
    laboratory.clock.move(WITHIN)
    refused = run("adopt", NAME, "loud")
    laboratory.looker().look()
    listed, adopted = run("list").output, run("adopt", NAME, "loud")
    shown = run("show", NAME).output

    assert (refused.exit_code, "--anyway" in refused.output) == (2, True)
    assert "loud is better" in listed
    assert adopted.output == f"{NAME}: whoever has not drawn gets loud from now on\n"
    assert "2 of 4 looks: loud is better" in shown
    assert "loud since" in shown


def test_a_holdout_tells_what_it_brought_and_how_to_read_that(laboratory: Laboratory, run: Run):
    groups = laboratory.many(300, by=of_flow(with_experiment(holdout=0.4)))
    laboratory.order(*groups["holdout"][:22], *groups["treated"][:120], after=HOUR)
    said, listed = run("show", "cart").output, run("list").output
    stopped = run("stop", "cart")

    assert "contacts who were not held out, because of it:" in said
    assert "  orders: +" in said
    assert "holdout 40 %, treated 60 %; what contacts do within 5 days" in said
    assert "it is never decided" in said
    assert "this decides" not in said
    assert "right 19 times in 20, if it is read once" in said
    assert "who click" not in said
    assert "see `experiments show`" in listed
    assert stopped.output.startswith("cart is stopped: whoever has not drawn gets treated")


def test_a_plan_says_how_many_and_how_long_or_that_nothing_is_known(run: Run):
    said = run("plan", "cart", "--lift", "20", "--measure", "clicks")

    assert said.exit_code == 0
    today, known = said.output.splitlines()
    assert today.startswith("Today: 0.0 new contacts a day enter cart; of 0 whose time is over")
    assert known == "Nothing is known of clicks yet: wait until some of them have."


def test_every_reason_for_which_a_contact_does_not_enter_has_its_words():
    assert set(enrollments._WHY_NOT) == {*EntryRefusal}


def test_an_experiment_that_nobody_came_to_is_said_to_be_none(run: Run):
    refused = run("show", "cart/other")

    assert refused.exit_code == 2
    assert "nobody has come to an experiment 'cart/other'" in refused.output
