"""A scan whose worker is killed in its midst goes on with another, and enrolls each once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select

from sekvens.audiences import names
from sekvens.audiences.wire import AudienceScanInput, AudienceScanResult
from sekvens.clock import SystemClock
from sekvens.contacts.tables import Consent, ConsentStatus, Contact
from sekvens.enrollments.names import FLOWS_QUEUE
from sekvens.enrollments.tables import Enrollment
from sekvens.events.tables import ContactEvent
from tests.e2e.stack import Stack, eventually, logs_on_failure, running_stack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CUSTOMERS = 4_000
REAL_DAYS = 86_400.0


@pytest.fixture
def stack(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("scan")
    with running_stack(folder, day_seconds=REAL_DAYS) as stack, logs_on_failure(stack, request):
        stack.stop("relay")  # four thousand workflows are not what is tested
        yield stack


def customers_who_are_away(stack: Stack) -> None:
    """Add customers of whom each has ordered once, long ago."""
    now = SystemClock().now()
    ids = [f"c-{number:05}" for number in range(CUSTOMERS)]
    told = {"traits": {}, "traits_at": {}, "created_at": now, "updated_at": now}
    agreed = {"purpose": "marketing", "status": ConsentStatus.SUBSCRIBED, "changed_at": now}
    happened = {"type": "track", "name": "Order Completed", "properties": {}, "received_at": now,
                "occurred_at": now - timedelta(days=100)}  # fmt: skip
    rows = {
        Contact: [{"id": ident, **told} for ident in ids],
        Consent: [{"contact_id": ident, **agreed} for ident in ids],
        ContactEvent: [{"contact_id": ident, "message_id": ident, **happened} for ident in ids],
    }
    with stack.database.write() as session:
        for table, some in rows.items():
            session.execute(insert(table), some)


def enrolled(stack: Stack) -> int:
    with stack.database.read() as session:
        query = select(func.count()).where(Enrollment.flow == "winback")
        return session.scalar(query) or 0


async def test_a_scan_whose_worker_is_killed_goes_on_and_enrolls_each_once(stack: Stack):
    customers_who_are_away(stack)
    client = await stack.temporal()
    handle = await client.start_workflow(
        names.SCAN_WORKFLOW,
        AudienceScanInput(flow="winback"),
        id=names.scan_id("winback"),
        task_queue=FLOWS_QUEUE,
        result_type=AudienceScanResult,
    )
    eventually(lambda: enrolled(stack) > CUSTOMERS // 10, "the scan is at work")
    stack.kill("worker")
    before = enrolled(stack)
    stack.start("worker")
    result = await handle.result()

    assert 0 < before < CUSTOMERS
    assert result.counts.scanned == CUSTOMERS
    assert result.counts.enrolled + result.counts.refused["under_way"] == CUSTOMERS
    entered = [row.contact_id for row in stack.enrollments()]
    assert len(entered) == len(set(entered)) == CUSTOMERS


async def test_the_worker_keeps_a_schedule_for_each_audience(stack: Stack):
    client = await stack.temporal()
    schedule = await client.get_schedule_handle("audience/winback").describe()

    assert not schedule.schedule.state.paused
    assert schedule.info.next_action_times
    assert (await client.get_schedule_handle("retention").describe()).info.next_action_times
