"""Every story runs on both drivers and gives the same golden trace."""

import os
import re
from pathlib import Path

import pytest
from temporalio.testing import WorkflowEnvironment

from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.flows.state import JournalEntry
from sekvens.simulator.driver import run_scenario, trace_lines
from sekvens.simulator.scenario import Scenario, read_scenario
from tests.scenarios.temporal_driver import run_on_temporal, world_worker

STORIES = Path(__file__).parent / "stories"
GRAPHS = {flow.name: compile_flow(flow) for flow in CATALOGUE}

stories = pytest.mark.parametrize("story", sorted(path.stem for path in STORIES.glob("*.toml")))

#: Stories that continue as new on the server: of each kind of step one, and one of each way to be
#: held up. On the pure driver all do; here the server's clock (see below) would tell of itself.
CONTINUED = (
    "browse-still-looking",
    "cart-added-by-signal",
    "cart-looked-again",
    "cart-of-a-customer",
    "cart-still-shopping",
    "first-orders-again",
    "goodbye-rest-is-skipped",
    "milestones-the-first-order-is-not-known",
    "order-all-the-way",
    "order-confirmation-is-parked",
    "order-news-twice",
    "sunset-in-new-york",
    "welcome-after-an-outage",
    "welcome-all-the-way",
    "welcome-is-ended-by-a-person",
    "welcome-is-parked-and-retried",
    "welcome-unsubscribes-by-signal",
)


def read(story: str) -> Scenario:
    return read_scenario(STORIES / f"{story}.toml")


def golden(story: str, lines: list[str]) -> str:
    """The golden trace; UPDATE_TRACES=1 writes it anew, and its diff is to be read."""
    path = STORIES / f"{story}.trace"
    if os.environ.get("UPDATE_TRACES") or not path.exists():
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.read_text(encoding="utf-8")


def what_happens(journal: tuple[JournalEntry, ...]) -> list[str]:
    return [re.sub(r" until [-0-9: ]+", " until …", entry.text) for entry in journal]


@stories
def test_a_story_goes_as_written_on_the_pure_driver(story: str):
    scenario = read(story)

    passage = run_scenario(GRAPHS[scenario.flow], scenario)
    lines = trace_lines(scenario.start, passage.state.journal)

    assert "\n".join(lines) + "\n" == golden(story, lines)


@stories
def test_a_story_survives_being_written_out_and_read_back_at_every_step(story: str):
    scenario = read(story)
    graph = GRAPHS[scenario.flow]

    assert run_scenario(graph, scenario, through_json=True) == run_scenario(graph, scenario)


@stories
@pytest.mark.asyncio(loop_scope="session")
async def test_a_story_goes_the_same_way_on_temporal(
    story: str, time_skipping: WorkflowEnvironment
):
    scenario = read(story)
    graph = GRAPHS[scenario.flow]
    pure = run_scenario(graph, scenario)

    async with world_worker(time_skipping) as played:
        run = await run_on_temporal(time_skipping, played, graph, scenario)

    assert trace_lines(scenario.start, run.journal) == trace_lines(
        scenario.start, pure.state.journal
    )
    assert run.sent == tuple(step for _, step in pure.sent)
    assert run.finished == [pure.state.exit]


@pytest.mark.parametrize("story", CONTINUED)
@pytest.mark.asyncio(loop_scope="session")
async def test_a_story_goes_the_same_way_when_it_continues_as_new_at_every_wait(
    story: str, time_skipping: WorkflowEnvironment
):
    scenario = read(story)
    graph = GRAPHS[scenario.flow]
    pure = run_scenario(graph, scenario)

    async with world_worker(time_skipping) as played:
        run = await run_on_temporal(time_skipping, played, graph, scenario, history_events_max=12)

    # What happens, not when: the time-skipping server (experimental) counts the time that it has
    # skipped twice in the run that follows a continue-as-new.
    assert what_happens(run.journal) == what_happens(pure.state.journal)
    assert run.sent == tuple(step for _, step in pure.sent)
    assert run.finished == [pure.state.exit]
