"""A rolling deploy on the real services: two versions of the worker at once, enrollments in flight.

The new version is another code (`tests.e2e.checkouts`). What an operator types is typed: Temporal's
own CLI pins, ramps and switches. Who did what, and by which code, is read from the histories; what
was sent from the local SES's own log.
"""

import asyncio
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest

from sekvens.ses.local.store import FILE_NAME
from tests.chaos.loading import CONTACTS_IN_A_REQUEST, sign_up_all, under_way
from tests.conftest_temporal import temporal_binary
from tests.e2e.checkouts import GUARDED, UNGUARDED, checkout_with
from tests.e2e.rehearsed import NEW, OLD, Rehearsed, Switch, sum_up
from tests.e2e.services import PATIENCE
from tests.e2e.stack import Stack, address_of, eventually, judge, running_stack, track
from tests.e2e.who_worked import who_worked

DEPLOYMENT = "sekvens"
RAMP_PERCENT = 20
#: Temporal looks every three minutes whether a version is drained; here every two seconds.
_DRAINS_QUICKLY = (
    *("--dynamic-config-value", 'matching.wv.VersionDrainageStatusVisibilityGracePeriod="2s"'),
    *("--dynamic-config-value", 'matching.wv.VersionDrainageStatusRefreshInterval="2s"'),
)
FIRST, SECOND = "hello", "who-we-are"
#: An event of the shop's own that no flow listens for: it shows who works on an enrollment.
VISIT = "Showroom Visited"
Say = Callable[[str], None]


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


def rehearse(stack: Stack, *, enrollments: int, say: Say) -> Rehearsed:
    """Deploy a new version while so many are under way and some more come."""
    users = [f"contact-{number}" for number in range(enrollments)]
    newcomers = [f"newcomer-{number}" for number in range(max(5, enrollments // 20))]
    everybody = [*users, *newcomers]
    deployment(stack, "set-current-version", OLD)
    sign_up_all(stack, users)
    await_step(stack, FIRST, users, enrollments, say)
    visitors = [stack.enrolled(user).workflow_id for user in users[: max(4, enrollments // 25)]]
    pinned = visitors[::2]
    pin(stack, *pinned)
    checkout, took = _pass_the_gate(stack, say)
    stack.start_of(checkout, "worker-2", SEKVENS_WORKER__BUILD_ID=NEW)
    deployment(stack, "set-ramping-version", NEW, "--percentage", str(RAMP_PERCENT))
    say(f"two versions at once, {RAMP_PERCENT} % for the new one")
    sign_up_all(stack, newcomers)
    await_step(stack, SECOND, users, enrollments // 4, say)
    switch = Switch(at=datetime.now(UTC), in_flight=under_way(stack), gate_seconds=took)
    deployment(stack, "set-current-version", NEW)
    say(f"the new version is the current one, {switch.in_flight:,} enrollments under way")
    _drain(stack, visitors, pinned, say)
    drained_at = datetime.now(UTC)
    await_step(stack, SECOND, users, enrollments, say)
    await_step(stack, FIRST, newcomers, len(newcomers), say)
    _retire(stack, everybody, say)
    return sum_up(
        asyncio.run(who_worked(stack)),
        switch,
        drained_at=drained_at,
        pinned=pinned,
        due=[(mails_of(stack, FIRST), everybody), (mails_of(stack, SECOND), users)],
    )


def _pass_the_gate(stack: Stack, say: Say) -> tuple[Path, float]:
    """Let the gate judge two new versions; give the one that passes, and the seconds it took."""
    careless = checkout_with(stack.site.data / "careless", UNGUARDED)
    code, said, _ = gate(careless, stack)
    assert (code, "histories do not replay" in said) == (1, True), said
    say("the gate refuses the unguarded change")
    careful = checkout_with(stack.site.data / "careful", GUARDED)
    code, said, seconds = gate(careful, stack)
    assert (code, "histories replay." in said) == (0, True), said
    say(f"the gate is open to the guarded one, after {seconds:.1f} s")
    return careful, seconds


def _drain(stack: Stack, visitors: Sequence[str], pinned: Sequence[str], say: Say) -> None:
    """See that pinned enrollments keep the old version busy, and let them go over."""
    asyncio.run(_visit(stack, visitors))
    assert not asyncio.run(is_drained(stack, OLD)), "drained, and enrollments are pinned to it"
    say(f"{len(pinned)} are pinned to the old version, which is not drained; they are let go")
    unpin(stack, *pinned)
    eventually(lambda: asyncio.run(is_drained(stack, OLD)), "the old version is drained")
    say("the old version is drained")


async def _visit(stack: Stack, workflow_ids: Sequence[str]) -> None:
    """Signal an event to some enrollments, and wait until the last has recorded it."""
    client = await stack.temporal()
    for workflow_id in workflow_ids:
        await client.get_workflow_handle(workflow_id).signal(VISIT)

    def recorded() -> bool:
        return stack.count_events(VISIT) == len(workflow_ids)

    await asyncio.to_thread(eventually, recorded, "the visits are recorded", seconds=900)


def pin(stack: Stack, *workflow_ids: str) -> None:
    """Pin enrollments to the old version, by an operator's override."""
    names = ("--versioning-override-deployment-name", DEPLOYMENT)
    _override(stack, "pinned", workflow_ids, *names, "--versioning-override-build-id", OLD)


def unpin(stack: Stack, *workflow_ids: str) -> None:
    """Take the override back: they go over at their next task."""
    _override(stack, "unspecified", workflow_ids)


def _override(stack: Stack, behavior: str, workflow_ids: Sequence[str], *more: str) -> None:
    command = ("workflow", "update-options", "--versioning-override-behavior", behavior, *more)
    for workflow_id in workflow_ids:
        done = _temporal(stack, *command, "--workflow-id", workflow_id)
        assert done.returncode == 0, done.stderr


def deployment(stack: Stack, command: str, build_id: str, *more: str) -> None:
    """Type a command of Temporal's CLI, until its server knows the version's task queues."""
    names = ("--deployment-name", DEPLOYMENT, "--build-id", build_id)
    deadline = time.monotonic() + PATIENCE
    while True:
        done = _temporal(stack, "worker", "deployment", command, *names, *more, "--yes")
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, f"{command} {build_id}: {done.stderr}"
        time.sleep(1)


def _temporal(stack: Stack, *typed: str) -> subprocess.CompletedProcess[str]:
    command = [temporal_binary(), *typed, "--address", stack.site.temporal_address]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def gate(checkout: Path, stack: Stack) -> tuple[int, str, float]:
    """Replay what is under way on a checkout: the exit code, what it said, and its seconds."""
    began = time.monotonic()
    command = [sys.executable, str(checkout / "starter.py"), "replay"]
    done = subprocess.run(
        [*command, "--sample", "20", "--jobs", "1"],
        env=dict(stack.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, time.monotonic() - began


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
