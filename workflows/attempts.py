"""How an enrollment has its work done: on which queue, for how long, and how patiently."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy

with workflow.unsafe.imports_passed_through():
    from sekvens.enrollments import names
    from workflows import orders

#: An outage delays and never drops: what an activity raises is a fault of the infrastructure and is
#: retried without end. What became of a message is an outcome, and no exception.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2))
#: Longer than a lock's wait plus SES's time-outs: no attempt still sends when the next begins.
SEND_TIMEOUT_SECONDS = 60
QUICK_TIMEOUT = timedelta(seconds=30)


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
        priority=orders.priority_of(order),
    )
