"""What the workflow tells Temporal of each message: how urgent it is, and whose turn it takes."""

from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from sekvens.enrollments import names
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.flows.urgency import Urgency
from sekvens.simulator.scenario import read_scenario
from tests.scenarios.temporal_driver import Run, run_on_temporal, world_worker

STORIES = Path(__file__).parent / "stories"
GRAPHS = {flow.name: compile_flow(flow) for flow in CATALOGUE}


def urgencies(run: Run) -> list[tuple[int, str]]:
    """List the priority key and the fairness key of each send, in order."""
    scheduled = (each.activity_task_scheduled_event_attributes for each in run.history.events)
    return [
        (each.priority.priority_key, each.priority.fairness_key)
        for each in scheduled
        if each.activity_type.name == names.SEND_ACTIVITY
    ]


@pytest.mark.asyncio(loop_scope="session")
async def test_marketing_is_backlog_once_it_is_overdue_and_only_that_message(
    time_skipping: WorkflowEnvironment,
):
    scenario = read_scenario(STORIES / "welcome-after-an-outage.toml")

    async with world_worker(time_skipping) as played:
        run = await run_on_temporal(time_skipping, played, GRAPHS["welcome"], scenario)

    hello = [Urgency.MARKETING, Urgency.BACKLOG, Urgency.BACKLOG, Urgency.BACKLOG]
    others = [Urgency.MARKETING] * 4
    assert urgencies(run) == [(urgency, "welcome") for urgency in hello + others]


@pytest.mark.asyncio(loop_scope="session")
async def test_order_mail_goes_first(time_skipping: WorkflowEnvironment):
    scenario = read_scenario(STORIES / "order-all-the-way.toml")

    async with world_worker(time_skipping) as played:
        run = await run_on_temporal(time_skipping, played, GRAPHS["order-updates"], scenario)

    assert set(urgencies(run)) == {(Urgency.ORDER_MAIL, "order-updates")}
