"""What the relay says to Temporal, behind a protocol of two calls and a question.

Both calls may be repeated: a start that was accepted before counts as started, and an enrollment
drops the events that it has seen.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import (
    Priority,
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from sekvens.enrollments import names
from sekvens.enrollments.wire import EnrollmentInput, EventsSignal
from sekvens.errors import NotDelivered, TemporalRefused, TemporalUnavailable
from sekvens.flows.steps import Purpose
from sekvens.flows.urgency import turn_key, urgency_of

#: A call that has not been answered after this long is tried again later.
RPC_TIMEOUT = timedelta(seconds=5)

CONTACT_ID = SearchAttributeKey.for_keyword(names.CONTACT_ID)
FLOW_VERSION = SearchAttributeKey.for_keyword(names.FLOW_VERSION)

#: The call itself is at fault; every other status says that Temporal could not look at it.
_REFUSALS = (
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.FAILED_PRECONDITION,
    RPCStatusCode.OUT_OF_RANGE,
    RPCStatusCode.UNIMPLEMENTED,
)


@dataclass(frozen=True, kw_only=True)
class WorkflowStart:
    """An enrollment's workflow, as it is to be started."""

    flow: str
    version: int
    workflow_id: str
    input: EnrollmentInput

    @property
    def flow_version(self) -> str:
        """The flow with its version, as operators see it: `cart-abandonment v1`."""
        return f"{self.flow} v{self.version}"


class StartOutcome(StrEnum):
    """What became of a start."""

    STARTED = "started"  #: the enrollment's workflow runs, since now or since an earlier attempt
    OCCUPIED = "occupied"  #: another enrollment's workflow still runs under this id


class SignalOutcome(StrEnum):
    """What became of a signal."""

    TAKEN = "taken"  #: Temporal has it
    MISSING = "missing"  #: no open workflow has this id


class TemporalStarter(Protocol):
    """Starts enrollments' workflows and signals them."""

    async def start(self, start: WorkflowStart) -> StartOutcome:
        """Start a workflow, once, however often this is called.

        Raises:
            NotDelivered: Temporal did not confirm it; it may have started all the same.
        """
        ...

    async def signal(self, workflow_id: str, signal: EventsSignal) -> SignalOutcome:
        """Send events to a workflow.

        Raises:
            NotDelivered: Temporal did not confirm it; it may have the signal all the same.
        """
        ...

    async def backlog(self) -> int:
        """Tell about how many workflow tasks wait for a worker; none if Temporal cannot say."""
        ...


class ClientStarter:
    """The protocol on a real Temporal client, which must convert with pydantic's converter."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def start(self, start: WorkflowStart) -> StartOutcome:
        """Start a workflow under the flow's own name."""
        contact_id, enrollment_id = start.input.contact_id, start.input.enrollment_id
        try:
            await self._client.start_workflow(
                start.flow,
                start.input,
                id=start.workflow_id,
                task_queue=names.FLOWS_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                memo={names.ENROLLMENT_ID: enrollment_id},
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(CONTACT_ID, contact_id),
                        SearchAttributePair(FLOW_VERSION, start.flow_version),
                    ]
                ),
                static_summary=f"{start.flow_version} · {contact_id}",
                static_details=_details(start),
                priority=_priority(start),
                rpc_timeout=RPC_TIMEOUT,
            )
        except WorkflowAlreadyStartedError:
            return await self._who_runs(start)
        # A client that connects lazily says RuntimeError when it cannot.
        except (RPCError, RuntimeError) as error:
            raise _failure("start", start.workflow_id, error) from error
        return StartOutcome.STARTED

    async def signal(self, workflow_id: str, signal: EventsSignal) -> SignalOutcome:
        """Send events to the run that is open under this workflow id."""
        try:
            await self._client.get_workflow_handle(workflow_id).signal(
                names.EVENTS_SIGNAL, signal, rpc_timeout=RPC_TIMEOUT
            )
        except (RPCError, RuntimeError) as error:
            if _is_workflow_missing(error):
                return SignalOutcome.MISSING
            raise _failure("signal", workflow_id, error) from error
        return SignalOutcome.TAKEN

    async def backlog(self) -> int:
        """Ask how long the queue of enrollments is: https://docs.temporal.io/task-queue-statistics."""
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=names.FLOWS_QUEUE),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            report_stats=True,
        )
        service = self._client.workflow_service
        try:
            described = await service.describe_task_queue(request, timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError):
            return 0
        return described.stats.approximate_backlog_count

    async def tell(self, workflow_id: str, word: str) -> SignalOutcome:
        """Signal a person's word: `retry`, `skip` or `exit`.

        Raises:
            NotDelivered: Temporal did not confirm it; it may have the signal all the same.
        """
        try:
            handle = self._client.get_workflow_handle(workflow_id)
            await handle.signal(word, rpc_timeout=RPC_TIMEOUT)
        except (RPCError, RuntimeError) as error:
            if _is_workflow_missing(error):
                return SignalOutcome.MISSING
            raise _failure("signal", workflow_id, error) from error
        return SignalOutcome.TAKEN

    async def _who_runs(self, start: WorkflowStart) -> StartOutcome:
        """Look whose workflow holds the id: ours, when an earlier answer was lost, or another's."""
        handle = self._client.get_workflow_handle(start.workflow_id)
        try:
            memo = await (await handle.describe(rpc_timeout=RPC_TIMEOUT)).memo()
        except (RPCError, RuntimeError) as error:
            raise _failure("look at", start.workflow_id, error) from error
        is_ours = memo.get(names.ENROLLMENT_ID) == start.input.enrollment_id
        return StartOutcome.STARTED if is_ours else StartOutcome.OCCUPIED


def _priority(start: WorkflowStart) -> Priority:
    """Let an order's workflow go first, and flows take turns: its activities inherit that."""
    purpose = Purpose(start.input.flow.get("purpose", Purpose.MARKETING))
    return Priority(priority_key=urgency_of(purpose), fairness_key=turn_key(start.flow))


def _details(start: WorkflowStart) -> str:
    return (
        f"**{start.flow_version}**\n\n"
        f"* contact `{start.input.contact_id}`\n"
        f"* enrollment `{start.input.enrollment_id}`\n\n"
        f"`starter.py show {start.input.contact_id}` tells what the contact was sent, and why not."
        f"\n\n`starter.py signal {start.workflow_id} exit` ends it; "
        "where it is parked, `retry` and `skip` let it go on."
    )


def _is_workflow_missing(error: RPCError | RuntimeError) -> bool:
    if not isinstance(error, RPCError) or error.status is not RPCStatusCode.NOT_FOUND:
        return False
    # A namespace that does not exist is "not found" too, and no reason to drop a single event.
    namespace = NamespaceNotFoundFailure.DESCRIPTOR.full_name
    return not any(detail.type_url.endswith(namespace) for detail in error.grpc_status.details)


def _failure(what: str, workflow_id: str, error: RPCError | RuntimeError) -> NotDelivered:
    if isinstance(error, RPCError) and error.status in _REFUSALS:
        return TemporalRefused(
            f"Temporal refuses to {what} workflow {workflow_id} ({error.status.name}: {error}); "
            "it is tried again, check the namespace and that a worker has registered its names"
        )
    status = error.status.name if isinstance(error, RPCError) else "no connection"
    return TemporalUnavailable(f"Temporal cannot be reached ({status}); nothing is lost")
