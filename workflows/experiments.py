"""Scheduled looks at experiments: one activity, which takes those that are due.

Whether a look is due depends on how many contacts count, and not on when this is started.
"""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.experiments import names
    from sekvens.experiments.wire import LooksInput, LooksResult

#: An outage delays and never drops, as in `workflows.enrollment`.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2))
#: Every contact of every experiment is read.
LOOKS_TIMEOUT = timedelta(minutes=10)


@workflow.defn(name=names.LOOKS_WORKFLOW)
class LooksWorkflow:
    """Takes the looks that are due."""

    @workflow.run
    async def run(self, order: LooksInput) -> LooksResult:
        """Look once at every experiment."""
        result: LooksResult = await workflow.execute_activity(
            names.LOOKS_ACTIVITY,
            order,
            result_type=LooksResult,
            start_to_close_timeout=LOOKS_TIMEOUT,
            retry_policy=PATIENT,
        )
        workflow.set_current_details(result.sentence)
        return result
