"""A worker dies without warning while people wait: nobody is forgotten, and nothing comes twice.

Deaths in mid-send, under load and in good order are the matter of tests/chaos. The judge is the
local SES's own log, which knows nothing of our ledger.
"""

from collections.abc import Iterator, Sequence

import pytest

from tests.e2e.stack import (
    Stack,
    address_of,
    end_all,
    eventually,
    judge,
    logs_on_failure,
    running_stack,
    sign_up,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

#: The second e-mail comes within twenty seconds, when another worker is there.
DAY_SECONDS = 10.0


@pytest.fixture
def stack(tmp_path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with (
        running_stack(
            tmp_path, day_seconds=DAY_SECONDS, settings={"SENDING__ATTEMPT_SECONDS": "5"}
        ) as stack,
        logs_on_failure(stack, request),
    ):
        yield stack


def everybody_got(stack: Stack, user_ids: Sequence[str], step: str) -> bool:
    mails = stack.mails(*user_ids)
    return {mail["recipient"] for mail in mails if mail["tags"]["step"] == step} == {
        address_of(user_id) for user_id in user_ids
    }


def test_a_worker_killed_in_mid_wait_forgets_nobody_and_sends_nothing_twice(stack):
    waiting, coming = ([f"{name}-{number}" for number in range(6)] for name in ("wait", "come"))
    stack.post(*[event for user_id in waiting for event in sign_up(user_id)])
    eventually(lambda: everybody_got(stack, waiting, "hello"), "some wait for their second e-mail")
    stack.kill("worker")
    stack.post(*[event for user_id in coming for event in sign_up(user_id)])
    stack.start("worker")
    everybody = [*waiting, *coming]
    eventually(lambda: everybody_got(stack, everybody, "who-we-are"), "all go on", seconds=300)
    end_all(stack, everybody)

    judge(stack, *everybody)
    assert everybody_got(stack, everybody, "hello")
