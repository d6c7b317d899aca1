"""Recorded histories of scheduled workflows: `python -m tests.replay.recording_scheduled [NAME …]`.

As with those of the stories, recording one anew is a decision, and the diff is to be explained.
"""

import asyncio
import gzip
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment

from sekvens.audiences import names
from sekvens.audiences.wire import (
    AudienceScanInput,
    ExpiryInput,
    RefreshInput,
    RetentionInput,
    SegmentsInput,
)
from sekvens.experiments.names import LOOKS_WORKFLOW
from sekvens.experiments.wire import LooksInput
from sekvens.plugin import sekvens_plugin
from sekvens.predictions.names import PREDICTION_WORKFLOW
from sekvens.predictions.wire import PredictionInput
from sekvens.staff.monday.names import MONDAY_WORKFLOW
from sekvens.staff.monday.wire import MondayInput
from tests.conftest_temporal import FINE_TIMERS, SEARCH_ATTRIBUTES, TIME_SKIPPING, temporal_binary
from tests.scenarios.scheduled import scripted_worker, start

HISTORIES = Path(__file__).parent / "histories" / "scheduled"
#: Name of the history -> the workflow, what it is given, and how often its first batch fails.
RUNS = {
    "audience-scan": (names.SCAN_WORKFLOW, AudienceScanInput(flow="winback"), 0),
    "audience-scan-after-faults": (names.SCAN_WORKFLOW, AudienceScanInput(flow="winback"), 2),
    "retention": (names.RETENTION_WORKFLOW, RetentionInput(), 0),
    "expiry": (names.EXPIRY_WORKFLOW, ExpiryInput(), 0),
    "segments": (names.SEGMENTS_WORKFLOW, SegmentsInput(), 0),
    "metrics-refresh": (names.REFRESH_WORKFLOW, RefreshInput(), 0),
    "experiment-looks": (LOOKS_WORKFLOW, LooksInput(), 0),
    "predictions": (PREDICTION_WORKFLOW, PredictionInput(), 0),
    "monday-mail": (MONDAY_WORKFLOW, MondayInput(), 0),
}


def history_of(name: str) -> WorkflowHistory:
    """Read a recorded history."""
    text = gzip.decompress((HISTORIES / f"{name}.json.gz").read_bytes()).decode()
    return WorkflowHistory.from_json(name, text)


async def record(*wanted: str) -> None:
    """Run some on a real server, and keep their histories; none named: all of them."""
    env = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        search_attributes=SEARCH_ATTRIBUTES,
        dev_server_extra_args=TIME_SKIPPING + FINE_TIMERS,
        identity="recording",
        plugins=[sekvens_plugin()],
    )
    async with env:
        for name in wanted or RUNS:
            workflow, order, faults = RUNS[name]
            async with scripted_worker(env, faults=faults):
                handle = await start(env, workflow, order)
                await handle.result()
                history = await handle.fetch_history()
            path = HISTORIES / f"{name}.json.gz"
            print("overwritten:" if path.exists() else "recorded:", name)  # noqa: T201
            path.write_bytes(gzip.compress(history.to_json().encode(), mtime=0))


if __name__ == "__main__":
    HISTORIES.mkdir(exist_ok=True)
    asyncio.run(record(*sys.argv[1:]))
