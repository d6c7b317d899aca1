"""Every story runs on both drivers and gives the same golden trace."""

import asyncio
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.graph import compile_flow
from sekvens.flows.state import JournalEntry
from sekvens.simulator.driver import run_scenario, trace_lines
from sekvens.simulator.scenario import Scenario, read_scenario
from tests.scenarios.temporal_driver import Run, run_on_temporal, world_worker

STORIES = Path(__file__).parent / "stories"
#: Stories under way on the server at once: most of the time it is the server that is waited for.
AT_ONCE = 16
#: The server's clock stands still only while nobody works, so a busy machine makes it late. Two
#: waits that differ, differ by more.
LATE_MAX = timedelta(minutes=10)
GRAPHS = {flow.name: compile_flow(flow) for flow in CATALOGUE}

stories = pytest.mark.parametrize("story", sorted(path.stem for path in STORIES.glob("*.toml")))

#: Stories that continue as new on the server: of each kind of step one, and one of each way to be
#: held up. On the pure driver all do; here the server's clock (see below) would tell of itself.
CONTINUED = (
    "browse-still-looking",
    "cart-added-by-signal",
    "cart-left-alone-by-lot",
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
def test_a_story_goes_the_same_way_on_temporal(story: str, told: dict[str, Run | BaseException]):
    scenario = read(story)
    pure = run_scenario(GRAPHS[scenario.flow], scenario)

    run = played(told[story])
    assert what_happens(run.journal) == what_happens(pure.state.journal)
    late = [ours.at - pures.at for ours, pures in zip(run.journal, pure.state.journal, strict=True)]
    assert timedelta() <= min(late)
    assert max(late) <= LATE_MAX
    assert run.sent == tuple(step for _, step in pure.sent)
    assert run.finished == [pure.state.exit]


@pytest.mark.parametrize("story", CONTINUED)
def test_a_story_goes_the_same_way_when_it_continues_as_new_at_every_wait(
    story: str, told_in_parts: dict[str, Run | BaseException]
):
    scenario = read(story)
    pure = run_scenario(GRAPHS[scenario.flow], scenario)

    run = played(told_in_parts[story])
    # What happens, not when: the time-skipping server (experimental) counts the time that it has
    # skipped twice in the run that follows a continue-as-new.
    assert what_happens(run.journal) == what_happens(pure.state.journal)
    assert run.sent == tuple(step for _, step in pure.sent)
    assert run.finished == [pure.state.exit]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told(
    request: pytest.FixtureRequest, time_skipping: WorkflowEnvironment
) -> dict[str, Run | BaseException]:
    """What came of the stories that were asked for, on Temporal."""
    return await tell(time_skipping, asked_for(request, "told"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def told_in_parts(
    request: pytest.FixtureRequest, time_skipping: WorkflowEnvironment
) -> dict[str, Run | BaseException]:
    """The same, of those that continue as new at every wait."""
    wanted = asked_for(request, "told_in_parts")
    return await tell(time_skipping, wanted, history_events_max=12)


async def tell(
    env: WorkflowEnvironment, wanted: list[str], *, history_events_max: int | None = None
) -> dict[str, Run | BaseException]:
    """Run stories side by side: each workflow has a clock of its own."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def tell_one(story: str) -> Run:
        scenario = read(story)
        graph = GRAPHS[scenario.flow]
        async with turn:
            return await run_on_temporal(
                env, worlds, graph, scenario, history_events_max=history_events_max
            )

    async with world_worker(env) as worlds:
        results = await asyncio.gather(*map(tell_one, wanted), return_exceptions=True)
    return dict(zip(wanted, results, strict=True))


def asked_for(request: pytest.FixtureRequest, fixture: str) -> list[str]:
    """The stories of the tests that were selected and use this fixture."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    # Of this file's: the whole suite is collected, and other tests have arguments of that name.
    own = [item for item in items if item.path == Path(__file__) and fixture in item.fixturenames]
    return sorted({item.callspec.params["story"] for item in own})


def played(run: Run | BaseException) -> Run:
    if isinstance(run, BaseException):
        raise run
    return run
