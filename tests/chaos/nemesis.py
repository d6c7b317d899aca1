"""The nemesis: kills services of a stack one after the other, by kill -9, and starts them again.

Whom it kills, and when, follows from its seed; a service that it did not kill and that has ended
all the same is remembered, for no service of ours may die of another's death.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sekvens.demo.processes import ServiceStopped
from tests.e2e.services import PATIENCE
from tests.e2e.stack import Stack

WORKERS = ("worker", "worker-2")
#: So often it kills somebody who is not even ready.
HASTE = 0.3
#: What is not ours may fail to start, and is tried again, as whoever watches over it would: a new
#: PostgreSQL may find the last backend of the old one, a new Temporal one of its ports taken.
NOT_OURS = frozenset({"postgresql", "temporal"})
#: How long it waits for a victim to be ready before it takes it as it is.
READY_SECONDS = 20.0


def victims(counts: Mapping[str, int], *, seed: int) -> list[str]:
    """List whom to kill in random order; `worker` is any of the workers."""
    chosen = [name for name, count in counts.items() for _ in range(count)]
    random.Random(seed).shuffle(chosen)  # noqa: S311  no secret: it can be repeated
    return chosen


def is_ready(stack: Stack, service: str) -> bool:
    """Tell whether a service says that it is ready."""
    children = stack.processes._children
    return next(each for each in children if each.service.name == service).service.is_ready()


class Nemesis:
    """Works in a thread of its own, the only one that starts and stops services meanwhile."""

    def __init__(
        self,
        stack: Stack,
        chosen: Sequence[str],
        *,
        seed: int,
        pause: tuple[float, float] = (0.1, 1.5),
    ) -> None:
        self.kills: Counter[str] = Counter()
        self.died: list[str] = []  #: of itself, with what it said
        self._stack = stack
        self._chosen = chosen
        self._random = random.Random(seed)  # noqa: S311  no secret: it can be repeated
        self._pause = pause
        self._failed: Exception | None = None

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Kill while a block runs, and see at its end that everything is up again."""
        thread = threading.Thread(target=self._run, name="nemesis")
        thread.start()
        try:
            yield
        finally:
            thread.join()
        if self._failed is not None:
            raise self._failed
        self._all_up()

    def _run(self) -> None:
        try:
            for victim in self._chosen:
                self._strike(victim)
        except Exception as error:  # noqa: BLE001  it is raised in the test's own thread
            self._failed = error

    def _strike(self, victim: str) -> None:
        if victim == "worker":
            at_work = [each for each in WORKERS if is_ready(self._stack, each)]
            victim = self._random.choice(at_work or WORKERS)
        if self._random.random() >= HASTE:
            self._wait_for(victim)
        time.sleep(self._random.uniform(*self._pause))
        if self._stack.is_running(victim):
            self._stack.kill(victim)
            self.kills[victim] += 1
        else:
            self._bury(victim)
        self._stack.start_only(victim)

    def _wait_for(self, service: str) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready(self._stack, service) and time.monotonic() < deadline:
            if not self._stack.is_running(service):
                self._bury(service)
                self._stack.start_only(service)
            time.sleep(0.05)

    def _bury(self, service: str) -> None:
        """Remember a service that has ended of itself."""
        if service not in NOT_OURS:
            self.died.append(f"{service}: {self._stack.log(service)[-1500:]}")
        self._stack.stop(service)

    def _all_up(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            for service in self._stack.processes.process_ids():
                if not self._stack.is_running(service):
                    self._bury(service)
                    self._stack.start_only(service)
            try:
                self._stack.processes.wait_until_ready(timeout_seconds=PATIENCE)
            except ServiceStopped:
                if time.monotonic() > deadline:
                    raise
            else:
                return
