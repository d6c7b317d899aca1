"""A flow changed under twenty people on the real services: they go on at once, each mail once."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from sekvens.clock import SystemClock
from sekvens.enrollments import moves, names, versions
from sekvens.enrollments.publish import Change, publish
from sekvens.flows.builder import MARKETING, days, event, flow, send, wait
from sekvens.flows.definition import Flow
from sekvens.flows.moving import Policy
from sekvens.messages.tables import MessageState
from tests.e2e.stack import Stack, eventually, logs_on_failure, running_stack, sign_up, track
from tests.e2e.templates import stored_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PEOPLE = [f"moving-{number}" for number in range(20)]
#: An hour of shop time is five minutes here, so no wait of a day ends by itself.
DAY_SECONDS = 7200.0


def letters(version: int, pause: timedelta) -> Flow:
    return flow(
        "letters",
        version=version,
        purpose=MARKETING,
        trigger=event("Products Searched"),
        steps=[
            send("hello"),
            wait("a-pause", pause),
            send("more"),
            wait("at-the-end", days(9)),
            send("bye"),
        ],
    )


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("moves")
    with running_stack(folder, day_seconds=DAY_SECONDS) as stack, logs_on_failure(stack, request):
        yield stack


def publishes(stack: Stack, folder: Path, flow: Flow, policy: Policy) -> None:
    with stack.database.write() as session:
        now, change = SystemClock().now(), Change(policy=policy, note="one hour is enough")
        publish(session, flow, now=now, store_templates=stored_in(folder), change=change)


def all_moved(stack: Stack, version: int) -> bool:
    with stack.database.read() as session:
        [found] = [p for p in moves.progress(session, "letters") if p.version == version]
    return (found.waiting, found.moving, found.moved) == (0, 0, len(PEOPLE))


def got(stack: Stack) -> Counter[str]:
    return Counter(step for user in PEOPLE for step in stack.steps(user) if "letters/" in step)


def standing(stack: Stack) -> set[tuple[int, str | None]]:
    rows = [row for row in stack.enrollments(*PEOPLE) if row.flow == "letters"]
    return {(row.flow_version, row.step_id) for row in rows}


async def test_twenty_at_a_wait_that_is_shortened_all_go_on_once_and_undo_takes_them_back(
    stack: Stack, tmp_path: Path
):
    publishes(stack, tmp_path, letters(1, days(2)), Policy.FINISH_OLD)
    stack.post(*(each for user in PEOPLE for each in sign_up(user)))
    stack.post(*(track(user, "Products Searched") for user in PEOPLE))
    eventually(lambda: got(stack) == {"letters/hello": 20}, "all have had the first letter")

    publishes(stack, tmp_path, letters(2, timedelta(minutes=1)), Policy.RECOMPUTE_WAITS)
    eventually(lambda: all_moved(stack, 2), "all are moved")
    eventually(lambda: got(stack)["letters/more"] == 20, "all have gone on")
    assert got(stack) == {"letters/hello": 20, "letters/more": 20}
    eventually(lambda: standing(stack) == {(2, "at-the-end")}, "all wait in the new version")

    with stack.database.write() as session:
        versions.undo(session, "letters", author=None, note=None, now=SystemClock().now())
    eventually(lambda: all_moved(stack, 3), "all are back")
    assert standing(stack) == {(3, "at-the-end")}
    assert got(stack) == {"letters/hello": 20, "letters/more": 20}
    ids = [row.id for row in stack.enrollments(*PEOPLE) if row.flow == "letters"]
    ledger = [row for each in ids for row in stack.ledger(each)]
    assert Counter(row.state for row in ledger) == {MessageState.ACCEPTED: 40}
    assert {row.flow_version for row in ledger if row.step_id == "more"} == {2}
    handle = (await stack.temporal()).get_workflow_handle(
        next(r for r in stack.enrollments(PEOPLE[0]) if r.flow == "letters").workflow_id
    )
    seen = await handle.describe()
    assert seen.search_attributes[names.FLOW_VERSION] == ["letters v3"]
