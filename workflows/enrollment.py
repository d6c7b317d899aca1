"""The enrollment: one contact in one flow, as one durable workflow.

It does what the interpreter says, reports back, and decides nothing by itself. It is dynamic and
started under the flow's own name, so that Temporal's UI and metrics show the flow. Determinism: it
reads no clock but `workflow.now()`, and every fact comes from an activity's result or a signal.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from temporalio import workflow
from temporalio.common import RawValue, SearchAttributeKey

# Passed through the sandbox: these modules are pure (a test proves it), and costly to import anew.
with workflow.unsafe.imports_passed_through():
    from sekvens.enrollments import names, standing
    from sekvens.enrollments.wire import (
        AnswerResult,
        EnrollmentInput,
        EnrollmentResult,
        EnrollmentView,
        EventsSignal,
        FlowMove,
        RecordInput,
    )
    from sekvens.flows import interpreter
    from sekvens.flows.codec import from_json, to_json
    from sekvens.flows.commands import Ask, CarryOut, Finish, SendMessage, SleepUntil
    from sekvens.flows.definition import Flow
    from sekvens.flows.doing import doing
    from sekvens.flows.graph import compile_flow
    from sekvens.flows.shop_time import ShopTime
    from sekvens.flows.state import clock_text
    from workflows import orders

FLOW_VERSION = SearchAttributeKey.for_keyword(names.FLOW_VERSION)
EXIT_REASON = SearchAttributeKey.for_keyword(names.EXIT_REASON)
PARKED_REASON = SearchAttributeKey.for_keyword(names.PARKED_REASON)


@workflow.defn(dynamic=True)
class EnrollmentWorkflow:
    """Drives one enrollment from its first step to its exit."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        pinned = workflow.payload_converter().from_payload(args[0].payload, EnrollmentInput)
        self._shop_time = from_json(ShopTime, pinned.shop_time)
        self._pinned = replace(pinned, started_at=pinned.started_at or self._now())
        self._graph = compile_flow(from_json(Flow, pinned.flow))
        self._state = orders.first_state(self._pinned, self._graph, now=self._now())
        self._inbox: list[EventsSignal | RecordInput | str] = []

    @workflow.query(name=names.VIEW_QUERY)
    def view(self) -> EnrollmentView:
        """Show where it stands, readable without decoding anything."""
        return standing.view_of(self._pinned, self._graph, self._state, now=self._now())

    @workflow.signal(name=names.EVENTS_SIGNAL)
    def events(self, signal: EventsSignal) -> None:
        """Take events from the relay."""
        self._inbox.append(signal)

    @workflow.signal(dynamic=True)
    def by_name(self, name: str, args: Sequence[RawValue]) -> None:
        """Take a person's word (`retry`, `skip`, `exit`), or an event by its name.

        `purchase` and `unsubscribe` come in here, too: a handler with a parameter of its own fails
        the task for ever when a backend gives it no argument, or one that the SDK cannot read.
        """
        if name in (names.RETRY_SIGNAL, names.SKIP_SIGNAL, names.EXIT_SIGNAL):
            self._inbox.append(name)
            return
        signal = orders.direct_signal(args)
        event_name = names.DIRECT_SIGNALS.get(name, name)
        event_id = signal.event_id or f"signal-{workflow.uuid4()}"
        self._inbox.append(
            orders.record_order(self._pinned, event_name, event_id, signal, now=self._now())
        )

    @workflow.run
    async def run(self, _args: Sequence[RawValue]) -> EnrollmentResult:
        """Do what the interpreter says until it says that it is over."""
        while True:
            await self._work_off_inbox()
            self._state, command = interpreter.decide(self._graph, self._state, self._now())
            self._show()
            match command:
                case Finish():
                    return await self._finish(command)
                case SleepUntil():
                    await self._sleep(command)
                case SendMessage() | CarryOut():
                    await self._act(command)
                case Ask():
                    await self._ask(command)
                case _:
                    assert_never(command)

    async def _work_off_inbox(self) -> None:
        while self._inbox:
            item = self._inbox.pop(0)
            if isinstance(item, EventsSignal):
                for event in standing.events_for(self._pinned, item):
                    is_new = event.seq > self._state.seq and self._state.exit is None
                    self._see(event.event_id, event.matched, event.seq)
                    # Of a merge or an erasure. Older workers went on, and so do their replays.
                    if event.exit_reason and workflow.patched(names.EXIT_BY_RELAY_PATCH):
                        self._state = self._state.leave(event.exit_reason, self._now())
                    if event.move and is_new and workflow.patched(names.move_patch(event.seq)):
                        await self._move(event.move)
                    if event.look and is_new and workflow.patched(names.look_patch(event.seq)):
                        self._state = standing.look_again(self._graph, self._state, self._now())
            elif isinstance(item, RecordInput):
                # The fact first: the gates of the contact's other enrollments must see it, too.
                summary = f"record {item.event_name}"
                await self._do(names.RECORD_ACTIVITY, item, None, summary=summary)
                self._see(names.plain(item.event_id), (item.event_name,), None)
            else:
                self._state = interpreter.operate(self._state, item, self._now())

    def _see(self, event_id: str, matched: tuple[str, ...], seq: int | None) -> None:
        now = self._now()
        self._state = interpreter.see(self._graph, self._state, event_id, matched, seq=seq, now=now)

    async def _move(self, to: FlowMove) -> None:
        """Go on by another version: what has been done is done, and the next command is its own."""
        graph, self._state = standing.moved(self._graph, to, self._state, now=self._now())
        if graph is not self._graph:
            self._graph = graph
            self._pinned = replace(self._pinned, flow=to.flow, templates=to.templates)
        version = f"{self._graph.flow.name} v{self._graph.flow.version}"
        workflow.upsert_search_attributes([FLOW_VERSION.value_set(version)])
        order = standing.move_order(self._pinned, self._graph, self._state)
        await self._do(names.MOVE_ACTIVITY, order, None, summary=f"moved to {version}")

    async def _sleep(self, command: SleepUntil) -> None:
        if self._is_long():
            workflow.continue_as_new(replace(self._pinned, state=to_json(self._state)))
        timeout, until = None, "a person looks"
        if command.until is not None:
            timeout = self._shop_time.wall_delay(command.until - self._now())
            until = clock_text(command.until)
        summary = f"{command.step_id}: until {until}"
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: bool(self._inbox), timeout=timeout, timeout_summary=summary
            )

    async def _act(self, command: SendMessage | CarryOut) -> None:
        activity, order, result_type = orders.order_for(
            self._pinned, self._graph, command, now=self._now(), speed=self._shop_time.speed
        )
        result = await self._do(activity, order, result_type, summary=command.step.id)
        self._state = interpreter.settle(self._graph, self._state, result.outcome, self._now())

    async def _ask(self, command: Ask) -> None:
        order = orders.answer_order(self._pinned, command, now=self._now())
        result = await self._do(names.ANSWER_ACTIVITY, order, AnswerResult, summary=command.step_id)
        if result.parked is not None:
            self._state = interpreter.settle(self._graph, self._state, result.parked, self._now())
            return
        self._state = interpreter.answer(
            self._graph, self._state, result.branch, result.instant, now=self._now()
        )

    async def _finish(self, command: Finish) -> EnrollmentResult:
        step_id, reason = self._state.step, command.reason
        order = orders.finish_order(self._pinned, command, step_id=step_id, now=self._now())
        workflow.upsert_search_attributes([EXIT_REASON.value_set(reason)])
        await self._do(names.FINISH_ACTIVITY, order, None, summary=f"left: {reason}")
        await self._work_off_inbox()  # a purchase signalled meanwhile is a fact all the same
        return EnrollmentResult(exit_reason=reason, step_id=step_id)

    async def _do(
        self, activity: str, order: object, result_type: type | None, *, summary: str
    ) -> Any:
        limit = self._pinned.attempt_seconds
        return await orders.do(activity, order, result_type, summary=summary, attempt_seconds=limit)

    def _show(self) -> None:
        """Say in the Temporal UI what it is at."""
        workflow.set_current_details(doing(self._graph, self._state, self._now()))
        parked = standing.parked_attribute(self._state)
        if parked != workflow.info().typed_search_attributes.get(PARKED_REASON):
            workflow.upsert_search_attributes(
                [PARKED_REASON.value_set(parked) if parked else PARKED_REASON.value_unset()]
            )

    def _is_long(self) -> bool:
        info, most = workflow.info(), self._pinned.history_events_max
        reached = most is not None and info.get_current_history_length() >= most
        return reached or info.is_continue_as_new_suggested()

    def _now(self) -> datetime:
        """Tell the shop time."""
        return self._shop_time.at(workflow.now())
