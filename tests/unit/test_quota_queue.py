"""SES's rate as the limit of the queue, on a real Temporal dev server."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeTaskQueueResponse,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from sekvens.clock import SystemClock
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.quota import keeping
from sekvens.quota.asking import ASK_INTERVAL, QuotaDesk
from sekvens.quota.keeping import keeping_to_quota
from sekvens.quota.queue_limit import QueueLimit
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.ses.testing import NO_HINDRANCE, FakeSes
from tests.conftest_temporal import temporal_binary


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    """A server of its own: the limit stays with the queue."""
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary(), dev_server_log_level="error"
    ) as env:
        yield env.client


async def limit_of(client: Client) -> float:
    """Ask the server what it lets through, and not what it was told."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=names.SES_QUEUE),
        task_queue_type=2,  # type: ignore[arg-type]  activities
        report_config=True,
    )
    told = await client.workflow_service.describe_task_queue(asked)
    return told.config.queue_rate_limit.rate_limit.requests_per_second


async def until(client: Client, rate: float) -> None:
    async with asyncio.timeout(30):
        while await limit_of(client) != pytest.approx(rate):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.1)


def desk_of(database: Database, ses: FakeSes) -> QuotaDesk:
    return QuotaDesk(database=database, account=ses, clock=SystemClock(), share=0.05)


async def test_the_queue_follows_the_rate_while_the_worker_runs(
    client: Client, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LOOK_SECONDS", 0.05)
    ses = FakeSes()
    async with keeping_to_quota(desk_of(sqlite_database, ses), QueueLimit(client)):
        await until(client, 950.0)
        ses.account = replace(NO_HINDRANCE, send_rate_max=14.0)
        with sqlite_database.write() as session:
            session.get_one(SesQuota, THE_ACCOUNT).asked_at -= ASK_INTERVAL
        await until(client, 13.3)


async def test_a_limit_that_somebody_else_has_set_is_put_right(client: Client) -> None:
    for rate in (14.0, 80.0):
        await QueueLimit(client).keep(rate)
    await QueueLimit(client).keep(14.3)
    await QueueLimit(client).keep(14.3)

    assert await limit_of(client) == pytest.approx(14.3)


async def test_a_server_that_sets_no_limit_is_told_of_once_and_left_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    old = OldServer()
    limit = QueueLimit(old)  # type: ignore[arg-type]
    for _ in range(3):
        await limit.keep(14.0)

    assert [getattr(each, "action", "") for each in caplog.records] == ["queue_limit_refused"]
    assert old.asked == ["describe", "update"]


class OldServer:
    """A Temporal that does not know the limits of queues, as a client of it sees it."""

    namespace, identity = "default", "tests"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.workflow_service = self

    async def describe_task_queue(self, _: Any, **__: Any) -> DescribeTaskQueueResponse:
        self.asked.append("describe")
        return DescribeTaskQueueResponse()

    async def update_task_queue_config(self, _: Any, **__: Any) -> None:
        self.asked.append("update")
        raise RPCError("unknown method", RPCStatusCode.UNIMPLEMENTED, b"")
