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
    RetentionResult,
    ScanBatchInput,
    ScanBatchResult,
)
from sekvens.enrollments.names import FLOWS_QUEUE
from sekvens.predictions.names import PREDICT_ACTIVITY, PREDICTION_WORKFLOW
from sekvens.predictions.wire import PredictBatchInput, PredictionResult, Worked
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

    @activity.defn(name=PREDICT_ACTIVITY)
    async def predict(self, order: PredictBatchInput) -> Worked:
        return PREDICTED[order.worked]


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
        activities=[scripted.scan, scripted.erase, scripted.expire, scripted.predict],
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
