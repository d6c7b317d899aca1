"""What crosses between the interpreter's values and the wire, and how the work is asked for."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import Priority, RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from sekvens.enrollments import names
    from sekvens.enrollments.wire import (
        AnswerInput,
        CarryOutInput,
        CarryOutResult,
        DirectSignal,
        EnrollmentInput,
        FinishInput,
        RecordInput,
        SendInput,
        SendResult,
    )
    from sekvens.flows import interpreter
    from sekvens.flows.codec import from_json, to_json
    from sekvens.flows.commands import Ask, CarryOut, Finish, SendMessage
    from sekvens.flows.graph import Graph
    from sekvens.flows.state import State
    from sekvens.flows.steps import Purpose
    from sekvens.flows.urgency import turn_key, urgency_of

#: An outage delays and never drops: what an activity raises is a fault of the infrastructure and is
#: retried without end. What became of a message is an outcome, and no exception.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2))
#: Longer than a lock's wait plus SES's time-outs: no attempt still sends when the next begins.
SEND_TIMEOUT_SECONDS = 60
QUICK_TIMEOUT = timedelta(seconds=30)


def first_state(pinned: EnrollmentInput, graph: Graph, *, now: datetime) -> State:
    """Start at the first step, or where a continue-as-new left off."""
    if pinned.state is None:
        return interpreter.start(graph, now)
    return from_json(State, pinned.state)


def order_for(
    pinned: EnrollmentInput,
    graph: Graph,
    command: SendMessage | CarryOut,
    *,
    now: datetime,
    speed: float,
) -> tuple[str, SendInput | CarryOutInput, type[SendResult | CarryOutResult]]:
    """Order the work of one step: the activity's name, what it is given, what it gives back."""
    if isinstance(command, SendMessage):
        order = send_order(pinned, graph, command, now=now, speed=speed)
        return names.SEND_ACTIVITY, order, SendResult
    flow = graph.flow.name
    deed = carry_out_order(pinned, flow, command, now=now, speed=speed)
    return names.CARRY_OUT_ACTIVITY, deed, CarryOutResult


def send_order(
    pinned: EnrollmentInput, graph: Graph, command: SendMessage, *, now: datetime, speed: float
) -> SendInput:
    """Order the message of one step."""
    flow, step = graph.flow, command.step
    template = flow.template_of(step)
    lateness_max = flow.lateness_max_of(step)
    return SendInput(
        enrollment_id=pinned.enrollment_id,
        contact_id=pinned.contact_id,
        flow=flow.name,
        flow_version=flow.version,
        step_id=step.id,
        template=template,
        template_digest=pinned.templates.get(template, ""),
        purpose=flow.purpose_of(step),
        now=now,
        due_at=command.due_at,
        started_at=pinned.started_at or now,
        lateness_seconds_max=lateness_max.total_seconds() if lateness_max else None,
        offer=step.offer,
        next_step=command.next_step,
        resume=to_json(command.resume),
        shop_speed=speed,
        skip=command.skip,
        second_subject=step.has_second_subject,
        past_cap=step.past_cap,
    )


def priority_of(order: object) -> Priority:
    """Tell who goes before and after a message in the queue; all else is as urgent as its flow."""
    if not isinstance(order, SendInput):
        return Priority.default
    late = order.now - order.due_at
    urgency = urgency_of(Purpose(order.purpose), late=late, speed=order.shop_speed)
    return Priority(priority_key=urgency, fairness_key=turn_key(order.flow))


def carry_out_order(
    pinned: EnrollmentInput, flow: str, command: CarryOut, *, now: datetime, speed: float
) -> CarryOutInput:
    """Order a step to be carried out that sends nothing."""
    return CarryOutInput(
        enrollment_id=pinned.enrollment_id,
        contact_id=pinned.contact_id,
        flow=flow,
        step=to_json(command.step),
        next_step=command.next_step,
        now=now,
        due_at=command.due_at,
        shop_speed=speed,
        skip=command.skip,
    )


def direct_signal(args: Sequence[RawValue]) -> DirectSignal:
    """Read what a backend sent with a signal; what is no id of ours is not looked at.

    It may be anything in any encoding, and must not break the workflow.
    """
    try:
        given = json.loads(args[0].payload.data) if args else None
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return DirectSignal()
    return DirectSignal(event_id=_id(given.get("event_id")), order_id=_id(given.get("order_id")))


def record_order(
    pinned: EnrollmentInput, event_name: str, event_id: str, signal: DirectSignal, *, now: datetime
) -> RecordInput:
    """Order the fact behind a direct signal to be recorded."""
    return RecordInput(
        contact_id=pinned.contact_id,
        event_id=event_id,
        event_name=event_name,
        order_id=signal.order_id,
        occurred_at=now,
    )


def answer_order(pinned: EnrollmentInput, command: Ask, *, now: datetime) -> AnswerInput:
    """Order the answer to a question."""
    return AnswerInput(
        enrollment_id=pinned.enrollment_id,
        contact_id=pinned.contact_id,
        question=to_json(command.question),
        now=now,
        step_id=command.step_id,
        skip=command.skip,
    )


def finish_order(
    pinned: EnrollmentInput, command: Finish, *, step_id: str | None, now: datetime
) -> FinishInput:
    """Order the enrollment's row to be closed."""
    return FinishInput(
        enrollment_id=pinned.enrollment_id, reason=command.reason, step_id=step_id, now=now
    )


async def do(
    activity: str,
    order: object,
    result_type: type | None,
    *,
    summary: str,
    attempt_seconds: int | None,
) -> Any:
    """Run an activity until it succeeds: sends on SES's queue, all else beside the workflow."""
    sends = activity == names.SEND_ACTIVITY
    send_timeout = timedelta(seconds=attempt_seconds or SEND_TIMEOUT_SECONDS)
    return await workflow.execute_activity(
        activity,
        order,
        result_type=result_type,
        task_queue=names.SES_QUEUE if sends else None,
        start_to_close_timeout=send_timeout if sends else QUICK_TIMEOUT,
        retry_policy=PATIENT,
        summary=summary,
        priority=priority_of(order),
    )


def _id(value: object) -> str | None:
    """Take an id as text or as a number; anything else would fail in the database for ever."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if 0 < len(text) <= names.ID_LENGTH_MAX and text.isprintable() else None
