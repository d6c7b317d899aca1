"""Histories come from Temporal, a sample of them leaves out no flow, version and step."""

import asyncio
import stat
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from click.testing import CliRunner, Result
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.testing import WorkflowEnvironment

from sekvens.contacts.tables import Contact
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.temporal import FLOW_VERSION
from sekvens.enrollments.wire import EnrollmentInput
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import to_json
from sekvens.flows.graph import compile_flow
from sekvens.replays.fetching import choose, fetch
from sekvens.replays.replaying import Outcome, make_replayer, replay_files
from sekvens.replays.sample import Execution, Sample
from sekvens.simulator.scenario import read_scenario
from starter import main
from tests.conftest import NOON
from tests.ports import free_port
from tests.replay.recording import HISTORIES, STORIES
from tests.scenarios.temporal_driver import run_on_temporal, world_worker
from workflows.registered import WORKFLOWS

FLOWS = {flow.name: flow for flow in CATALOGUE}


def execution(number: int, **given: object) -> Execution:
    known = {"flow": "welcome", "version": "welcome v3", "is_open": True, "step": "hello"}
    run = f"run-{number}"
    return Execution(workflow_id=f"w-{number}", run_id=run, **{**known, **given})  # type: ignore[arg-type]


def sampled(executions: list[Execution], most: int | None) -> list[Execution]:
    sample = Sample(most)
    for each in executions:
        sample.offer(each)
    assert (len(sample), sample.offered) == (len(list(sample)), len(executions))
    return list(sample)


def test_a_sample_has_some_of_each_flow_version_step_and_state():
    crowd = [execution(number) for number in range(100)]
    few = [
        execution(200, flow="winback", version="winback v1"),
        execution(201, version="welcome v2"),
        execution(202, step="who-we-are"),
        execution(203, is_open=False),
        execution(204, flow="retention", version=None, step=None),
    ]

    chosen = sampled([*crowd, *few], 3)
    assert len(chosen) == 3 + len(few)
    assert set(few) <= set(chosen)


def test_the_same_executions_make_the_same_sample_in_whatever_order():
    crowd = [execution(number) for number in range(100)]

    assert sampled(crowd, 5) == sampled(crowd[::-1], 5)
    assert sampled(crowd, 5) != crowd[:5]
    assert set(sampled(crowd, None)) == set(crowd)


@pytest_asyncio.fixture(loop_scope="session")
async def enrollment_ids(time_skipping: WorkflowEnvironment) -> AsyncIterator[list[str]]:
    """Two enrollments that are under way on the server, at the start of the welcome."""
    ids = [f"e-{uuid.uuid4().hex[:12]}" for _ in range(2)]
    flow = FLOWS["welcome"]
    handles = []
    with time_skipping.with_time_skipping_disabled():
        for enrollment_id in ids:
            order = EnrollmentInput(
                enrollment_id=enrollment_id,
                contact_id="c-1",
                flow=to_json(flow),
                templates={},
                shop_time={},
            )
            version = SearchAttributePair(FLOW_VERSION, f"welcome v{flow.version}")
            handle = await time_skipping.client.start_workflow(
                flow.name,
                order,
                id=f"welcome/{enrollment_id}",
                task_queue=names.FLOWS_QUEUE,
                memo={names.ENROLLMENT_ID: enrollment_id},
                search_attributes=TypedSearchAttributes([version]),
            )
            handles.append(handle)
    yield ids
    for handle in handles:
        await handle.terminate()


def stands_at(database: Database, steps: dict[str, str]) -> None:
    with database.write() as session:
        session.add(Contact(id="c-1", traits={}, created_at=NOON, updated_at=NOON))
        session.flush()
        for enrollment_id, step in steps.items():
            row = Enrollment(id=enrollment_id, flow="welcome", flow_version=3, contact_id="c-1")
            row.workflow_id, row.step_id, row.started_at = enrollment_id, step, NOON
            session.add(row)


async def listed(env: WorkflowEnvironment, sample: Sample, database: Database | None) -> Sample:
    """Choose, once visibility shows what was started."""
    await asyncio.sleep(1)
    since = datetime.now(UTC) - timedelta(hours=1)
    return await choose(env.client, sample, closed_since=since, steps_in=database)


@pytest.mark.asyncio(loop_scope="session")
async def test_what_is_open_is_chosen_at_its_step(
    time_skipping: WorkflowEnvironment, enrollment_ids: list[str], sqlite_database: Database
):
    steps = dict(zip(enrollment_ids, ("until-day-two", "until-day-four"), strict=True))
    stands_at(sqlite_database, steps)

    chosen = await listed(time_skipping, Sample(1), sqlite_database)
    ours = {one.enrollment_id: one for one in chosen if one.enrollment_id in steps}
    assert {id_: one.step for id_, one in ours.items()} == steps
    assert {(one.flow, one.version, one.is_open) for one in ours.values()} == {
        ("welcome", "welcome v3", True)
    }


@pytest.mark.asyncio(loop_scope="session")
async def test_what_was_fetched_is_kept_for_its_owner_and_replays(
    time_skipping: WorkflowEnvironment, tmp_path: Path
):
    scenario = read_scenario(STORIES / "cart-emptied.toml")
    async with world_worker(time_skipping) as worlds:
        graph = compile_flow(FLOWS[scenario.flow])
        run = await run_on_temporal(time_skipping, worlds, graph, scenario)
    all_of_them = await listed(time_skipping, Sample(None), None)
    ours = Sample(None)
    for each in all_of_them:
        if each.run_id == run.history.run_id:
            ours.offer(each)

    gone = execution(1, flow="welcome/../x")
    gone = Execution(**{**vars(gone), "run_id": str(uuid.uuid4())})
    ours.offer(gone)
    told: list[None] = []
    client = time_skipping.client
    came = await fetch(client, ours, tmp_path, a_second=1000, advance=lambda: told.append(None))
    assert (len(came.paths), came.gone, len(told)) == (1, 1, 2)
    assert stat.S_IMODE(came.paths[0].stat().st_mode) == 0o600
    [verdict] = [each async for each in replay_files(came.paths, make_replayer(WORKFLOWS))]
    assert verdict.outcome is Outcome.SAME
    assert verdict.flow == "cart-abandonment"


def replay(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["replay", *arguments], env=environ)


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.usefixtures("enrollment_ids")
async def test_the_command_fetches_keeps_and_replays(
    time_skipping: WorkflowEnvironment, tmp_path: Path
):
    await asyncio.sleep(1)
    folder, address = tmp_path / "kept", time_skipping.client.service_client.config.target_host
    options = ("--since", "0m", "--save", str(folder), "--jobs", "1")
    done = await asyncio.to_thread(replay, *options, TEMPORAL_ADDRESS=address)

    assert done.exit_code == 0, done.output
    assert "Temporal has " in done.output
    kept = list(folder.iterdir())
    assert len([file for file in kept if file.name.startswith("welcome.")]) >= 2
    assert f"All of {len(kept)} histories replay." in done.output
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_no_server_is_said_in_a_sentence():
    done = replay(TEMPORAL_ADDRESS=f"127.0.0.1:{free_port()}")

    assert done.exit_code == 1
    assert "Temporal does not answer" in done.output


def test_nothing_to_replay_is_no_pass_unless_it_may_be(tmp_path: Path):
    refused, allowed = replay(str(tmp_path)), replay(str(tmp_path), "--allow-empty")

    assert (refused.exit_code, allowed.exit_code) == (2, 0)
    assert "nothing was shown" in refused.output


@pytest.mark.parametrize("given", ["7", "d", "1w", "-1d", "seven days"])
def test_a_stretch_of_time_that_is_none_is_refused(given: str):
    done = replay("--since", given)

    assert done.exit_code == 2
    assert "write 7d, 12h or 30m" in done.output


def test_files_and_options_for_temporal_do_not_go_together():
    done = replay(str(HISTORIES), "--sample", "3")

    assert done.exit_code == 2
    assert "--sample is for histories from Temporal" in done.output
