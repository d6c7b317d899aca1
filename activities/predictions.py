"""The activity of the recomputation of predictions: a batch of it."""

from temporalio import activity

from sekvens.predictions import names
from sekvens.predictions.predicting import Predictor
from sekvens.predictions.wire import PredictBatchInput, Worked


class PredictionActivities:
    """Works out, in threads; how far it has come stands in the database."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    @activity.defn(name=names.PREDICT_ACTIVITY, no_thread_cancel_exception=True)
    def predict_batch(self, order: PredictBatchInput) -> Worked:
        """Work out on for some seconds."""
        return self._predictor.batch(order.worked, lambda _worked: activity.heartbeat())
