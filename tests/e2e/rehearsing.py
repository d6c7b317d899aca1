"""A rolling deploy on the real services: two versions of the worker at once, enrollments in flight.

What an operator types is typed: Temporal's own CLI ramps and switches. Who did what is read from
the histories, what was sent from the local SES's own log.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import EventType, VersionDrainageStatus
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest

from sekvens.demo.processes import ROOT
from sekvens.ses.local.store import FILE_NAME
from tests.chaos.loading import CONTACTS_IN_A_REQUEST, sign_up_all, under_way
from tests.conftest_temporal import temporal_binary
from tests.e2e.stack import Stack, address_of, eventually, judge, running_stack, track

DEPLOYMENT, OLD, NEW = "sekvens", "old", "new"
RAMP_PERCENT = 20
#: Temporal looks every three minutes whether a version is drained; here every two seconds.
_DRAINS_QUICKLY = (
    *("--dynamic-config-value", 'matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"'),
    *("--dynamic-config-value", 'matching.wv.VersionDrainageStatusRefreshInterval="2s"'),
)
FIRST, SECOND = "hello", "who-we-are"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """What came of a deploy."""

    in_flight: int  #: enrollments under way when the new version was told to be the current one
    by_old: int  #: whose whole history is the old version's work
    by_both: int
    by_new: int
    gate_seconds: float  #: what the replay gate took, beside the wave of e-mails
    drained_seconds: float  #: from the switch until Temporal called the old version drained
    old_works_seconds: float  #: from the switch until the last task that the old version finished
    lost: Sequence[str]  #: contacts who lack one of the two e-mails
    twice: Sequence[str]  #: contacts who got one of them twice


@contextmanager
def versioned_stack(folder: Path, **options: object) -> Iterator[Stack]:
    """Run every service, the worker being the old version."""
    given: Mapping[str, str] = options.pop("settings", {})  # type: ignore[assignment]
    version = {"WORKER__DEPLOYMENT": DEPLOYMENT, "WORKER__BUILD_ID": OLD}
    with running_stack(
        folder,
        settings={**given, **version},
        temporal_options=_DRAINS_QUICKLY,
        **options,  # type: ignore[arg-type]  # as they are named
    ) as stack:
        yield stack


@dataclass(frozen=True, kw_only=True)
class Switch:
    """The moment at which the new version was told to be the current one."""

    at: datetime
    in_flight: int
    gate_seconds: float


def rehearse(stack: Stack, *, enrollments: int, say: Say) -> Rehearsed:
    """Deploy a new version while so many are under way and some more come."""
    users = [f"contact-{number}" for number in range(enrollments)]
    newcomers = [f"newcomer-{number}" for number in range(max(5, enrollments // 20))]
    everybody = [*users, *newcomers]
    deployment(stack, "set-current-version", OLD)
    sign_up_all(stack, users)
    await_step(stack, FIRST, users, enrollments, say)
    took = gate(stack)
    say(f"the gate is open, after {took:.1f} s")
    stack.start("worker-2", SEKVENS_WORKER__BUILD_ID=NEW)
    deployment(stack, "set-ramping-version", NEW, "--percentage", str(RAMP_PERCENT))
    say(f"two versions at once, {RAMP_PERCENT} % for the new one")
    sign_up_all(stack, newcomers)
    await_step(stack, SECOND, users, enrollments // 4, say)
    switch = Switch(at=datetime.now(UTC), in_flight=under_way(stack), gate_seconds=took)
    deployment(stack, "set-current-version", NEW)
    say(f"the new version is the current one, {switch.in_flight:,} enrollments under way")
    eventually(lambda: asyncio.run(is_drained(stack, OLD)), "the old version is drained")
    drained_at = datetime.now(UTC)
    say("the old version is drained")
    await_step(stack, SECOND, everybody, len(everybody), say)
    _retire(stack, everybody, say)
    worked = asyncio.run(_who_worked(stack))
    return _sum_up(stack, everybody, worked, switch, drained_at)


def deployment(stack: Stack, command: str, build_id: str, *more: str) -> None:
    """Type a command of Temporal's CLI, until its server knows the version's task queues."""
    names = ("--deployment-name", DEPLOYMENT, "--build-id", build_id)
    typed = [temporal_binary(), "worker", "deployment", command, *names, *more, "--yes"]

    def is_done() -> bool:
        address = ("--address", stack.site.temporal_address)
        done = subprocess.run([*typed, *address], capture_output=True, text=True, check=False)
        return done.returncode == 0

    eventually(is_done, f"temporal {command} {build_id}", seconds=60)


def gate(stack: Stack) -> float:
    """Replay what is under way, as before any deploy; tell how long that took, in seconds."""
    began = time.monotonic()
    command = [sys.executable, str(ROOT / "starter.py"), "replay", "--sample", "20"]
    done = subprocess.run(
        command, env=dict(stack.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "histories replay." in done.stdout
    return time.monotonic() - began


async def is_drained(stack: Stack, build_id: str) -> bool:
    """Tell whether Temporal calls a version drained."""
    client = await stack.temporal()
    version = WorkerDeploymentVersion(deployment_name=DEPLOYMENT, build_id=build_id)
    described = await client.workflow_service.describe_worker_deployment_version(
        DescribeWorkerDeploymentVersionRequest(
            namespace=client.namespace, deployment_version=version
        )
    )
    status = described.worker_deployment_version_info.drainage_info.status
    return status == VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED


def await_step(stack: Stack, step: str, users: Sequence[str], wanted: int, say: Say) -> None:
    """Wait until so many of these contacts have the welcome's e-mail of this step."""
    addresses = {address_of(user) for user in users}
    told = 0.0

    def have_it() -> bool:
        nonlocal told
        count = len(addresses & set(mails_of(stack, step)))
        if time.monotonic() - told > 10:
            told = time.monotonic()
            say(f"{count:,} of {wanted:,} have {step}")
        return count >= wanted

    eventually(have_it, f"{wanted} have {step}", seconds=900)


def mails_of(stack: Stack, step: str) -> Counter[str]:
    """Count, by address, the welcome's e-mails of a step that SES took."""
    query = "SELECT json_extract(recipients, '$[0]') FROM accepted WHERE flow = ?"
    path = (stack.site.data / "ses" / FILE_NAME).resolve()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return Counter(address for (address,) in connection.execute(query, [f"welcome {step}"]))


def _retire(stack: Stack, everybody: Sequence[str], say: Say) -> None:
    """Stop the old version, and let everybody unsubscribe, which the new one must hear."""
    assert stack.terminate("worker") == 0
    stack.stop("worker")
    say("the old version has stopped; everybody unsubscribes")
    for first in range(0, len(everybody), CONTACTS_IN_A_REQUEST):
        some = everybody[first : first + CONTACTS_IN_A_REQUEST]
        stack.post(*[track(user, "Unsubscribed") for user in some])
    eventually(lambda: stack.has_ended(*everybody), "all are out of the welcome", seconds=900)
    judge(stack, *everybody)


async def _who_worked(stack: Stack) -> Mapping[str, list[tuple[str, datetime]]]:
    """Tell who finished the tasks of each welcome, and when, by its history."""
    client = await stack.temporal()
    worked = {}
    async for execution in client.list_workflows("WorkflowType = 'welcome'", page_size=500):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        history = await handle.fetch_history()
        worked[execution.id] = [
            (
                event.workflow_task_completed_event_attributes.deployment_version.build_id,
                event.event_time.ToDatetime(UTC),
            )
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
        ]
    return worked


def _sum_up(
    stack: Stack,
    everybody: Sequence[str],
    worked: Mapping[str, list[tuple[str, datetime]]],
    switch: Switch,
    drained_at: datetime,
) -> Rehearsed:
    sides = Counter(frozenset(build_id for build_id, _ in tasks) for tasks in worked.values())
    last = max(at for tasks in worked.values() for build_id, at in tasks if build_id == OLD)
    first, second = mails_of(stack, FIRST), mails_of(stack, SECOND)
    addresses = {address_of(user) for user in everybody}
    return Rehearsed(
        in_flight=switch.in_flight,
        by_old=sides[frozenset({OLD})],
        by_both=sides[frozenset({OLD, NEW})],
        by_new=sides[frozenset({NEW})],
        gate_seconds=switch.gate_seconds,
        drained_seconds=(drained_at - switch.at).total_seconds(),
        old_works_seconds=(last - switch.at).total_seconds(),
        lost=sorted(one for one in addresses if not (first[one] and second[one])),
        twice=sorted(one for one in addresses if first[one] > 1 or second[one] > 1),
    )
