"""Scheduled workflows on a real server: batch after batch, and what they say of themselves."""

import pytest
from temporalio.testing import WorkflowEnvironment

from sekvens.audiences import names
from sekvens.audiences.wire import (
    AudienceScanInput,
    AudienceScanResult,
    Counts,
    ExpiryInput,
    ExpiryResult,
    RefreshInput,
    RefreshResult,
    RetentionInput,
    RetentionResult,
    ScanProgress,
    SegmentsInput,
    SegmentsResult,
)
from sekvens.experiments.names import LOOKS_WORKFLOW
from sekvens.experiments.wire import LooksInput
from sekvens.predictions.names import PREDICTION_WORKFLOW
from sekvens.predictions.wire import PredictionInput, PredictionResult
from sekvens.staff.monday.names import MONDAY_WORKFLOW
from sekvens.staff.monday.wire import MondayInput
from tests.scenarios.scheduled import LAST, LOOKS, MONDAY, scripted_worker, start

pytestmark = pytest.mark.asyncio(loop_scope="session")

WHOLE = Counts(scanned=5, enrolled=2, refused={"conditions": 1, "under_way": 2})


@pytest.mark.parametrize("history_events_max", [None, 1])
async def test_a_scan_adds_up_its_batches_however_often_it_begins_anew(
    time_skipping: WorkflowEnvironment, history_events_max: int | None
):
    order = AudienceScanInput(flow="winback", history_events_max=history_events_max)
    async with scripted_worker(time_skipping) as scripted:
        handle = await start(time_skipping, names.SCAN_WORKFLOW, order)
        result = await handle.result()

    assert result == AudienceScanResult(flow="winback", counts=WHOLE)
    assert scripted.asked == [None, "c-2", "c-4"]


async def test_a_batch_that_fails_is_done_again_from_where_it_began(
    time_skipping: WorkflowEnvironment,
):
    async with scripted_worker(time_skipping, faults=3) as scripted:
        handle = await start(time_skipping, names.SCAN_WORKFLOW, AudienceScanInput(flow="winback"))
        await handle.result()

    assert scripted.asked == [None, None, None, None, "c-2", "c-4"]


async def test_a_scan_shows_its_progress(time_skipping: WorkflowEnvironment):
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, names.SCAN_WORKFLOW, AudienceScanInput(flow="winback"))
        await handle.result()
        progress = await handle.query(names.PROGRESS_QUERY, result_type=ScanProgress)
        details = (await handle.describe()).raw_description

    assert progress.counts == WHOLE
    assert progress.sentence == "winback: 5 contacts looked at, 2 enrolled"
    assert details.workflow_execution_info.type.name == "audience-scan"


async def test_retention_goes_through_everybody(time_skipping: WorkflowEnvironment):
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, names.RETENTION_WORKFLOW, RetentionInput())
        result = await handle.result()

    assert result == RetentionResult(erased=3)


@pytest.mark.parametrize("history_events_max", [None, 1])
async def test_expiry_adds_up_what_went_however_often_it_begins_anew(
    time_skipping: WorkflowEnvironment, history_events_max: int | None
):
    order = ExpiryInput(history_events_max=history_events_max)
    async with scripted_worker(time_skipping) as scripted:
        handle = await start(time_skipping, names.EXPIRY_WORKFLOW, order)
        result = await handle.result()
        progress = await handle.query(names.PROGRESS_QUERY, result_type=ExpiryResult)

    counts = {"rejected_events": 3, "visits": 520}
    assert result == ExpiryResult(counts=counts, sentence="rejected_events: 3, visits: 520")
    assert scripted.asked == [None, "visits"]
    assert progress == result


@pytest.mark.parametrize("history_events_max", [None, 1])
async def test_a_round_over_the_segments_adds_up_whom_it_looked_at_and_what_it_told(
    time_skipping: WorkflowEnvironment, history_events_max: int | None
):
    order = SegmentsInput(history_events_max=history_events_max)
    async with scripted_worker(time_skipping) as scripted:
        handle = await start(time_skipping, names.SEGMENTS_WORKFLOW, order)
        result = await handle.result()

    said = "3 contacts looked at, 1 entries and exits told"
    assert result == SegmentsResult(scanned=3, told=1, sentence=said)
    assert scripted.asked == [None, "c-2"]


async def test_a_refresh_of_metrics_goes_on_until_every_day_is_counted(
    time_skipping: WorkflowEnvironment,
):
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, names.REFRESH_WORKFLOW, RefreshInput())
        result = await handle.result()

    assert result == RefreshResult(days=42)


async def test_a_round_of_looks_tells_what_they_came_to(time_skipping: WorkflowEnvironment):
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, LOOKS_WORKFLOW, LooksInput())
        result = await handle.result()

    assert result == LOOKS
    assert result.sentence == "cart-abandonment/code: no winner, welcome/subject: open"


async def test_the_monday_mail_tells_to_how_many_it_went(time_skipping: WorkflowEnvironment):
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, MONDAY_WORKFLOW, MondayInput())
        result = await handle.result()

    assert result == MONDAY
    assert result.sentence == "2 sent, 1 skipped"


@pytest.mark.parametrize("history_events_max", [None, 1])
async def test_predictions_are_worked_out_until_they_are_over(
    time_skipping: WorkflowEnvironment, history_events_max: int | None
):
    order = PredictionInput(history_events_max=history_events_max)
    async with scripted_worker(time_skipping):
        handle = await start(time_skipping, PREDICTION_WORKFLOW, order)
        result = await handle.result()
        progress = await handle.query(names.PROGRESS_QUERY, result_type=PredictionResult)

    said = "orders, version 7: 2,400 contacts looked at, something is predicted of 1,100"
    assert result == progress == PredictionResult(worked=LAST, sentence=said)
