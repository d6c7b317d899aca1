"""The doctor, of versions of workers: who gets nothing to do, and a current version with nobody."""

import asyncio
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from sekvens.doctor.findings import CouldNotBeAsked, Finding, Level
from sekvens.doctor.version_checks import ask_versions
from sekvens.enrollments import names
from sekvens.plugin import deployment_of
from sekvens.worker_section import WorkerSettings
from tests.e2e.stack import eventually
from tests.unit.examining import looked, our_settings, set_up, versions
from tests.unit.test_relay_temporal import BINARY, Listener, address, client  # noqa: F401  fixtures

OK, WARNING = Level.OK, Level.WARNING
WORKER, CURRENT = "Temporal: worker version", "Temporal: current version"
SET = "temporal worker deployment set-current-version --deployment-name sekvens"


def found(check: str, build_id: str, told: Any) -> Finding | None:
    deployment = "sekvens" if build_id else ""
    settings = our_settings(
        SEKVENS_WORKER__DEPLOYMENT=deployment, SEKVENS_WORKER__BUILD_ID=build_id
    )
    return looked(check, set_up(settings=settings, versions=lambda: told))


@pytest.mark.parametrize(
    ("check", "build_id", "told", "says"),
    [
        (WORKER, "new", versions(current="old", there=("old", "new")), f"{SET} --build-id new"),
        (WORKER, "new", versions(current="old", there=("old",)), f"{SET} --build-id new"),
        (WORKER, "new", versions(there=("", "new")), f"{SET} --build-id new"),
        (WORKER, "", versions(current="old", there=("old", "")), f"{SET} --unversioned"),
        (WORKER, "new", versions(current="new", there=("old", "new")), f"{SET} --build-id old"),
        (WORKER, "new", versions(current="new", there=("", "new")), f"{SET} --unversioned"),
        (CURRENT, "new", versions(current="old", there=("new",)), f"{SET} --build-id new"),
        (CURRENT, "new", versions(there=("new",)), f"{SET} --build-id new"),
        (CURRENT, "old", versions(current="old", there=()), "start its workers"),
    ],
)
def test_whoever_gets_nothing_to_do_is_named_with_the_command_that_mends_it(
    check: str, build_id: str, told: Any, says: str
) -> None:
    finding = found(check, build_id, told)

    assert finding is not None
    assert (finding.level, finding.to_do.endswith(says)) == (WARNING, True), finding


@pytest.mark.parametrize("check", [WORKER, CURRENT])
@pytest.mark.parametrize(
    ("build_id", "there", "current", "ramping"),
    [("new", ("new",), "new", ""), ("new", ("old", "new"), "old", "new")],
)
def test_what_is_current_or_ramping_and_there_is_in_order(
    check: str, build_id: str, there: Sequence[str], current: str, ramping: str
) -> None:
    finding = found(check, build_id, versions(current=current, ramping=ramping, there=there))

    assert finding is not None
    assert finding.level == OK, finding


@pytest.mark.parametrize("check", [WORKER, CURRENT])
def test_whoever_uses_no_versions_hears_nothing_of_them(check: str) -> None:
    assert found(check, "", versions(there=())) is None


async def test_temporal_is_asked_which_versions_get_work_and_who_is_there(
    address: str,  # noqa: F811
    client: Client,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    command = [str(BINARY), *SET.split()[1:], "--build-id", "one", "--yes", "--address", address]
    version = deployment_of(WorkerSettings(deployment="sekvens", build_id="one"))
    worker = Worker(
        client, task_queue=names.FLOWS_QUEUE, workflows=[Listener], deployment_config=version,
        workflow_runner=UnsandboxedWorkflowRunner(),
    )  # fmt: skip
    before, after = versions(there=("one",)), versions(current="one", there=("one",))
    async with worker:
        await asyncio.to_thread(eventually, lambda: ask_versions() == before, "it polls")
        done = await asyncio.to_thread(
            eventually, lambda: not subprocess.run(command, check=False).returncode, "it is current"
        )
        await asyncio.to_thread(eventually, lambda: ask_versions() == after, "the queue knows")

    assert done


def test_a_temporal_that_is_away_could_not_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")

    with pytest.raises(CouldNotBeAsked, match="does not answer"):
        ask_versions()
