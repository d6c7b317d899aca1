"""Scheduled work on metrics: what has come is noticed, and the days that it changes are counted.

It goes on from a cursor, batch by batch, as the scans do; everything that needs the world is an
activity, and its repeat changes nothing.
"""

from dataclasses import replace

from temporalio import workflow

from workflows.audiences import BATCH_TIMEOUT, PATIENT, SILENCE_MAX

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.audiences import names
    from sekvens.audiences.wire import (
        RefreshBatchInput,
        RefreshBatchResult,
        RefreshInput,
        RefreshResult,
    )


@workflow.defn(name=names.REFRESH_WORKFLOW)
class MetricsRefreshWorkflow:
    """Brings what metrics are read from up to what has been recorded."""

    @workflow.init
    def __init__(self, order: RefreshInput) -> None:
        self._order = order

    @workflow.run
    async def run(self, _order: RefreshInput) -> RefreshResult:
        """Work off batch after batch until every day that changed has been counted."""
        while True:
            batch = await workflow.execute_activity(
                names.REFRESH_ACTIVITY,
                RefreshBatchInput(cursor=self._order.cursor),
                result_type=RefreshBatchResult,
                start_to_close_timeout=BATCH_TIMEOUT,
                heartbeat_timeout=SILENCE_MAX,
                retry_policy=PATIENT,
            )
            days = self._order.days + batch.days
            self._order = replace(self._order, cursor=batch.cursor, days=days)
            workflow.set_current_details(f"{days:,} days counted")
            if batch.cursor is None:
                return RefreshResult(days=days)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._order)
