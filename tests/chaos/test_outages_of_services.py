"""A service that everything leans on is away: all others stay, wait without spinning, and go on.

Processor time and lines of log are counted while it lasts: who spins, shows there first.
"""

import time
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

import psutil
import pytest

from tests.chaos.scale import pick
from tests.chaos.verdicts import record
from tests.e2e.stack import (
    Stack,
    end_all,
    eventually,
    judge,
    logs_on_failure,
    running_stack,
    sign_up,
)

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1200)]

SECONDS = pick(short=12, long=300)
CONTACTS = pick(short=10, long=200)
#: The share of one processor that a service may take while it waits for another.
PROCESSOR_MAX = 0.5
#: Lines of log a second, beside those that the beginning and the end of an outage cost.
LINES_A_SECOND_MAX = 1.0
LINES_MAX = 40 + SECONDS * LINES_A_SECOND_MAX
#: Attempts come 10, 20, 40 … seconds apart, up to ten minutes.
ATTEMPTS_MAX = pick(short=8, long=12)
WATCHED = ("api", "relay", "worker")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("outages-of-services")
    # What an attempt had to write down when the database went is in doubt: its grace is short.
    with running_stack(folder, day_seconds=86_400.0, grace_seconds=5, postgresql=True) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


@dataclass(frozen=True, kw_only=True)
class Strain:
    """What an outage cost one service."""

    lines: int
    tracebacks: int
    processor: float  #: share of one


class Watch:
    """Looks at services for the length of an outage."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._told = {name: len(stack.log(name)) for name in WATCHED}
        self._began, self._spent = time.monotonic(), self._seconds()

    def strain(self) -> dict[str, Strain]:
        """Tell what each service has spent and said since."""
        lasted, spent = time.monotonic() - self._began, self._seconds()
        said = {name: self._stack.log(name)[self._told[name] :] for name in WATCHED}
        return {
            name: Strain(
                lines=len(said[name].splitlines()),
                tracebacks=said[name].count("Traceback"),
                processor=round((spent[name] - self._spent[name]) / lasted, 3),
            )
            for name in WATCHED
        }

    def _seconds(self) -> dict[str, float]:
        process_ids = self._stack.processes.process_ids()
        times = {name: psutil.Process(process_ids[name]).cpu_times() for name in WATCHED}
        return {name: each.user + each.system for name, each in times.items()}


@pytest.mark.parametrize(
    "away", pick(short=["postgresql"], long=["postgresql", "temporal", "local-ses"])
)
def test_while_a_service_is_away_the_others_wait_without_spinning_and_then_go_on(
    stack: Stack, away: str
) -> None:
    people = [f"{away}-{number}" for number in range(CONTACTS)]
    before = stack.processes.process_ids()
    stack.post(*sign_up(f"before-{away}"))  # its event shows that the stream is alive
    eventually(lambda: stack.mails(f"before-{away}"), "SES takes e-mails")
    stack.break_ses("throttle")
    for user_id in people:
        stack.post(*sign_up(user_id))
    whose = eventually(lambda: held(stack, people), "everybody's e-mail is held")
    watch = Watch(stack)
    stack.kill(away)
    time.sleep(SECONDS)
    strain = watch.strain()
    takes = is_taken(stack, "late-" + away)
    stack.start(away)
    stack.mend_ses()
    eventually(lambda: len(stack.mails(*people)) == len(people), "everybody has an e-mail")
    most = max(row.attempts for row in stack.ledger() if row.enrollment_id in whose)
    record("outages", f"{away} is away", seconds=SECONDS, messages=len(people),
           attempts_max=most, takes_events=takes,
           lines={name: each.lines for name, each in strain.items()},
           processor={name: each.processor for name, each in strain.items()})  # fmt: skip
    end_all(stack, people)
    judge(stack, *people)

    after = stack.processes.process_ids()
    assert {name: after[name] for name in WATCHED} == {name: before[name] for name in WATCHED}
    assert most <= ATTEMPTS_MAX
    assert takes == (away != "postgresql")
    for name, each in strain.items():
        assert each.tracebacks == 0, name
        assert each.lines <= LINES_MAX, name
        assert each.processor <= PROCESSOR_MAX, name


def held(stack: Stack, people: list[str]) -> set[str]:
    """Tell the enrollments of these people, once SES has refused every one's e-mail."""
    whose = {row.id for row in stack.enrollments(*people)}
    rows = [row for row in stack.ledger() if row.enrollment_id in whose]
    return whose if len(rows) == len(people) and all(row.note for row in rows) else set()


def is_taken(stack: Stack, user_id: str) -> bool:
    """Tell whether the API takes events now; when it cannot keep them it says so."""
    try:
        stack.post(*sign_up(user_id))
    except urllib.error.HTTPError as error:
        if error.code != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return False
    return True
