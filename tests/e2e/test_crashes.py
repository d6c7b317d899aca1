"""Services die without warning, and stop when they are told to: nothing is lost, nothing is twice.

The judge is the local SES's own log, which knows nothing of our ledger.
"""

import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import pytest

from sekvens.messages.tables import MessageState
from tests.e2e.stack import (
    PATIENCE,
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

#: Temporal gives a dead worker's send a minute before it is tried again: six days of the shop.
DAY_SECONDS = 10.0


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("crashes")
    with running_stack(folder, day_seconds=DAY_SECONDS, grace_seconds=5) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


def named(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def post_all(stack: Stack, user_ids: Sequence[str]) -> None:
    stack.post(*[event for user_id in user_ids for event in sign_up(user_id)])


def everybody_got(stack: Stack, user_ids: Sequence[str], step: str) -> bool:
    mails = stack.mails(*user_ids)
    return {mail["recipient"] for mail in mails if mail["tags"]["step"] == step} == {
        address_of(user_id) for user_id in user_ids
    }


def in_dispatch(stack: Stack) -> int:
    return sum(row.state == MessageState.DISPATCHING for row in stack.ledger())


def test_a_worker_killed_in_mid_send_and_in_mid_wait_loses_nothing_and_sends_nothing_twice(stack):
    waiting, sending, coming = named("waiting", 6), named("sending", 8), named("coming", 4)
    post_all(stack, waiting)
    eventually(lambda: everybody_got(stack, waiting, "hello"), "some wait for their second e-mail")
    with stack.frozen("local-ses"):
        post_all(stack, sending)
        eventually(lambda: in_dispatch(stack) >= 5, "others are being sent their first")
        stack.kill("worker")
    post_all(stack, coming)
    stack.start("worker")
    everybody = [*waiting, *sending, *coming]
    eventually(lambda: everybody_got(stack, everybody, "who-we-are"), "all go on", seconds=300)
    end_all(stack, everybody)

    judge(stack, *everybody)
    assert everybody_got(stack, [*waiting, *coming], "hello")
    settled = [row for row in stack.ledger() if row.settled_by]
    assert len(settled) >= 5
    assert {row.settled_by for row in settled} <= {"event", "live_stream"}
    assert {row.step_id for row in settled} == {"hello"}


def test_what_the_api_acknowledged_is_enrolled_once_whenever_api_and_relay_are_killed(stack):
    people = named("posted", 60)
    poster = threading.Thread(target=post_stubbornly, args=(stack, people))
    poster.start()
    for services in (("api",), ("relay",), ("api", "relay"), ("relay",), ("api",)):
        time.sleep(0.7)
        stack.kill(*services)
        stack.start(*services)
    poster.join(PATIENCE)
    eventually(lambda: everybody_got(stack, people, "hello"), "everybody has their first e-mail")
    end_all(stack, people)

    enrollments = Counter(row.contact_id for row in stack.selling(*people))
    assert len(enrollments) == len(people)
    assert set(enrollments.values()) == {1}
    judge(stack, *people)


def post_stubbornly(stack: Stack, user_ids: Sequence[str]) -> None:
    """Post one contact's events after the other; what is not acknowledged is posted again."""
    for user_id in user_ids:
        events = sign_up(user_id)
        while True:
            try:
                stack.post(*events)
                break
            except (urllib.error.URLError, OSError, HTTPException):
                time.sleep(0.1)
        time.sleep(0.05)


def test_a_worker_that_is_told_to_stop_finishes_what_it_is_sending_and_the_next_does_the_rest(
    stack,
):
    people = named("last", 12)
    with ThreadPoolExecutor() as aside, stack.frozen("local-ses"):
        post_all(stack, people)
        eventually(lambda: in_dispatch(stack) >= 4, "some are being sent")
        began = time.monotonic()
        stopping = aside.submit(stack.terminate, "worker")
        time.sleep(1.5)
        assert not stopping.done()
    took = time.monotonic() - began
    assert stopping.result() == 0
    assert took < 35
    assert in_dispatch(stack) == 0
    assert "Traceback" not in stack.log("worker").rpartition("finishing what is running")[2]

    stack.stop("worker")
    stack.start("worker")
    eventually(lambda: everybody_got(stack, people, "hello"), "everybody has their first e-mail")
    end_all(stack, people)
    judge(stack, *people)
