"""A Temporal for tests, ours and our users': it records starts and signals, and fails on request.

It keeps Temporal's promises that the relay builds on: one open workflow per id, signals in order.
"""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from enum import StrEnum

from sekvens.enrollments.temporal import SignalOutcome, StartOutcome, WorkflowStart
from sekvens.enrollments.wire import EnrollmentEvent, EventsSignal
from sekvens.errors import TemporalRefused, TemporalUnavailable


class Fault(StrEnum):
    """What goes wrong with one call."""

    UNREACHABLE = "unreachable"  #: it never arrives
    REFUSED = "refused"  #: it arrives and is refused
    ANSWER_LOST = "answer_lost"  #: it is accepted, and the answer is lost
    DEATH_BEFORE = "death_before"  #: the caller's process dies before it arrives
    DEATH_AFTER = "death_after"  #: it is accepted, and the caller's process dies


class ProcessDied(BaseException):
    """The process is gone: nothing after this line runs, as after kill -9."""


@dataclass
class FakeExecution:
    """One workflow execution."""

    start: WorkflowStart
    is_open: bool = True
    signals: list[EventsSignal] = field(default_factory=list)

    def events_seen(self) -> list[EnrollmentEvent]:
        """List the events as the enrollment sees them: repeats dropped by its high-water mark."""
        seen: list[EnrollmentEvent] = []
        for signal in self.signals:
            if signal.enrollment_id != self.start.input.enrollment_id:
                continue
            for event in signal.events:
                if not seen or event.seq > seen[-1].seq:
                    seen.append(event)
        return seen


class FakeTemporal:
    """A `TemporalStarter` in memory. `faults` are met in order, one a call; None is a good call."""

    def __init__(self) -> None:
        self.faults: deque[Fault | None] = deque()
        self.is_down = False
        self.tasks_waiting = 0  #: what `backlog` says
        self.executions: dict[str, list[FakeExecution]] = defaultdict(list)

    @property
    def all_executions(self) -> list[FakeExecution]:
        """List every execution, whatever its id."""
        return [execution for runs in self.executions.values() for execution in runs]

    @property
    def signals(self) -> list[EventsSignal]:
        """List every signal that was taken."""
        return [signal for execution in self.all_executions for signal in execution.signals]

    def of(self, enrollment_id: str) -> list[FakeExecution]:
        """List an enrollment's executions: one, if all is well."""
        return [
            execution
            for execution in self.all_executions
            if execution.start.input.enrollment_id == enrollment_id
        ]

    def close(self, workflow_id: str) -> None:
        """End the workflow that is open under an id."""
        self.executions[workflow_id][-1].is_open = False

    async def start(self, start: WorkflowStart) -> StartOutcome:
        """Start a workflow."""
        fault = await self._arrive()
        running = self._open(start.workflow_id)
        outcome = StartOutcome.STARTED
        if running is None:
            self.executions[start.workflow_id].append(FakeExecution(start))
        elif running.start.input.enrollment_id != start.input.enrollment_id:
            outcome = StartOutcome.OCCUPIED
        _answer(fault)
        return outcome

    async def signal(self, workflow_id: str, signal: EventsSignal) -> SignalOutcome:
        """Signal the workflow that is open under an id."""
        fault = await self._arrive()
        running = self._open(workflow_id)
        if running is not None:
            running.signals.append(signal)
        _answer(fault)
        return SignalOutcome.MISSING if running is None else SignalOutcome.TAKEN

    async def backlog(self) -> int:
        """Tell how many workflow tasks wait."""
        return self.tasks_waiting

    def _open(self, workflow_id: str) -> FakeExecution | None:
        runs = self.executions[workflow_id]
        return runs[-1] if runs and runs[-1].is_open else None

    async def _arrive(self) -> Fault | None:
        fault = self.faults.popleft() if self.faults else None
        await asyncio.sleep(0)
        if self.is_down or fault is Fault.UNREACHABLE:
            raise TemporalUnavailable
        if fault is Fault.REFUSED:
            raise TemporalRefused
        if fault is Fault.DEATH_BEFORE:
            raise ProcessDied
        return fault


def _answer(fault: Fault | None) -> None:
    if fault is Fault.ANSWER_LOST:
        raise TemporalUnavailable
    if fault is Fault.DEATH_AFTER:
        raise ProcessDied
