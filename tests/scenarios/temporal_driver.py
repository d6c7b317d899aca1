"""Runs a scenario on a real Temporal server: the real workflow, activities played by a world."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import WorkflowHandle, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from sekvens.enrollments import names
from sekvens.enrollments.wire import (
    AnswerInput,
    AnswerResult,
    CarryOutInput,
    CarryOutResult,
    DirectSignal,
    EnrollmentEvent,
    EnrollmentInput,
    EnrollmentView,
    EventsSignal,
    FinishInput,
    MoveInput,
    RecordInput,
    SendInput,
    SendResult,
)
from sekvens.flows.codec import from_json, to_json
from sekvens.flows.commands import NextLocalTime, Question
from sekvens.flows.graph import Graph
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.state import JournalEntry
from sekvens.flows.steps import Deed
from sekvens.simulator.scenario import Scenario, ScenarioEvent
from sekvens.simulator.world import OPERATOR_WORDS, World
from workflows.registered import WORKFLOWS


@dataclass(frozen=True, kw_only=True)
class Run:
    """What came of a scenario on Temporal."""

    journal: tuple[JournalEntry, ...]
    sent: tuple[str, ...]
    history: WorkflowHistory
    finished: list[str]


#: An event's own signal, where it has one; every other is signalled by the event's name.
SIGNALS = {event: signal for signal, event in names.DIRECT_SIGNALS.items()}


class WorldActivities:
    """The product's activities by name, played by the worlds of the scenarios that are running."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {}
        self.finished: dict[str, list[str]] = {}
        self.moved: dict[str, list[MoveInput]] = {}

    @activity.defn(name=names.SEND_ACTIVITY)
    async def send(self, order: SendInput) -> SendResult:
        resume = from_json(NextLocalTime, order.resume) if order.resume else None
        world = self.worlds[order.enrollment_id]
        return SendResult(
            outcome=world.send(order.step_id, order.now, resume=resume, skip=order.skip)
        )

    @activity.defn(name=names.CARRY_OUT_ACTIVITY)
    async def carry_out(self, order: CarryOutInput) -> CarryOutResult:
        deed = from_json(Deed, order.step)  # type: ignore[arg-type]
        world = self.worlds[order.enrollment_id]
        return CarryOutResult(outcome=world.carry_out(deed, order.now, skip=order.skip))

    @activity.defn(name=names.ANSWER_ACTIVITY)
    async def answer(self, order: AnswerInput) -> AnswerResult:
        question = from_json(Question, order.question)  # type: ignore[arg-type]
        branch, instant = self.worlds[order.enrollment_id].answer(question, order.now)
        return AnswerResult(branch=branch, instant=instant)

    @activity.defn(name=names.RECORD_ACTIVITY)
    async def record(self, order: RecordInput) -> None:
        pass

    @activity.defn(name=names.FINISH_ACTIVITY)
    async def finish(self, order: FinishInput) -> None:
        self.finished.setdefault(order.enrollment_id, []).append(order.reason)

    @activity.defn(name=names.MOVE_ACTIVITY)
    async def move(self, order: MoveInput) -> None:
        self.moved.setdefault(order.enrollment_id, []).append(order)


@asynccontextmanager
async def world_worker(env: WorkflowEnvironment) -> AsyncIterator[WorldActivities]:
    """Run workers on both queues whose activities are played by worlds."""
    played = WorldActivities()
    quick = [played.answer, played.carry_out, played.record, played.finish, played.move]
    async with (
        Worker(env.client, task_queue=names.FLOWS_QUEUE, workflows=WORKFLOWS, activities=quick),
        Worker(env.client, task_queue=names.SES_QUEUE, activities=[played.send]),
    ):
        yield played


async def run_on_temporal(
    env: WorkflowEnvironment,
    played: WorldActivities,
    graph: Graph,
    scenario: Scenario,
    *,
    history_events_max: int | None = None,
) -> Run:
    """Run a scenario from its start to its end on the server's virtual clock."""
    enrollment_id = f"e-{uuid.uuid4().hex[:12]}"
    world = played.worlds[enrollment_id] = World(scenario, graph)
    wall = datetime.now(UTC)
    shop_time = ShopTime(origin=wall, begins_at=scenario.start)
    order = EnrollmentInput(
        enrollment_id=enrollment_id,
        contact_id="c-scenario",
        flow=to_json(graph.flow),
        templates={f"{graph.flow.name}/{step}": f"digest-of-{step}" for step in graph.steps},
        shop_time=to_json(shop_time),
        history_events_max=history_events_max,
    )
    with env.with_time_skipping_disabled():
        handle = await env.client.start_workflow(
            graph.flow.name,
            order,
            id=f"{graph.flow.name}/{enrollment_id}",
            task_queue=names.FLOWS_QUEUE,
        )
    try:
        await _play(env, handle, graph, scenario, world)
        await env.fast_forward(handle)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended before its story did
            raise
    await handle.result()
    view = await handle.query(names.VIEW_QUERY, result_type=EnrollmentView)
    return Run(
        journal=tuple(JournalEntry(at=line.at, text=line.text) for line in view.journal),
        sent=tuple(step for _, step in world.sent),
        history=await handle.fetch_history(),
        finished=played.finished.get(enrollment_id, []),
    )


async def _play(
    env: WorkflowEnvironment, handle: WorkflowHandle, graph: Graph, scenario: Scenario, world: World
) -> None:
    now = timedelta(0)
    for seq, event in enumerate(scenario.events, start=1):
        await env.fast_forward(handle, event.after - now)
        now = event.after
        if event.name in OPERATOR_WORDS:
            await handle.signal(event.name)
        else:
            world.happen(event, scenario.start + event.after)
            if event.direct:
                name = SIGNALS.get(event.name, event.name)
                await handle.signal(name, DirectSignal(event_id=f"event-{seq}"))
            await handle.signal(names.EVENTS_SIGNAL, _signal(graph, event, seq, world.entry_key))


def _signal(graph: Graph, event: ScenarioEvent, seq: int, entry_key: str | None) -> EventsSignal:
    matched = tuple(
        pattern.key
        for pattern in graph.listens()
        if pattern.matches(event.name, event.properties, entry_key=entry_key)
    )
    once = EnrollmentEvent(seq=seq, event_id=f"event-{seq}", matched=matched)
    return EventsSignal(events=(once,) * event.copies)
