"""The worker of `bench.bare`, with the queues, threads and cached workflows of `worker.py`.

`python -m bench.bare_worker ADDRESS PORT` runs it; it listens on that port when it is ready.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor

from temporalio.client import Client
from temporalio.worker import Worker

from bench.bare import FLOWS_QUEUE, SENDS_QUEUE, Bare, finish, send
from sekvens.sections import SesSettings
from worker import CACHED_ENROLLMENTS_MAX, QUICK_THREADS


async def work(address: str, port: int) -> None:
    """Work until the process is ended."""
    client = await Client.connect(address)
    threads = SesSettings().concurrency
    with ThreadPoolExecutor(QUICK_THREADS) as quick, ThreadPoolExecutor(threads) as sends:
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
    asyncio.run(work(sys.argv[1], int(sys.argv[2])))
