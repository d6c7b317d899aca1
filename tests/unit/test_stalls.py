"""What fails while the machine stands still is run once more, and what fails otherwise is not."""

import pytest

pytest_plugins = ("pytester",)

#: Where a test does not let go of the interpreter, nobody else wakes: that looks like a stall.
STANDING_STILL = """
import re, sys, time
from tests.stalls import _watch

runs = []

def test_it():
    runs.append(1)
    _watch.longest = {seconds}
    assert len(runs) == 2
"""


@pytest.mark.parametrize(("seconds", "passed"), [(2.5, 1), (1.5, 0)])
def test_a_test_is_run_again_only_if_the_machine_stood_still(
    pytester: pytest.Pytester, seconds: float, passed: int
) -> None:
    pytester.makepyfile(STANDING_STILL.format(seconds=seconds))

    result = pytester.runpytest_inprocess("-p", "tests.stalls")

    result.assert_outcomes(passed=passed, failed=1 - passed)
    assert ("run again" in result.stdout.str()) is bool(passed)


def test_what_fails_twice_is_red(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STANDING_STILL.format(seconds=9).replace("== 2", "== 3"))

    pytester.runpytest_inprocess("-p", "tests.stalls").assert_outcomes(failed=1)
