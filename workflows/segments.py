"""Scheduled work: a round over everybody that tells who has entered or left a segment.

It goes on from a cursor, batch by batch: a crash costs a batch at the most, and its repeat changes
nothing.
"""

from dataclasses import replace

from temporalio import workflow

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.audiences import names
    from sekvens.audiences.wire import (
        SegmentsBatchInput,
        SegmentsBatchResult,
        SegmentsInput,
        SegmentsResult,
    )
    from sekvens.audiences.wording import segments_in_words

from workflows.audiences import BATCH_TIMEOUT, PATIENT, SILENCE_MAX, is_long


@workflow.defn(name=names.SEGMENTS_WORKFLOW)
class SegmentsWorkflow:
    """Looks at every contact once, and has their entries and exits told."""

    @workflow.init
    def __init__(self, order: SegmentsInput) -> None:
        self._order = order

    @workflow.query(name=names.PROGRESS_QUERY)
    def progress(self) -> SegmentsResult:
        """Show how far it has come."""
        scanned, told = self._order.scanned, self._order.told
        return SegmentsResult(scanned=scanned, told=told, sentence=segments_in_words(scanned, told))

    @workflow.run
    async def run(self, _order: SegmentsInput) -> SegmentsResult:
        """Work off batch after batch until everybody has been looked at."""
        while True:
            batch = await workflow.execute_activity(
                names.SEGMENTS_ACTIVITY,
                SegmentsBatchInput(cursor=self._order.cursor),
                result_type=SegmentsBatchResult,
                start_to_close_timeout=BATCH_TIMEOUT,
                heartbeat_timeout=SILENCE_MAX,
                retry_policy=PATIENT,
            )
            self._order = replace(
                self._order,
                cursor=batch.cursor,
                scanned=self._order.scanned + batch.scanned,
                told=self._order.told + batch.told,
            )
            workflow.set_current_details(self.progress().sentence)
            if batch.cursor is None:
                return self.progress()
            if is_long(self._order.history_events_max):
                workflow.continue_as_new(self._order)
