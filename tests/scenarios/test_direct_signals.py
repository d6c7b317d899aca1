"""A backend's own signals: whatever they carry, the enrollment takes them and lives."""

import asyncio
import uuid

import pytest
from temporalio.testing import WorkflowEnvironment

from sekvens.enrollments import names
from sekvens.enrollments.wire import (
    EnrollmentEvent,
    EnrollmentInput,
    EnrollmentResult,
    EventsSignal,
)
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.codec import to_json
from sekvens.flows.steps import ExitReason
from tests.scenarios.temporal_driver import world_worker

CART = next(flow for flow in CATALOGUE if flow.name == "cart-abandonment")


async def ends_after(env: WorkflowEnvironment, signal: str, *payload: object) -> str:
    """Start an enrollment, signal it, and tell how it ended."""
    order = EnrollmentInput(
        enrollment_id=f"e-{uuid.uuid4().hex[:8]}", contact_id="c-1", flow=to_json(CART)
    )
    async with world_worker(env):
        with env.with_time_skipping_disabled():
            handle = await env.client.start_workflow(
                CART.name,
                order,
                id=f"{CART.name}/{order.enrollment_id}",
                task_queue=names.FLOWS_QUEUE,
                result_type=EnrollmentResult,
            )
        await handle.signal(signal, args=list(payload))
        result = await asyncio.wait_for(handle.result(), 15)
    return result.exit_reason


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize(
    "payload",
    [(), (None,), ("garbage",), (b"\x00\xff",), ({"order_id": 7, "email": {}},), (1, 2, 3)],
    ids=["nothing", "null", "text", "bytes", "wrong types", "too many"],
)
async def test_a_purchase_ends_the_enrollment_whatever_it_carries(
    payload: tuple[object, ...], time_skipping: WorkflowEnvironment
):
    assert await ends_after(time_skipping, "purchase", *payload) == "converted"


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("reason", [ExitReason.SUPERSEDED, ExitReason.SUPPRESSED])
async def test_an_exit_that_the_relay_says_outright_ends_it_in_mid_wait(
    reason: ExitReason, time_skipping: WorkflowEnvironment
):
    told = EnrollmentEvent(seq=1, event_id="exit-e-1", matched=(), exit_reason=reason)

    assert await ends_after(time_skipping, "events", EventsSignal(events=(told,))) == reason


@pytest.mark.asyncio(loop_scope="session")
async def test_an_unsubscribe_and_an_event_by_its_name_are_heard(
    time_skipping: WorkflowEnvironment,
):
    assert await ends_after(time_skipping, "unsubscribe") == "unsubscribed"
    assert await ends_after(time_skipping, "Cart Emptied") == "no_longer_matches"
    assert await ends_after(time_skipping, "exit") == "cancelled"
