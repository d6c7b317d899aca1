"""The recomputation of predictions, on a schedule: batch after batch, each an activity.

How far it has come stands in the database: whoever begins goes on where the one before was stopped.
"""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow

# Passed through the sandbox: names and frozen dataclasses of the standard library alone.
with workflow.unsafe.imports_passed_through():
    from sekvens.audiences.names import PROGRESS_QUERY
    from sekvens.predictions import names
    from sekvens.predictions.wire import (
        PredictBatchInput,
        PredictionInput,
        PredictionResult,
        Worked,
    )
    from sekvens.predictions.wording import worked_in_words

from workflows.audiences import BATCH_TIMEOUT, PATIENT, is_long

#: Learning is silent: some seconds on an idle machine, and much longer on one that is not.
SILENCE_MAX = timedelta(minutes=5)


@workflow.defn(name=names.PREDICTION_WORKFLOW)
class PredictionWorkflow:
    """Works out anew what every contact is expected to do."""

    @workflow.init
    def __init__(self, order: PredictionInput) -> None:
        self._order = order

    @workflow.query(name=PROGRESS_QUERY)
    def progress(self) -> PredictionResult:
        """Show how far it has come."""
        worked = self._order.worked
        return PredictionResult(worked=worked, sentence=worked_in_words(worked))

    @workflow.run
    async def run(self, _order: PredictionInput) -> PredictionResult:
        """Work off batch after batch until everything is worked out."""
        while True:
            worked = await workflow.execute_activity(
                names.PREDICT_ACTIVITY,
                PredictBatchInput(worked=self._order.worked),
                result_type=Worked,
                start_to_close_timeout=BATCH_TIMEOUT,
                heartbeat_timeout=SILENCE_MAX,
                retry_policy=PATIENT,
                summary=worked_in_words(self._order.worked),
            )
            self._order = replace(self._order, worked=worked)
            workflow.set_current_details(worked_in_words(worked))
            if worked.is_over:
                return self.progress()
            if is_long(self._order.history_events_max):
                workflow.continue_as_new(self._order)
