"""The baseline of `enrollments`: a bare Temporal workflow with the same timers and activities.

What Temporal and its Python SDK cost alone: no interpreter, no database, no e-mail, no SES. The
queues, threads and cached workflows are those of `worker.py`. `python -m bench.bare ADDRESS PORT`
runs its worker, which says on that port that it is ready.
"""

import asyncio
import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import Worker

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


async def work(address: str, port: int) -> None:
    """Work until the process is ended."""
    from sekvens.settings import SesSettings
    from worker import CACHED_ENROLLMENTS_MAX, QUICK_THREADS

    client = await Client.connect(address)
    threads = SesSettings().concurrency
    with (
        ThreadPoolExecutor(QUICK_THREADS) as quick,
        ThreadPoolExecutor(threads) as sends,
    ):
        workers = [
            Worker(
                client,
                task_queue=FLOWS_QUEUE,
                workflows=[Bare],
                activities=[finish],
                activity_executor=quick,
                max_concurrent_activities=QUICK_THREADS,
                max_cached_workflows=CACHED_ENROLLMENTS_MAX,
            ),
            Worker(
                client,
                task_queue=SENDS_QUEUE,
                activities=[send],
                activity_executor=sends,
                max_concurrent_activities=threads,
            ),
        ]
        ready = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
        async with ready:
            await asyncio.gather(*(worker.run() for worker in workers))


if __name__ == "__main__":
    from bench import bare  # the sandbox imports a workflow by its module's name: not `__main__`

    asyncio.run(bare.work(sys.argv[1], int(sys.argv[2])))
