"""Recorded histories: one for every story, taken on a real Temporal server.

They are the memory of what enrollments under way have been told. Recording one anew is a decision:
`python -m tests.replay.recording STORY…` says what it overwrites, and the diff is to be explained.
"""

import asyncio
import gzip
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.plugin import sekvens_plugin
from sekvens.simulator.scenario import read_scenario
from tests.conftest_temporal import FINE_TIMERS, SEARCH_ATTRIBUTES, TIME_SKIPPING, temporal_binary
from tests.scenarios.temporal_driver import run_on_temporal, world_worker

STORIES = Path(__file__).parent.parent / "scenarios" / "stories"
HISTORIES = Path(__file__).parent / "histories"


def recorded() -> list[str]:
    """List the histories that there are, by name."""
    return sorted(path.name.removesuffix(".json.gz") for path in HISTORIES.glob("*.json.gz"))


def history_of(name: str) -> WorkflowHistory:
    """Read a recorded history."""
    text = gzip.decompress((HISTORIES / f"{name}.json.gz").read_bytes()).decode()
    return WorkflowHistory.from_json(name, text)


async def record(stories: list[str]) -> None:
    """Run stories on a real server and keep their histories."""
    graphs = {flow.name: compile_flow(flow) for flow in CATALOGUE}
    env = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        search_attributes=SEARCH_ATTRIBUTES,
        dev_server_extra_args=TIME_SKIPPING + FINE_TIMERS,
        identity="recording",
        plugins=[sekvens_plugin()],
    )
    async with env, world_worker(env) as played:
        for story in stories:
            scenario = read_scenario(STORIES / f"{story}.toml")
            graph = graphs[scenario.flow]
            run = await run_on_temporal(env, played, graph, scenario)
            name = f"{story}.v{graph.flow.version}"
            path = HISTORIES / f"{name}.json.gz"
            print("overwritten:" if path.exists() else "recorded:", name)  # noqa: T201
            path.write_bytes(gzip.compress(run.history.to_json().encode(), mtime=0))


if __name__ == "__main__":
    HISTORIES.mkdir(exist_ok=True)
    asyncio.run(record(sys.argv[1:] or sorted(path.stem for path in STORIES.glob("*.toml"))))
