"""Which version of the worker did what, and with which code, as the histories of Temporal say."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History, HistoryEvent

from tests.e2e.checkouts import MARK
from tests.e2e.stack import Stack

WELCOMES = "WorkflowType = 'welcome'"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """An activity that an enrollment asked for."""

    summary: str  #: a step's id, or what else it is for
    build_id: str  #: of the worker whose task asked for it
    new_code: bool  #: whether the new code's timer came before it


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What was done for one enrollment."""

    tasks: Sequence[tuple[str, datetime]]  #: each task's build id, and when it was finished
    orders: Sequence[Ordered]

    @property
    def sides(self) -> frozenset[str]:
        """Tell which versions had a part in it."""
        return frozenset(build_id for build_id, _ in self.tasks)


async def who_worked(stack: Stack) -> Mapping[str, Worked]:
    """Read the histories of all welcomes, by workflow id."""
    client = await stack.temporal()
    worked = {}
    async for execution in client.list_workflows(WELCOMES, page_size=500):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        worked[execution.id] = read(History(events=history.events))
    return worked


def read(history: History) -> Worked:
    """Read one history."""
    builds: dict[int, str] = {}  # of the event that finished a task
    tasks, timers, orders = [], set(), []
    for event in history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            done = event.workflow_task_completed_event_attributes
            builds[event.event_id] = done.deployment_version.build_id
            tasks.append((builds[event.event_id], event.event_time.ToDatetime(UTC)))
        elif event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
            timers.add(_summary(event))
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            by = event.activity_task_scheduled_event_attributes.workflow_task_completed_event_id
            what = _summary(event)
            new_code = f"{MARK}{what}" in timers
            orders.append(Ordered(summary=what, build_id=builds[by], new_code=new_code))
    return Worked(tasks=tasks, orders=orders)


def _summary(event: HistoryEvent) -> str:
    said = event.user_metadata.summary.data
    return str(json.loads(said)) if said else ""
