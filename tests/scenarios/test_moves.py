"""A move on a real Temporal server: the workflow goes over, once, and its history replays."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from pydantic import TypeAdapter
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer

from sekvens.enrollments import names
from sekvens.enrollments.wire import (
    EnrollmentEvent,
    EnrollmentInput,
    EnrollmentView,
    EventsSignal,
    FlowMove,
    MoveInput,
)
from sekvens.flows.builder import MARKETING, days, event, exit_on, flow, hours, send, wait
from sekvens.flows.codec import to_json
from sekvens.flows.definition import Flow
from sekvens.flows.graph import compile_flow
from sekvens.flows.moving import Policy
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason, Step
from sekvens.plugin import sekvens_plugin
from sekvens.simulator.scenario import Scenario
from sekvens.simulator.world import World
from tests.scenarios.temporal_driver import WorldActivities, world_worker
from workflows.registered import WORKFLOWS

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
#: Behind the first letter, in the first wait.
STARTED = hours(30)


def version(number: int, *steps: Step, **given: Any) -> Flow:
    return flow(
        "moving",
        version=number,
        purpose=MARKETING,
        trigger=event("Email Subscribed"),
        steps=steps,
        **given,
    )


OLD = version(1, send("hello"), wait("a-pause", days(4)), send("more"))
NOTHING_HAPPENS = Scenario(
    flow="moving", start=START, zone="UTC", entry_key=None, subscribed=True, traits={}, past=(),
    events=(), outcomes={}, offers={},
)  # fmt: skip
SHORTER = version(2, send("hello"), wait("a-pause", days(1)), send("more"), send("extra"))


@dataclass
class Passage:
    """One enrollment under way, and what its world has seen."""

    env: WorkflowEnvironment
    handle: WorkflowHandle[Any, Any]
    world: World
    moves: list[MoveInput]

    async def let_pass(self, span: timedelta) -> None:
        await self.env.fast_forward(self.handle, span)

    async def moved(
        self, to: Flow, policy: Policy = Policy.RECOMPUTE_WAITS, *, seq: int = 1, copies: int = 1
    ) -> None:
        move = FlowMove(
            flow=to_json(to), policy=policy, templates={"moving/more": f"v{to.version}"}
        )
        told = EnrollmentEvent(seq=seq, event_id=f"move-{seq}", matched=(), move=move)
        await self.handle.signal(names.EVENTS_SIGNAL, EventsSignal(events=(told,) * copies))

    async def ends(self) -> list[tuple[timedelta, str]]:
        await self.env.fast_forward(self.handle)
        await self.handle.result()
        hour = timedelta(hours=1)
        return [((at - START) // hour * hour, step) for at, step in self.world.sent]

    async def view(self) -> EnrollmentView:
        return await self.handle.query(names.VIEW_QUERY, result_type=EnrollmentView)


def moving_to(
    to: Flow, policy: Policy = Policy.RECOMPUTE_WAITS, *, seq: int = 1, copies: int = 1
) -> EventsSignal:
    move = FlowMove(flow=to_json(to), policy=policy, templates={"moving/more": f"v{to.version}"})
    told = EnrollmentEvent(seq=seq, event_id=f"move-{seq}", matched=(), move=move)
    return EventsSignal(events=(told,) * copies)


Begin = Callable[..., Any]


@pytest_asyncio.fixture(loop_scope="session")
async def begin(time_skipping: WorkflowEnvironment) -> AsyncIterator[Begin]:
    async with world_worker(time_skipping) as played:

        async def begin(name: str, **given: Any) -> Passage:
            return await _begin(time_skipping, played, name, **given)

        yield begin


async def _begin(
    env: WorkflowEnvironment,
    played: WorldActivities,
    name: str,
    *,
    scenario: Scenario = NOTHING_HAPPENS,
    after: timedelta = STARTED,
    **given: Any,
) -> Passage:
    # What a send of any version may be: the world knows no flow, it only writes down.
    everything = compile_flow(replace(SHORTER, steps=(*SHORTER.steps, send("late"))))
    world = World(scenario, everything)
    played.worlds[name] = world
    moves = played.moved.setdefault(name, [])
    order = EnrollmentInput(
        enrollment_id=name,
        contact_id="c-moving",
        flow=to_json(OLD),
        shop_time=to_json(ShopTime(origin=datetime.now(UTC), begins_at=START)),
        **given,
    )
    with env.with_time_skipping_disabled():
        handle = await env.client.start_workflow(
            "moving", order, id=f"moving/{name}", task_queue=names.FLOWS_QUEUE
        )
    passage = Passage(env, handle, world, moves)
    await passage.let_pass(after)
    return passage


async def replays(passage: Passage) -> None:
    history = await passage.handle.fetch_history()
    replayer = Replayer(workflows=[], plugins=[sekvens_plugin(workflows=WORKFLOWS)])
    await replayer.replay_workflow(history)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_shortened_wait_that_is_over_ends_at_once_and_the_new_way_is_walked(begin: Begin):
    passage = await begin("e-shorter")
    await passage.moved(SHORTER, copies=2)
    await passage.moved(SHORTER)  # the relay repeats itself after a crash

    assert await passage.ends() == [(hours(0), "hello"), (hours(30), "more"), (hours(30), "extra")]
    described = await passage.handle.describe()
    assert described.search_attributes[names.FLOW_VERSION] == ["moving v2"]
    assert [(each.version, each.step_id) for each in passage.moves] == [(2, "a-pause")]
    assert (await passage.view()).version == 2
    await replays(passage)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_running_wait_ends_as_it_would_have_and_then_the_new_way_is_walked(begin: Begin):
    passage = await begin("e-next-step")
    await passage.moved(SHORTER, Policy.MOVE_AT_NEXT_STEP)

    assert await passage.ends() == [(hours(0), "hello"), (days(4), "more"), (days(4), "extra")]


@pytest.mark.asyncio(loop_scope="session")
async def test_a_moved_enrollment_continues_as_new_in_its_new_version(begin: Begin):
    longer = version(2, send("hello"), wait("a-pause", days(9)), wait("b", days(1)), send("late"))
    passage = await begin("e-new", history_events_max=5)
    await passage.moved(longer)

    assert await passage.ends() == [(hours(0), "hello"), (days(10), "late")]
    assert (await passage.view()).version == 2


@pytest.mark.asyncio(loop_scope="session")
async def test_exit_rules_of_the_new_version_hold_from_the_move_on(begin: Begin):
    new = replace(SHORTER, exit_when=(exit_on("page", ExitReason.CONVERTED),))
    passage = await begin("e-exit")
    await passage.moved(new, Policy.MOVE_AT_NEXT_STEP)
    seen = EnrollmentEvent(seq=2, event_id="p", matched=("page",))
    await passage.handle.signal(names.EVENTS_SIGNAL, EventsSignal(events=(seen,)))

    assert await passage.ends() == [(hours(0), "hello")]


@pytest.mark.asyncio(loop_scope="session")
async def test_what_an_older_worker_passed_over_replays_and_the_next_move_is_heard(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
):
    passage = await begin("e-passed-over")
    told = TypeAdapter(EventsSignal).dump_python(moving_to(SHORTER), mode="json")
    nothing = property(lambda _self: None, lambda _self, _given: None)
    monkeypatch.setattr(EnrollmentEvent, "move", nothing)  # it knows no such field
    await passage.handle.signal(names.EVENTS_SIGNAL, told)
    await passage.let_pass(hours(1))
    monkeypatch.undo()
    await passage.moved(SHORTER, seq=2)

    assert (await passage.ends())[-1] == (hours(31), "extra")
    await replays(passage)
