"""What Temporal says of the versions of workers: which of them gets the work, and who is there."""

from datetime import timedelta
from typing import Final

from temporalio.api.deployment.v1 import WorkerDeploymentOptions, WorkerDeploymentVersion
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from sekvens.doctor.findings import Finding, ok, warning
from sekvens.doctor.set_up import SetUp, Version, VersionFacts
from sekvens.doctor.temporal_checks import SECONDS, ask
from sekvens.enrollments import names
from sekvens.plugin import connect

#: So long does Temporal remember who asked for work.
_REMEMBERED: Final = "the last five minutes"


def ask_versions() -> VersionFacts:
    """Ask Temporal which versions get the work of the queue `flows`, and who asked for some.

    Raises:
        CouldNotBeAsked: it does not answer, or refuses.
    """
    return ask(_ask)


def worker_version(set_up: SetUp) -> Finding | None:
    """Whether a worker of these settings gets anything to do, and every other that is there."""
    facts, ours = set_up.worker_versions(), _ours(set_up)
    if ours is None and facts.knows_none:
        return None
    if ours not in facts.at_work:
        return warning(
            f"a worker of these settings gets nothing to do: it is {_name(ours)}, and the current "
            f"one is {_name(facts.current)}",
            f"once it is to have the work: {_make_current(ours, facts.current)}",
        )
    idle = sorted(facts.there - facts.at_work, key=_name)
    if idle:
        return warning(
            f"workers that are neither current nor ramping asked for work in {_REMEMBERED}: "
            f"{', '.join(map(_name, idle))}",
            f"stop them once drained, or give them the work: {_make_current(idle[0], ours)}",
        )
    return ok(f"a worker of these settings gets work: it is {_name(ours)}")


def current_version(set_up: SetUp) -> Finding | None:
    """Whether workers of the version that gets the work are there."""
    facts, ours = set_up.worker_versions(), _ours(set_up)
    if ours is None and facts.knows_none:
        return None
    said = f"the current version of the workers is {_name(facts.current)}"
    if facts.current in facts.there:
        return ok(said)
    to_do = "start its workers"
    others = sorted(facts.there, key=_name)
    if others:
        to_do += f", or give the work to those that are there: {_make_current(others[0], ours)}"
    return warning(f"{said}, and none of them asked for work in {_REMEMBERED}", to_do)


def _ours(set_up: SetUp) -> Version | None:
    worker = set_up.settings.worker
    if not worker.deployment:
        return None
    return Version(deployment=worker.deployment, build_id=worker.build_id)


def _name(version: Version | None) -> str:
    return f"{version.build_id!r} of {version.deployment}" if version else "without a version"


def _make_current(version: Version | None, other: Version | None) -> str:
    """Write the command; to take versioning back it must say of which deployment."""
    deployment = version or other
    name = deployment.deployment if deployment else "…"
    which = f"--build-id {version.build_id}" if version else "--unversioned"
    return f"temporal worker deployment set-current-version --deployment-name {name} {which}"


async def _ask() -> VersionFacts:
    client = await connect()
    told = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=names.FLOWS_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        ),
        timeout=timedelta(seconds=SECONDS),
    )
    info = told.versioning_info
    current = _read(info.current_deployment_version)
    ramped = {_read(info.ramping_deployment_version)} if info.ramping_version_percentage else set()
    return VersionFacts(
        current=current,
        at_work=frozenset({current, *ramped}),
        there=frozenset(_read(each.deployment_options) for each in told.pollers),
    )


def _read(told: WorkerDeploymentVersion | WorkerDeploymentOptions) -> Version | None:
    if not told.build_id:
        return None
    return Version(deployment=told.deployment_name, build_id=told.build_id)
