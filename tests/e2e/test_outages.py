"""Temporal or SES are away for a while: mail is delayed, never dropped, and no service dies."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete
from temporalio.client import WorkflowHandle

from sekvens.messages.tables import MessageState
from sekvens.quota.tables import SesQuota
from tests.e2e.services import PATIENCE
from tests.e2e.stack import (
    Stack,
    end_all,
    eventually,
    judge,
    logs_on_failure,
    running_stack,
    sign_up,
    view_of,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    # Half a minute without SES is half a day: nobody's second e-mail comes in between.
    with running_stack(tmp_path_factory.mktemp("outages"), day_seconds=60.0) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_is_posted_while_temporal_is_down_is_enrolled_when_it_is_back(stack, end):
    people = [f"{end}-{number}" for number in range(10)]
    before = stack.processes.process_ids()
    told = {name: stack.log(name) for name in ("relay", "worker", "api")}
    (stack.stop if end == "stop" else stack.kill)("temporal")
    for user_id in people:
        stack.post(*sign_up(user_id))
    eventually(lambda: len(stack.enrollments(*people)) == len(people), "the facts are there")
    for name in ("relay", "worker"):
        says_it_is_down(stack, told, name)
    assert stack.mails(*people) == []

    stack.start("temporal")
    eventually(lambda: len(stack.mails(*people)) == len(people), "everybody has an e-mail")
    end_all(stack, people)
    judge(stack, *people)
    after = stack.processes.process_ids()
    assert {name: after[name] for name in told} == {name: before[name] for name in told}
    eventually(lambda: "Temporal is back" in fresh(stack, told)["worker"], "the worker says so")
    assert all(is_brief(text) for text in fresh(stack, told).values())


@pytest.mark.parametrize("fault", ["throttle", "unavailable", "stopped"])
async def test_while_ses_takes_nothing_e_mails_are_held_and_leave_when_it_does(stack, fault):
    user_id = f"held-{fault}"
    told = {"worker": stack.log("worker")}
    stack.stop("local-ses") if fault == "stopped" else stack.break_ses(fault)
    stack.post(*sign_up(user_id))
    enrollment = stack.enrolled(user_id)
    eventually(lambda: [row for row in stack.ledger(enrollment.id) if row.note], "it is refused")
    handle = (await stack.temporal()).get_workflow_handle(enrollment.workflow_id)
    doing, journal = await holding(handle)
    assert stack.ledger(enrollment.id)[0].state == MessageState.PENDING
    assert doing.startswith("holds hello until ")
    assert "hello: deferred until" in journal

    stack.start("local-ses") if fault == "stopped" else stack.mend_ses()
    eventually(lambda: stack.steps(user_id) == ["welcome/hello"], "it leaves")
    end_all(stack, [user_id])
    judge(stack, user_id)
    assert is_brief(fresh(stack, told)["worker"])


def test_an_answer_of_ses_that_got_lost_is_settled_by_its_event_and_not_by_sending_again(stack):
    stack.break_ses("reset_after_accept", count=1)
    stack.post(*sign_up("in-doubt"))
    # Whoever's message it hits: others are under way, too.
    row = eventually(
        lambda: next((row for row in stack.ledger() if row.settled_by), None), "SES tells"
    )
    taken = [mail for mail in stack.mails() if mail["tags"]["message_id"] == row.id]

    assert (row.state, row.settled_by) == (MessageState.ACCEPTED, "event")
    assert not row.resent_in_doubt
    assert len(taken) == 1


def test_services_that_start_before_their_world_wait_for_it_and_say_so_in_a_sentence(stack):
    stack.stop("worker", "relay", "temporal", "local-ses")
    with stack.database.write() as session:
        session.execute(delete(SesQuota))  # as if SES had never told what may be sent
    told = {name: stack.log(name) for name in ("relay", "worker")}
    stack.start_only("worker", "relay")
    stack.post(*sign_up("early"))
    eventually(lambda: "SES cannot be reached" in fresh(stack, told)["worker"], "it says so")
    stack.start_only("local-ses")
    for name in told:
        says_it_is_down(stack, told, name)
    stack.start("temporal")
    eventually(lambda: stack.mails("early"), "the e-mail")

    assert all(is_brief(text) for text in fresh(stack, told).values())


def test_services_stop_in_good_order_while_temporal_is_down(stack):
    stack.stop("temporal")

    assert stack.terminate("worker") == 0
    assert stack.terminate("relay") == 0
    # uvicorn raises the signal again once it has stopped in good order
    assert stack.terminate("api") == 0


def fresh(stack: Stack, told: dict[str, str]) -> dict[str, str]:
    """Read what services have written since."""
    return {name: stack.log(name)[len(before) :] for name, before in told.items()}


def says_it_is_down(stack: Stack, told: dict[str, str], service: str) -> None:
    def says_so() -> bool:
        return "Temporal cannot be reached" in fresh(stack, told)[service]

    eventually(says_so, f"the {service} says that Temporal cannot be reached")


def is_brief(log: str) -> bool:
    """Tell whether an outage was told in sentences: no traceback, and no flood."""
    alarming = [line for line in log.splitlines() if " INFO " not in line]
    return "Traceback" not in log and len(alarming) < 40


async def holding(handle: WorkflowHandle[Any, Any]) -> tuple[str, str]:
    """Wait until the workflow has heard of the refusal, which the ledger knew first."""
    async with asyncio.timeout(PATIENCE):
        while not (view := await view_of(handle)).doing.startswith("holds"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return view.doing, "\n".join(line.text for line in view.journal)
