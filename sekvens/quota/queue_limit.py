"""SES's rate as the limit of the queue that sends wait in: kept by Temporal's server, for all.

What a worker says of itself when it starts is a limit too, but one that cannot change while it
runs, and that goes with the worker who said it last. The queue's own limit goes before it
(measured with Temporal 1.32). A server that does not know it keeps to the workers' word.
"""

import logging
import math
from datetime import timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import RateLimit, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    UpdateTaskQueueConfigRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from sekvens.enrollments import names

logger = logging.getLogger(__name__)

RPC_TIMEOUT = timedelta(seconds=5)
REASON = "the rate of Amazon SES; Sekvens follows it"
#: The server does not know the call, or does not allow it.
_NOT_TO_BE_HAD = (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED)

_KIND = TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY


class QueueLimit:
    """Holds the queue to a rate. One per process."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._is_to_be_had = True

    async def keep(self, rate: float) -> None:
        """See that the queue's limit is this, in activities a second; whoever set another.

        Raises:
            RPCError: Temporal cannot be asked now.
        """
        if not self._is_to_be_had or math.isclose(await self._limit(), rate, rel_tol=1e-6):
            return
        try:
            await self._set(rate)
        except RPCError as error:
            if error.status not in _NOT_TO_BE_HAD:
                raise
            self._is_to_be_had = False
            logger.warning(
                "Temporal's server sets no limit on a task queue (%s); sends keep to the rate that "
                "SES gave when a worker started: restart the workers when it changes",
                error.status.name,
                extra={"action": "queue_limit_refused"},
            )

    async def _limit(self) -> float:
        """Tell the limit that the queue has of its own; none is infinite."""
        told = await self._client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=self._client.namespace,
                task_queue=TaskQueue(name=names.SES_QUEUE),
                task_queue_type=_KIND,
                report_config=True,
            ),
            timeout=RPC_TIMEOUT,
        )
        limit = told.config.queue_rate_limit
        return limit.rate_limit.requests_per_second if limit.HasField("rate_limit") else math.inf

    async def _set(self, rate: float) -> None:
        await self._client.workflow_service.update_task_queue_config(
            UpdateTaskQueueConfigRequest(
                namespace=self._client.namespace,
                identity=self._client.identity,
                task_queue=names.SES_QUEUE,
                task_queue_type=_KIND,
                update_queue_rate_limit=UpdateTaskQueueConfigRequest.RateLimitUpdate(
                    rate_limit=RateLimit(requests_per_second=rate), reason=REASON
                ),
            ),
            timeout=RPC_TIMEOUT,
        )
        extra = {"action": "queue_limited"}
        logger.info("the queue lets %g messages a second through", round(rate, 3), extra=extra)
