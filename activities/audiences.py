"""The activities of scheduled work: a batch of a scan, of erasures, of expiry, of segments."""

from collections.abc import Callable
from typing import Any

from temporalio import activity

from sekvens.audiences import names
from sekvens.audiences.expiry import Expirer
from sekvens.audiences.retention import Retention
from sekvens.audiences.rounds import Rounds
from sekvens.audiences.scan import Scanner
from sekvens.audiences.wire import (
    Counts,
    EraseBatchInput,
    EraseBatchResult,
    ExpireBatchInput,
    ExpireBatchResult,
    ScanBatchInput,
    ScanBatchResult,
    SegmentsBatchInput,
    SegmentsBatchResult,
)


class AudienceActivities:
    """Scans and erases, in threads; a repeat goes on where the attempt before it was last heard."""

    def __init__(
        self, *, scanner: Scanner, retention: Retention, expirer: Expirer, rounds: Rounds
    ) -> None:
        self._scanner = scanner
        self._retention = retention
        self._expirer = expirer
        self._rounds = rounds

    def all_of_them(self) -> list[Callable[..., Any]]:
        """List the activities, for a worker."""
        return [
            self.scan_audience_batch,
            self.erase_inactive_batch,
            self.expire_batch,
            self.watch_segments_batch,
        ]

    @activity.defn(name=names.SCAN_ACTIVITY, no_thread_cancel_exception=True)
    def scan_audience_batch(self, order: ScanBatchInput) -> ScanBatchResult:
        """Scan on for some seconds."""
        return self._scanner.batch(order.flow, _so_far(order), _say)

    @activity.defn(name=names.ERASE_ACTIVITY, no_thread_cancel_exception=True)
    def erase_inactive_batch(self, order: EraseBatchInput) -> EraseBatchResult:
        """Erase on for some seconds."""
        return self._retention.batch(order.cursor, activity.heartbeat)

    @activity.defn(name=names.EXPIRE_ACTIVITY, no_thread_cancel_exception=True)
    def expire_batch(self, order: ExpireBatchInput) -> ExpireBatchResult:
        """Let old data go for some seconds."""
        return self._expirer.batch(order.cursor, activity.heartbeat)

    @activity.defn(name=names.SEGMENTS_ACTIVITY, no_thread_cancel_exception=True)
    def watch_segments_batch(self, order: SegmentsBatchInput) -> SegmentsBatchResult:
        """Look at who has entered or left a segment for some seconds."""
        return self._rounds.batch(order.cursor, activity.heartbeat)


def _say(so_far: ScanBatchResult) -> None:
    activity.heartbeat(so_far.cursor, so_far.counts, so_far.total)


def _so_far(order: ScanBatchInput) -> ScanBatchResult:
    heard = activity.info().heartbeat_details
    if not heard:
        return ScanBatchResult(cursor=order.cursor)
    cursor, counts, total = heard
    return ScanBatchResult(cursor=cursor, counts=Counts(**counts), total=total)
