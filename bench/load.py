"""Load: 20,000 enrollments as fast as they come, then purchases at half of what was measured.

All of it is real, on this machine: sign-ups by HTTP, the API, PostgreSQL, the relay, Temporal's dev
server, one worker, the local SES. Progress on the way, peak memory at 1,000, 5,000 and 20,000, and
a verdict. It ends with 1 if anything was lost or came twice.
`python -m bench.load [--enrollments N] [--purchases N]`
"""

import argparse
import asyncio
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.harness import machine, say, scratch
from tests.chaos import loading
from tests.chaos.loading import Lost, Progress
from tests.e2e.stack import Stack

ENROLLMENTS = 20_000
PURCHASES = 100
#: Peak memory is told when so many are through.
MARKS = (1_000, 5_000, 20_000)
#: A line of progress this often (seconds).
EVERY = 10.0
#: The capacity is what gets through between these shares of all: neither run-up nor tail.
STEADY = (0.1, 0.95)
SERVICES = ("temporal", "worker", "postgresql", "relay", "api", "local-ses")


@dataclass(kw_only=True)
class Watch:
    """What is seen on the way."""

    stack: Stack
    wanted: int
    began: float = field(default_factory=time.monotonic)
    told_at: float = 0.0
    #: (seconds, e-mails) as they were seen
    seen: list[tuple[float, int]] = field(default_factory=list)
    memory: dict[int, Mapping[str, float]] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        """Take note, and tell once in a while."""
        seconds = time.monotonic() - self.began
        self.seen.append((seconds, progress.mailed))
        for mark in (*MARKS, self.wanted):
            if progress.mailed >= mark and mark <= self.wanted and mark not in self.memory:
                self.memory[mark] = loading.peak_rss(self.stack)
        if seconds - self.told_at >= EVERY:
            self.told_at = seconds
            say(
                f"{seconds:5.0f} s: {progress.enrolled:6,} enrolled, {progress.started:6,} "
                f"started, {progress.mailed:6,} have their e-mail; "
                f"MiB {_memory(loading.rss(self.stack))}"
            )

    def capacity(self) -> float:
        """Tell how many get through a second, from the posted event to the accepted e-mail."""
        low, high = (share * self.wanted for share in STEADY)
        first = next((each for each in self.seen if each[1] >= low), self.seen[0])
        last = next((each for each in self.seen if each[1] >= high), self.seen[-1])
        if last[0] > first[0]:
            return (last[1] - first[1]) / (last[0] - first[0])
        return self.seen[-1][1] / self.seen[-1][0]


def main() -> int:
    """Measure, print, and judge."""
    given = _arguments()
    print(machine())
    with scratch() as folder, loading.running_load_stack(folder) as stack:
        lost = _load(stack, given.enrollments, given.purchases)
    return 1 if lost.count else 0


def _load(stack: Stack, enrollments: int, purchases: int) -> Lost:
    users = [f"load-{number}" for number in range(enrollments)]
    say(f"{enrollments:,} sign-ups, as fast as the API takes them")
    before = loading.cpu_seconds(stack)
    watch = Watch(stack=stack, wanted=enrollments)
    posted = loading.sign_up_all(stack, users)
    say(f"{watch.wanted:,} acknowledged after {posted:.1f} s")
    loading.await_mails(stack, enrollments, tell=watch)
    took = time.monotonic() - watch.began
    spent = {
        name: used - before.get(name, 0.0) for name, used in loading.cpu_seconds(stack).items()
    }
    capacity = watch.capacity()
    print(f"\nLoad: {enrollments:,} enrollments (PostgreSQL, one relay, one worker)")
    print(f"  acknowledged      {2 * enrollments / posted:8,.0f} events/s")
    print(f"  got through       {capacity:8,.1f} enrollments/s, each with its e-mail")
    print(f"  all through after {took:8,.1f} s")
    print(f"  CPU ms each       {_listed({n: 1000 * s / enrollments for n, s in spent.items()})}")
    for mark, memory in sorted(watch.memory.items()):
        print(f"  peak MiB at {mark:6,}: {_memory(memory)}")
    seconds, came = _purchases(stack, users, purchases, capacity / 2)
    lost = asyncio.run(loading.judge(stack, [*users, *came]))
    _verdict(lost, enrollments + len(came), seconds)
    return lost


def _purchases(
    stack: Stack, users: Sequence[str], purchases: int, per_second: float
) -> tuple[list[float], list[str]]:
    """Let contacts order while others sign up at a rate; tell how long their exits took."""
    # A purchase is more than a sign-up: it ends one enrollment and begins three.
    count = math.ceil(max(purchases * 8, 10 * per_second))
    newcomers = [f"later-{number}" for number in range(count)]
    say(
        f"{count:,} more at {per_second:.1f} a second, half of that, and {purchases} purchases "
        f"among them: {count / per_second:.0f} s"
    )
    told_at = time.monotonic()

    def between() -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= EVERY:
            told_at = time.monotonic()
            say(f"{loading.progress(stack).mailed:,} have their e-mail")

    step = max(1, len(users) // purchases)
    bought = loading.keep_coming(
        stack,
        sign_ups=newcomers,
        buyers=users[::step][:purchases],
        per_second=per_second,
        between=between,
    )
    seconds = asyncio.run(loading.seconds_to_close(stack, bought))
    loading.await_mails(stack, len(users) + count, tell=lambda _: None)
    print(f"\nExit: from the API's 200 to the workflow's close, {len(seconds)} purchases")
    shares = (
        (0.5, "half within"),
        (0.9, "90 % within"),
        (0.99, "99 % within"),
        (1.0, "all within"),
    )
    for share, text in shares:
        print(f"  {text}  {loading.at(seconds, share):6.3f} s")
    return seconds, newcomers


def _verdict(lost: Lost, wanted: int, seconds: Sequence[float]) -> None:
    quick = loading.at(seconds, 0.99) <= 1.0
    print(f"\nVerdict: of {wanted:,} contacts {lost.missing} lost something and {lost.twice} got "
          f"something twice, in the database, in Temporal and in SES's log; exits within a second "
          f"(p99): {'yes' if quick else 'NO'}")  # fmt: skip
    for name, found in vars(lost).items():
        if found:
            print(f"  {name}: {', '.join(sorted(found)[:5])} …")


def _memory(memory: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {held:.0f}" for name, held in memory.items())


def _listed(figures: Mapping[str, float]) -> str:
    known = {name: figures[name] for name in SERVICES if name in figures}
    return ", ".join(f"{name} {figure:.0f}" for name, figure in known.items())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--enrollments", type=int, default=ENROLLMENTS, help="how many")
    parser.add_argument("--purchases", type=int, default=PURCHASES, help="how many")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
