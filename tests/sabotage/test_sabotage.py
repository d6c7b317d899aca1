"""The tests are tested: each protection that is removed turns its own test red, and no other way.

What is green without a protection does not guard it. Everything happens in copies of the tree.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.chaos.scale import LONG
from tests.chaos.verdicts import PROOF, record
from tests.sabotage import bench
from tests.sabotage.sabotages import QUICK, SABOTAGES, Change, Sabotage

#: `make test` does three of them; `make chaos` and `make prove` all.
DONE = [each for each in SABOTAGES if each.name in QUICK or LONG or os.environ.get(PROOF)]


def in_a_copy(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that runs others in a copy of the tree: no part of `make check`."""
    return pytest.mark.e2e(pytest.mark.timeout(2 * bench.SECONDS_MAX)(test))


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """Copy the tree, and leave nothing of it behind: there are many copies."""
    copy = bench.copied(tmp_path / "tree")
    yield copy
    shutil.rmtree(copy)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
def test_no_sabotage_has_rotted(sabotage: Sabotage) -> None:
    found = {change.old: bench.occurrences(change) for change in sabotage.changes}

    assert set(found.values()) == {1}, f"mend {sabotage.name}: its texts stand {found} times"


def test_every_sabotage_has_a_name_of_its_own() -> None:
    names = [sabotage.name for sabotage in SABOTAGES]

    assert len(set(names)) == len(names) >= 14
    assert set(QUICK) <= set(names)


def test_the_tree_itself_is_never_touched() -> None:
    with pytest.raises(ValueError, match="done to a copy"):
        bench.damage(bench.ROOT, SABOTAGES[0].changes)


@in_a_copy
def test_the_targets_are_green_as_long_as_nothing_is_removed(tree: Path) -> None:
    tests = sorted({test for sabotage in DONE for test in sabotage.tests})
    outcome = bench.run(tree, tests)

    record("sabotage", "nothing removed", verdict="green", tests=len(outcome.passed))
    assert outcome.is_green(tests), outcome.said


@in_a_copy
@pytest.mark.parametrize("sabotage", DONE, ids=lambda sabotage: sabotage.name)
def test_its_test_turns_red(tree: Path, sabotage: Sabotage) -> None:
    bench.damage(tree, sabotage.changes)
    outcome = bench.run(tree, sabotage.tests)

    found = outcome.is_red_for(sabotage)
    functions = [test.partition("::")[2] for test in sabotage.tests]
    record("sabotage", sabotage.name, removed=sabotage.removes, noticed_by=functions,
           verdict="noticed" if found else "NOT NOTICED")  # fmt: skip
    assert found, outcome.said


@in_a_copy
def test_a_text_that_was_replaced_badly_counts_for_nothing(tree: Path) -> None:
    """An ImportError makes any test red, and shows nothing."""
    local_time = next(each for each in SABOTAGES if each.name == "24-hours-are-a-day")
    broken = Change(
        file="sekvens/send_time/local_time.py",
        old="DAYS_MAX = 15\n",
        new="from sekvens import nothing_of_this_name\n",
    )
    bench.damage(tree, [broken])

    assert not bench.run(tree, local_time.tests).is_red_for(local_time)
