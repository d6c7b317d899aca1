"""Load: sign-ups as fast as they come, and purchases among them; nothing is lost, nothing twice.

`make load` is the long setting, 20,000 of them with memory and capacity (bench/load.py).
"""

import time
from collections.abc import Iterator

import pytest

from tests.chaos import loading
from tests.chaos.verdicts import record
from tests.e2e.stack import Stack, logs_on_failure

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(600)]

#: `make load` has a setting of its own, and so `make chaos` repeats this one.
ENROLLMENTS, LATER, PURCHASES = 150, 24, 8


@pytest.fixture(scope="module")
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("load")
    with loading.running_load_stack(folder) as stack, logs_on_failure(stack, request):
        yield stack


async def test_of_many_who_come_at_once_nobody_is_lost_and_nobody_gets_it_twice(stack: Stack):
    users = [f"load-{number}" for number in range(ENROLLMENTS)]
    began = time.monotonic()
    posted = loading.sign_up_all(stack, users)
    loading.await_mails(stack, ENROLLMENTS, tell=lambda _: None)
    per_second = ENROLLMENTS / (time.monotonic() - began)
    newcomers = [f"later-{number}" for number in range(LATER)]
    bought = loading.keep_coming(
        stack, sign_ups=newcomers, buyers=users[:PURCHASES], per_second=max(2.0, per_second / 2)
    )
    exits = await loading.seconds_to_close(stack, bought)
    loading.await_mails(stack, ENROLLMENTS + LATER, tell=lambda _: None)
    lost = await loading.judge(stack, [*users, *newcomers])
    record(
        "load",
        f"{ENROLLMENTS} enrollments",
        lost=lost.missing,
        duplicates=lost.twice,
        posted_per_second=2 * ENROLLMENTS / posted,
        enrollments_per_second=per_second,
        exit_p50_s=loading.at(exits, 0.5),
        exit_p99_s=loading.at(exits, 0.99),
        **{f"peak_mib_{name}": mib for name, mib in loading.peak_rss(stack).items()},
    )

    assert lost.count == 0, lost
    assert len(exits) == PURCHASES


async def test_the_judge_of_the_load_notices_what_is_missing_and_what_is_double(stack: Stack):
    ghost = await loading.judge(stack, ["load-0", "nobody"])

    assert ghost.not_enrolled == {"nobody"}
    assert ghost.missing == 2  # no enrollment, and no e-mail
