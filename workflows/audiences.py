"""Scheduled work: a scan that finds a flow's audience, and what goes: contacts, and old data.

Each goes on from a cursor, batch by batch, and remembers what it came to: a crash costs a batch at
the most. Everything that needs the world is an activity; its repeat changes nothing.
"""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.audiences import names
    from sekvens.audiences.wire import (
        AudienceScanInput,
        AudienceScanResult,
        EraseBatchInput,
        EraseBatchResult,
        ExpireBatchInput,
        ExpireBatchResult,
        ExpiryInput,
        ExpiryResult,
        RetentionInput,
        RetentionResult,
        ScanBatchInput,
        ScanBatchResult,
        ScanProgress,
        added_up,
    )
    from sekvens.audiences.wording import erased_in_words, expired_in_words, progress_in_words

#: An outage delays and never drops, as in `workflows.enrollment`.
PATIENT = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=2))
#: A batch stops by itself long before; a worker that is gone is noticed by its silence.
BATCH_TIMEOUT = timedelta(minutes=10)
SILENCE_MAX = timedelta(seconds=30)


@workflow.defn(name=names.SCAN_WORKFLOW)
class AudienceScanWorkflow:
    """Looks at every contact once, and enrolls whom the flow's audience takes in."""

    @workflow.init
    def __init__(self, order: AudienceScanInput) -> None:
        self._order = order

    @workflow.query(name=names.PROGRESS_QUERY)
    def progress(self) -> ScanProgress:
        """Show how far it has come."""
        order = self._order
        return ScanProgress(
            flow=order.flow,
            counts=order.counts,
            total=order.total,
            cursor=order.cursor,
            sentence=progress_in_words(order),
        )

    @workflow.run
    async def run(self, _order: AudienceScanInput) -> AudienceScanResult:
        """Scan batch after batch until everybody has been looked at."""
        while True:
            batch = await self._batch()
            self._order = replace(
                self._order,
                cursor=batch.cursor,
                counts=self._order.counts.plus(batch.counts),
                total=self._order.total if batch.total is None else batch.total,
            )
            workflow.set_current_details(progress_in_words(self._order))
            if batch.cursor is None:
                order = self._order
                return AudienceScanResult(
                    flow=order.flow, counts=order.counts, stopped=batch.stopped
                )
            if is_long(self._order.history_events_max):
                workflow.continue_as_new(self._order)

    async def _batch(self) -> ScanBatchResult:
        batch: ScanBatchResult = await workflow.execute_activity(
            names.SCAN_ACTIVITY,
            ScanBatchInput(flow=self._order.flow, cursor=self._order.cursor),
            result_type=ScanBatchResult,
            start_to_close_timeout=BATCH_TIMEOUT,
            heartbeat_timeout=SILENCE_MAX,
            retry_policy=PATIENT,
            summary=progress_in_words(self._order),
        )
        return batch


@workflow.defn(name=names.RETENTION_WORKFLOW)
class RetentionWorkflow:
    """Erases contacts who never ordered and have been inactive for as long as the settings say."""

    @workflow.init
    def __init__(self, order: RetentionInput) -> None:
        self._order = order

    @workflow.run
    async def run(self, _order: RetentionInput) -> RetentionResult:
        """Look at everybody, batch after batch."""
        while True:
            batch = await workflow.execute_activity(
                names.ERASE_ACTIVITY,
                EraseBatchInput(cursor=self._order.cursor),
                result_type=EraseBatchResult,
                start_to_close_timeout=BATCH_TIMEOUT,
                heartbeat_timeout=SILENCE_MAX,
                retry_policy=PATIENT,
            )
            erased = self._order.erased + batch.erased
            self._order = replace(self._order, cursor=batch.cursor, erased=erased)
            workflow.set_current_details(erased_in_words(erased))
            if batch.cursor is None:
                return RetentionResult(erased=erased)
            if is_long(None):
                workflow.continue_as_new(self._order)


@workflow.defn(name=names.EXPIRY_WORKFLOW)
class ExpiryWorkflow:
    """Lets go what is older than the settings say, rule by rule."""

    @workflow.init
    def __init__(self, order: ExpiryInput) -> None:
        self._order = order

    @workflow.query(name=names.PROGRESS_QUERY)
    def progress(self) -> ExpiryResult:
        """Show what has gone so far."""
        counts = self._order.counts
        return ExpiryResult(counts=counts, sentence=expired_in_words(counts))

    @workflow.run
    async def run(self, _order: ExpiryInput) -> ExpiryResult:
        """Work off batch after batch until nothing is old enough."""
        while True:
            batch = await workflow.execute_activity(
                names.EXPIRE_ACTIVITY,
                ExpireBatchInput(cursor=self._order.cursor),
                result_type=ExpireBatchResult,
                start_to_close_timeout=BATCH_TIMEOUT,
                heartbeat_timeout=SILENCE_MAX,
                retry_policy=PATIENT,
            )
            counts = added_up(self._order.counts, batch.counts)
            self._order = replace(self._order, cursor=batch.cursor, counts=counts)
            workflow.set_current_details(expired_in_words(counts))
            if batch.cursor is None:
                return self.progress()
            if is_long(self._order.history_events_max):
                workflow.continue_as_new(self._order)


def is_long(events_max: int | None) -> bool:
    """Tell whether a run is to begin anew, with a history of its own."""
    info = workflow.info()
    reached = events_max is not None and info.get_current_history_length() >= events_max
    return reached or info.is_continue_as_new_suggested()
