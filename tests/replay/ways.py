"""The ways on in a flow, and those that a history went.

A **way on** leads from a step to the one that follows it: one for each branch of a step that has
some, one for each other step, an exit included. Any path through a flow is a row of ways on, and an
enrollment remembers nothing else of how it came to a step that decides what it does next.
"""

import json
from collections.abc import Iterator

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHistory

from sekvens.enrollments import names
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph, branches, compile_flow
from sekvens.flows.steps import ExitFlow, ExitReason, Experiment, Listen, Split, WaitFor

#: From a step to the next, or to the reason for which it was the last.
Way = tuple[str, str]


def graph_of(history: WorkflowHistory) -> Graph:
    """Read the flow that an enrollment has pinned."""
    started = history.events[0].workflow_execution_started_event_attributes
    return compile_flow(from_json(Flow, json.loads(started.input.payloads[0].data)["flow"]))


def ways_on(graph: Graph) -> Iterator[Way]:
    """Go through every way on that the flow has."""
    end = ExitReason.COMPLETED
    for step_id, step in graph.steps.items():
        if isinstance(step, Split | WaitFor | Experiment):
            for branch in branches(step):
                yield step_id, graph.enter(branch, step_id) or end
            continue
        if isinstance(step, Listen):
            for branch in branches(step):
                if branch:
                    yield step_id, branch[0].id
        if isinstance(step, ExitFlow):
            yield step_id, step.reason
        else:
            yield step_id, graph.following[step_id] or end


def exits(graph: Graph) -> set[str]:
    """Name the reasons of the exit rules that the flow itself has written."""
    return {str(rule.reason) for rule in graph.flow.exit_when}


def ways_of(history: WorkflowHistory) -> Iterator[Way]:
    """Go through the ways on that a history went: its orders name their steps."""
    before = None
    for event in history.events:
        for step_id in _named_by(event):
            if before is not None and step_id != before:
                yield before, step_id
            before = step_id


def left_for(history: WorkflowHistory) -> set[str]:
    """Name the reason that a history ended for."""
    orders = [_finish(event) for event in history.events]
    return {order["reason"] for order in orders if order is not None}


def _named_by(event: HistoryEvent) -> Iterator[str]:
    finish = _finish(event)
    if finish is not None:
        if finish["step_id"]:
            yield finish["step_id"]
        yield finish["reason"]
    elif event.event_type == EventType.EVENT_TYPE_TIMER_STARTED:
        yield _summary(event).partition(":")[0]
    elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
        activity = event.activity_task_scheduled_event_attributes.activity_type.name
        if activity != names.RECORD_ACTIVITY:
            yield _summary(event)


def _finish(event: HistoryEvent) -> dict[str, str] | None:
    scheduled = event.activity_task_scheduled_event_attributes
    if scheduled.activity_type.name != names.FINISH_ACTIVITY:
        return None
    order: dict[str, str] = json.loads(scheduled.input.payloads[0].data)
    return order


def _summary(event: HistoryEvent) -> str:
    return str(json.loads(event.user_metadata.summary.data))
