"""Soak: half an hour of load with faults on, and then what is lost, twice, stuck, or has grown.

People sign up and order all the while. One call of SES in seven goes wrong, its events come late,
twice and shuffled, and now and then a worker, a relay or the API is killed. The judge is SES's own
log. It ends with 1 if anything was lost, came twice unflagged or hangs.
`python -m bench.soak [--minutes N] [--seed N] [--every SECONDS]`
"""

import argparse
import asyncio
import random
import statistics
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import psutil

from bench.harness import machine, say, scratch
from sekvens.clock import SystemClock
from sekvens.flows.catalogue import CATALOGUE
from tests.chaos import loading, test_chaos
from tests.chaos.crowd import Crowd, Findings
from tests.chaos.nemesis import Nemesis
from tests.chaos.scale import SEED
from tests.e2e.stack import Stack

MINUTES = 30.0
#: Somebody new comes so often, in seconds.
EVERY = 0.6
#: Between two kills, in seconds.
PAUSE = (8.0, 25.0)
#: Whom they meet, and how often one rather than another; the local SES lives on: it is the judge.
VICTIMS = {"worker": 4, "relay": 1, "relay-2": 1, "api": 1}
#: A process is warm after this long (seconds): what it holds from then on is its growth.
WARM = 60.0
SAMPLE_EVERY, TELL_EVERY = 5.0, 30.0
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one process held at an instant."""

    at: float  #: seconds of the soak
    mib: float
    files: int


@dataclass(kw_only=True)
class Samples:
    """What all processes held, by service and process: who was killed begins anew."""

    stack: Stack
    began: float = field(default_factory=time.monotonic)
    taken: dict[tuple[str, int], list[Sample]] = field(default_factory=lambda: defaultdict(list))

    def take(self) -> None:
        """Look at each service that is there."""
        now = time.monotonic() - self.began
        for name, process_id in dict(self.stack.processes.process_ids()).items():
            try:
                process = psutil.Process(process_id)
                held, files = process.memory_info().rss / MIB, process.num_fds()
            except psutil.Error:  # it has just been killed
                continue
            self.taken[name, process_id].append(Sample(at=now, mib=held, files=files))

    def longest(self) -> dict[str, list[Sample]]:
        """Give for each service what its longest-lived process held once it was warm."""
        found: dict[str, list[Sample]] = {}
        for (name, _), samples in self.taken.items():
            warm = [each for each in samples if each.at >= samples[0].at + WARM]
            if len(warm) > len(found.get(name, ())):
                found[name] = warm
        return found


def main() -> int:
    """Soak, print, and judge."""
    given = _arguments()
    print(machine())
    with (
        scratch() as folder,
        loading.running_load_stack(
            folder,
            day_seconds=test_chaos.DAY_SECONDS,
            grace_seconds=test_chaos.GRACE_SECONDS,
            settings=test_chaos.SETTINGS,
            ses_options=(
                *("--signature-age", str(test_chaos.SIGNATURE_SECONDS)),
                *("--rate", "100000", "--per-day", "-1"),
            ),
        ) as stack,
    ):
        stack.start("worker-2", "relay-2")
        return _soak(stack, given)


def _soak(stack: Stack, given: argparse.Namespace) -> int:
    test_chaos.show_life(stack)
    stack.tell_events(**test_chaos.LATE_AND_TWICE, seed=given.seed)
    crowd = Crowd(stack, "soak", seed=given.seed, fault_share=test_chaos.FAULT_SHARE)
    samples = Samples(stack=stack)
    chosen = _until(samples.began + given.minutes * 60, given.seed)
    nemesis = Nemesis(stack, chosen, seed=given.seed, pause=PAUSE)  # type: ignore[arg-type]  # walked through once
    say(f"{given.minutes:g} minutes, seed {given.seed}")
    with crowd.coming(every=given.every), _watched(samples, crowd, nemesis), nemesis.at_work():
        pass
    say("nobody new comes; all that is under way is settled")
    if not crowd.settle():
        say("nothing moves any more, and not all messages have their end")
    samples.take()
    findings = crowd.judge()
    stuck = asyncio.run(_stuck(stack))
    code = _verdict(findings, nemesis, stuck, len(crowd.people))
    _show(samples, loading.rows(stack.database))
    return code


@contextmanager
def _watched(samples: Samples, crowd: Crowd, nemesis: Nemesis) -> Iterator[None]:
    """Take samples while a block runs, and tell how it goes."""
    over = threading.Event()

    def watch() -> None:
        told_at = samples.began
        while not over.wait(SAMPLE_EVERY):
            samples.take()
            if time.monotonic() - told_at >= TELL_EVERY:
                told_at = time.monotonic()
                say(
                    f"{told_at - samples.began:5.0f} s: {len(crowd.people):6,} have come, "
                    f"{sum(nemesis.kills.values()):3} killed"
                )

    thread = threading.Thread(target=watch, name="watch")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _until(end: float, seed: int) -> Iterator[str]:
    """Choose whom to kill next, until it is time."""
    chance = random.Random(seed)  # noqa: S311  no secret: it can be repeated
    while time.monotonic() < end:
        yield chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]


async def _stuck(stack: Stack) -> dict[str, int]:
    """Count what hangs: enrollments of which the database and Temporal think differently, or owed.

    Visibility is a moment late, and so it is asked until nothing is left, for a minute.
    """
    for _ in range(30):
        running = await loading.open_workflows(stack)
        active = {row.workflow_id: row for row in stack.enrollments() if row.ended_at is None}
        now = SystemClock().now()
        hangs = {
            "under way, and no workflow": len(set(active) - running),
            "a workflow, and over": len(_enrollments_of(running) - set(active)),
            "owed for a minute": sum(
                row.due_at is not None and now - row.due_at > timedelta(minutes=1)
                for row in active.values()
            ),
            "parked": sum(row.parked_at is not None for row in active.values()),
        }
        if not any(hangs.values()):
            break
        await asyncio.sleep(2)
    return hangs


def _enrollments_of(running: set[str]) -> set[str]:
    """Leave out what is no enrollment: scans and retention."""
    flows = {flow.name for flow in CATALOGUE}
    return {workflow_id for workflow_id in running if workflow_id.partition("/")[0] in flows}


def _show(samples: Samples, rows: Mapping[str, int]) -> None:
    print("\nMemory and files, of the process of each service that lived longest")
    for name, held in sorted(samples.longest().items()):
        if len(held) < 3:
            continue
        lived = held[-1].at - held[0].at
        slope = statistics.linear_regression([s.at for s in held], [s.mib for s in held]).slope
        print(
            f"  {name:<12} {lived:6.0f} s  {held[0].mib:5.0f} -> {held[-1].mib:5.0f} MiB "
            f"({slope * 3600:+7.1f} MiB/h)  files {held[0].files} -> {held[-1].files}"
        )
    print("\nRows")
    for name, count in sorted(rows.items(), key=lambda each: -each[1]):
        print(f"  {name:<22} {count:8,}")


def _verdict(findings: Findings, nemesis: Nemesis, stuck: Mapping[str, int], people: int) -> int:
    told = ", ".join(f"{count} {name}" for name, count in sorted(nemesis.kills.items()))
    print(f"\nKilled: {told}")
    for name, count in findings.facts().items():
        print(f"  {name:<16} {count:6,}")
    hanging = [f"{count} {name}" for name, count in stuck.items() if count]
    wrong = [*findings.broken(), *hanging, *(f"died: {each}" for each in nemesis.died)]
    if findings.all.duplicates:
        wrong.append(f"{findings.all.duplicates} twice")
    well = "none is lost, none came twice, and nothing hangs"
    print(f"\nVerdict: of {people:,} people's e-mails {'; '.join(wrong) or well}")
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="how long")
    parser.add_argument("--seed", type=int, default=SEED, help="repeats a run's random choices")
    parser.add_argument("--every", type=float, default=EVERY, help="seconds between newcomers")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
