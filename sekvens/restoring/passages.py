"""What Temporal knows of each enrollment: by its executions, and of some by their histories.

Read only. A history holds ids and outcomes, so that a ledger which has lost an hour can be told
what was sent in it.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from temporalio.api.common.v1 import Payloads
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import pydantic_data_converter

from sekvens.enrollments import names
from sekvens.enrollments.wire import EnrollmentInput, EventsSignal, SendInput, SendResult
from sekvens.flows.codec import from_json
from sekvens.flows.outcomes import Outcome
from sekvens.flows.state import State
from sekvens.flows.steps import ExitReason

T = TypeVar("T")

EXIT_REASON = SearchAttributeKey.for_keyword(names.EXIT_REASON)


@dataclass(frozen=True, kw_only=True)
class Executions:
    """All executions of one enrollment, in the order of their start: a chain, if it was long."""

    enrollment_id: str
    workflow_id: str
    run_ids: tuple[str, ...]
    is_open: bool
    exit_reason: ExitReason  #: of one that is closed
    closed_at: datetime | None  #: wall time


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What came last of a step's message."""

    order: SendInput
    outcome: Outcome
    at: datetime  #: wall time


@dataclass(frozen=True, kw_only=True)
class Passage:
    """What the histories of an enrollment say."""

    pinned: EnrollmentInput
    seq: int  #: the newest of the relay's deliveries that it has had; 0: none but its start
    turns: tuple[Turn, ...]  #: one for each step that has had one, in their order


async def list_executions(client: Client) -> dict[str, Executions]:
    """List all that Temporal knows, by enrollment; what is no enrollment is left out."""
    found: defaultdict[str, list[WorkflowExecution]] = defaultdict(list)
    async for execution in client.list_workflows():
        enrollment_id = (await execution.memo()).get(names.ENROLLMENT_ID)
        if enrollment_id:
            found[enrollment_id].append(execution)
    return {whose: _together(whose, chain) for whose, chain in found.items()}


def _together(enrollment_id: str, chain: list[WorkflowExecution]) -> Executions:
    chain.sort(key=lambda each: each.start_time)
    last = chain[-1]
    is_open = any(each.status == WorkflowExecutionStatus.RUNNING for each in chain)
    told = last.typed_search_attributes.get(EXIT_REASON)
    return Executions(
        enrollment_id=enrollment_id,
        workflow_id=last.id,
        run_ids=tuple(each.run_id for each in chain),
        is_open=is_open,
        # Whoever terminated it gave no reason of ours.
        exit_reason=ExitReason(told) if told else ExitReason.CANCELLED,
        closed_at=None if is_open else last.close_time,
    )


async def read_passage(client: Client, executions: Executions) -> Passage:
    """Read what the histories of an enrollment say."""
    events: list[HistoryEvent] = []
    pinned: EnrollmentInput | None = None
    turns: dict[str, Turn] = {}
    seq = 0
    for run_id in executions.run_ids:
        handle = client.get_workflow_handle(executions.workflow_id, run_id=run_id)
        events = list((await handle.fetch_history()).events)
        started = events[0].workflow_execution_started_event_attributes
        pinned = _read(started.input, EnrollmentInput)
        if pinned.state is not None:
            seq = max(seq, from_json(State, pinned.state).seq)
        seq = max([seq, *_seqs(events, executions.enrollment_id)])
        turns |= _turns(events)
    assert pinned is not None  # noqa: S101  there is no enrollment without an execution
    return Passage(pinned=pinned, seq=seq, turns=tuple(turns.values()))


def _seqs(events: Sequence[HistoryEvent], enrollment_id: str) -> list[int]:
    """List the numbers of the deliveries that an execution was signalled."""
    seqs = []
    for event in events:
        signalled = event.workflow_execution_signaled_event_attributes
        if signalled.signal_name == names.EVENTS_SIGNAL:
            signal = _read(signalled.input, EventsSignal)
            if signal.enrollment_id in ("", enrollment_id):
                seqs += [each.seq for each in signal.events]
    return seqs


def _turns(events: Sequence[HistoryEvent]) -> dict[str, Turn]:
    """Tell, by step, what came last of its message."""
    orders = {
        event.event_id: _read(event.activity_task_scheduled_event_attributes.input, SendInput)
        for event in events
        if event.activity_task_scheduled_event_attributes.activity_type.name == names.SEND_ACTIVITY
    }
    turns = {}
    for event in events:
        done = event.activity_task_completed_event_attributes
        order = orders.get(done.scheduled_event_id)
        if order is not None:
            outcome = _read(done.result, SendResult).outcome
            at = event.event_time.ToDatetime(tzinfo=order.now.tzinfo)
            turns[order.step_id] = Turn(order=order, outcome=outcome, at=at)
    return turns


def _read(payloads: Payloads, kind: type[T]) -> T:
    hints: list[Any] = [kind]
    converter = pydantic_data_converter.payload_converter
    read: T = converter.from_payloads(payloads.payloads, hints)[0]
    return read
