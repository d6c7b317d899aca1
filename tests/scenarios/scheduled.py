"""Runs scheduled workflows on a real Temporal server, their activities played from a script."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from sekvens.audiences import names
from sekvens.audiences.wire import (
    AudienceScanResult,
    Counts,
    EraseBatchInput,
    EraseBatchResult,
    ExpireBatchInput,
    ExpireBatchResult,
    ExpiryResult,
    RefreshBatchInput,
    RefreshBatchResult,
    RefreshResult,
    RetentionResult,
    ScanBatchInput,
    ScanBatchResult,
    SegmentsBatchInput,
    SegmentsBatchResult,
    SegmentsResult,
)
from sekvens.enrollments.names import FLOWS_QUEUE
from sekvens.experiments.names import LOOKS_ACTIVITY, LOOKS_WORKFLOW
from sekvens.experiments.wire import LooksInput, LooksResult
from sekvens.predictions.names import PREDICT_ACTIVITY, PREDICTION_WORKFLOW
from sekvens.predictions.wire import PredictBatchInput, PredictionResult, Worked
from sekvens.staff.monday.names import MONDAY_ACTIVITY, MONDAY_WORKFLOW
from sekvens.staff.monday.wire import MondayInput, MondayResult
from workflows.registered import WORKFLOWS

#: Cursor -> what the batch behind it comes to: three batches, and everybody has been seen.
SCAN: dict[str | None, ScanBatchResult] = {
    None: ScanBatchResult(
        cursor="c-2", total=5, counts=Counts(scanned=2, enrolled=1, refused={"conditions": 1})
    ),
    "c-2": ScanBatchResult(cursor="c-4", counts=Counts(scanned=2, refused={"under_way": 2})),
    "c-4": ScanBatchResult(cursor=None, counts=Counts(scanned=1, enrolled=1)),
}
ERASURES: dict[str | None, EraseBatchResult] = {
    None: EraseBatchResult(cursor="c-2", erased=2),
    "c-2": EraseBatchResult(cursor=None, erased=1),
}
EXPIRIES: dict[str | None, ExpireBatchResult] = {
    None: ExpireBatchResult(cursor="visits", counts={"rejected_events": 3, "visits": 500}),
    "visits": ExpireBatchResult(cursor=None, counts={"visits": 20}),
}
ROUNDS: dict[str | None, SegmentsBatchResult] = {
    None: SegmentsBatchResult(cursor="c-2", scanned=2, told=1),
    "c-2": SegmentsBatchResult(cursor=None, scanned=1),
}
REFRESHES: dict[str | None, RefreshBatchResult] = {
    None: RefreshBatchResult(cursor="days/", days=40),
    "days/": RefreshBatchResult(cursor=None, days=2),
}
LOOKS = LooksResult(verdicts={"welcome/subject": "open", "cart-abandonment/code": "no_winner"})
MONDAY = MondayResult(sent=2, skipped=1)
#: What is handed in -> what it comes to: a run is begun, goes on, and is over.
FIRST, SECOND, LAST = (
    Worked(version=7, subject="orders"),
    Worked(version=7, subject="orders", contacts=2_000, predicted=900),
    Worked(version=7, subject="orders", contacts=2_400, predicted=1_100, is_over=True),
)
PREDICTED = {Worked(): FIRST, FIRST: SECOND, SECOND: LAST}
RESULTS = {
    PREDICTION_WORKFLOW: PredictionResult,
    names.SCAN_WORKFLOW: AudienceScanResult,
    names.RETENTION_WORKFLOW: RetentionResult,
    names.EXPIRY_WORKFLOW: ExpiryResult,
    names.SEGMENTS_WORKFLOW: SegmentsResult,
    names.REFRESH_WORKFLOW: RefreshResult,
    LOOKS_WORKFLOW: LooksResult,
    MONDAY_WORKFLOW: MondayResult,
}


class ScriptedActivities:
    """Says what the script says; `faults` attempts fail before that."""

    def __init__(self, faults: int = 0) -> None:
        self.faults = faults
        self.asked: list[str | None] = []

    @activity.defn(name=names.SCAN_ACTIVITY)
    async def scan(self, order: ScanBatchInput) -> ScanBatchResult:
        self.asked.append(order.cursor)
        if self.faults:
            self.faults -= 1
            raise ApplicationError("the database is away")
        return SCAN[order.cursor]

    @activity.defn(name=names.ERASE_ACTIVITY)
    async def erase(self, order: EraseBatchInput) -> EraseBatchResult:
        return ERASURES[order.cursor]

    @activity.defn(name=names.EXPIRE_ACTIVITY)
    async def expire(self, order: ExpireBatchInput) -> ExpireBatchResult:
        self.asked.append(order.cursor)
        return EXPIRIES[order.cursor]

    @activity.defn(name=names.SEGMENTS_ACTIVITY)
    async def watch(self, order: SegmentsBatchInput) -> SegmentsBatchResult:
        self.asked.append(order.cursor)
        return ROUNDS[order.cursor]

    @activity.defn(name=names.REFRESH_ACTIVITY)
    async def refresh(self, order: RefreshBatchInput) -> RefreshBatchResult:
        return REFRESHES[order.cursor]

    @activity.defn(name=LOOKS_ACTIVITY)
    async def look(self, _order: LooksInput) -> LooksResult:
        return LOOKS

    @activity.defn(name=PREDICT_ACTIVITY)
    async def predict(self, order: PredictBatchInput) -> Worked:
        return PREDICTED[order.worked]

    @activity.defn(name=MONDAY_ACTIVITY)
    async def write_to_staff(self, _order: MondayInput) -> MondayResult:
        return MONDAY


@asynccontextmanager
async def scripted_worker(
    env: WorkflowEnvironment, *, faults: int = 0
) -> AsyncIterator[ScriptedActivities]:
    """Run a worker whose activities follow the script."""
    scripted = ScriptedActivities(faults)
    async with Worker(
        env.client,
        task_queue=FLOWS_QUEUE,
        workflows=WORKFLOWS,
        activities=[
            *(scripted.scan, scripted.erase, scripted.expire, scripted.predict),
            *(scripted.watch, scripted.refresh, scripted.look, scripted.write_to_staff),
        ],
    ):
        yield scripted


async def start(env: WorkflowEnvironment, workflow: str, order: object) -> WorkflowHandle:
    """Start a scheduled workflow under an id of its own."""
    with env.with_time_skipping_disabled():
        return await env.client.start_workflow(
            workflow,
            order,
            id=f"{workflow}/{uuid.uuid4().hex[:8]}",
            task_queue=FLOWS_QUEUE,
            result_type=RESULTS[workflow],
        )
