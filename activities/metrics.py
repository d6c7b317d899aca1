"""The activity of metrics: a batch of noticing and counting."""

from temporalio import activity

from sekvens.audiences import names
from sekvens.audiences.wire import RefreshBatchInput, RefreshBatchResult
from sekvens.metrics.refresh import Refresher


class MetricActivities:
    """Refreshes in threads; a repeat does again what was not committed, and nothing twice."""

    def __init__(self, refresher: Refresher) -> None:
        self._refresher = refresher

    @activity.defn(name=names.REFRESH_ACTIVITY, no_thread_cancel_exception=True)
    def refresh_metrics_batch(self, order: RefreshBatchInput) -> RefreshBatchResult:
        """Notice and count for some seconds."""
        batch = self._refresher.batch(order.cursor, activity.heartbeat)
        return RefreshBatchResult(cursor=batch.cursor, days=batch.days)
