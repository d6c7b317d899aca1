"""The baseline of `enrollments`: a bare Temporal workflow with the same timers and activities.

What Temporal and its Python SDK cost alone: no interpreter, no database, no e-mail, no SES.
`bench.bare_worker` runs it.
"""

import contextlib
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow

FLOWS_QUEUE = "bare-flows"
SENDS_QUEUE = "bare-sends"
TIMEOUT = timedelta(seconds=60)


@dataclass(frozen=True)
class BareInput:
    """How many times to wait and to send."""

    sends: int
    wait_seconds: float


@activity.defn
def send(step: int) -> int:
    """Send nothing."""
    return step


@activity.defn
def finish(steps: int) -> int:
    """Close nothing."""
    return steps


@workflow.defn
class Bare:
    """Waits, listening, and sends; then finishes: the pattern of an enrollment."""

    def __init__(self) -> None:
        self._signalled = False

    @workflow.signal
    def events(self) -> None:
        """Wake up."""
        self._signalled = True

    @workflow.run
    async def run(self, given: BareInput) -> int:
        """Do it so many times."""
        for step in range(given.sends):
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(lambda: self._signalled, timeout=given.wait_seconds)
            await workflow.execute_activity(
                send, step, task_queue=SENDS_QUEUE, start_to_close_timeout=TIMEOUT
            )
        return await workflow.execute_activity(finish, given.sends, start_to_close_timeout=TIMEOUT)
