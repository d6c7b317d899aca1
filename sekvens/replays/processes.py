"""Replays files in several processes at once, and outlives each of them.

A replay that does not come to an end cannot be broken off from within: its process is ended by its
own id, the file gets its verdict, and another process goes on with the rest.
"""

import asyncio
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from sekvens.replays.replaying import Verdict, hanging, make_replayer, replay_files

#: A machine may be busy, and a history long; a replay takes hundredths of a second.
SECONDS_MAX = 60.0
#: … and a new process imports the SDK first.
START_SECONDS_MAX = 120.0
#: Files for one process: it takes as long to start as a hundred replays.
BATCH_MAX = 500

_spawn = multiprocessing.get_context("spawn")  # the SDK's threads do not outlive a fork


def processes_at_most() -> int:
    """Tell how many processes this machine has a processor for."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def replay_in_processes(
    paths: Sequence[Path],
    workflows: Sequence[type],
    *,
    processes: int,
    seconds_max: float = SECONDS_MAX,
) -> Iterator[Verdict]:
    """Replay files in so many processes, and give each verdict as it comes, in no order.

    `workflows` are classes of modules, so that a new process can import them.
    """
    batches: queue.SimpleQueue[list[Path]] = queue.SimpleQueue()
    size = max(1, min(BATCH_MAX, -(-len(paths) // processes)))
    for first in range(0, len(paths), size):
        batches.put(list(paths[first : first + size]))
    verdicts: queue.SimpleQueue[Verdict | BaseException | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            for verdict in _work_off(batches, workflows, seconds_max=seconds_max):
                verdicts.put(verdict)
        except BaseException as error:  # noqa: BLE001  raised again below, in the caller's thread
            verdicts.put(error)
        verdicts.put(None)

    count = min(processes, batches.qsize())
    # Daemons, and so are the processes: Ctrl-C ends them all.
    for _ in range(count):
        threading.Thread(target=work, daemon=True).start()
    while count:
        verdict = verdicts.get()
        if verdict is None:
            count -= 1
        elif isinstance(verdict, BaseException):
            raise verdict
        else:
            yield verdict


def _work_off(
    batches: "queue.SimpleQueue[list[Path]]", workflows: Sequence[type], *, seconds_max: float
) -> Iterator[Verdict]:
    while True:
        try:
            left = batches.get_nowait()
        except queue.Empty:
            return
        while left:
            yield from _replay(left, workflows, seconds_max=seconds_max)


def _replay(
    left: list[Path], workflows: Sequence[type], *, seconds_max: float
) -> Iterator[Verdict]:
    """Replay files in a process, taking from the list what has its verdict, until one hangs."""
    ours, theirs = _spawn.Pipe()
    process = _spawn.Process(target=_serve, args=(theirs, workflows, left), daemon=True)
    process.start()
    theirs.close()
    patience = START_SECONDS_MAX
    try:
        while left:
            verdict, why = _next(ours, patience)
            yield verdict or hanging(left[0], why)
            left.pop(0)
            if verdict is None:
                return
            patience = seconds_max
    finally:
        process.kill()
        process.join()
        ours.close()


def _next(ours: "Connection[object, Verdict]", patience: float) -> tuple[Verdict | None, str]:
    try:
        if ours.poll(patience):
            return ours.recv(), ""
    except EOFError:
        return None, "Its process died of the replay."
    return None, f"The replay did not end within {patience:g} s."


def _serve(
    theirs: "Connection[Verdict, object]", workflows: Sequence[type], paths: Sequence[Path]
) -> None:
    """Replay files in this process, and send each verdict."""
    logging.disable()  # of what fails the verdict tells
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends this one

    async def serve() -> None:
        async for verdict in replay_files(paths, make_replayer(workflows)):
            theirs.send(verdict)

    asyncio.run(serve())
