"""Histories from Temporal, kept as files: open ones, and those that closed not long ago.

Nobody's work is slowed: pages and histories are asked for at a bounded pace.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.queries import steps_of
from sekvens.enrollments.temporal import FLOW_VERSION
from sekvens.replays import files
from sekvens.replays.sample import Execution, Sample

PAGE = 500
#: A server's own limit for such questions is ten a second, for the whole namespace.
PAGES_A_SECOND = 2.0
#: Histories that are asked for at once.
AT_ONCE = 4
RPC_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What was fetched."""

    paths: Sequence[Path]
    gone: int  #: closed, and so long ago that Temporal has let go of them since they were listed


def query_for(closed_since: datetime) -> str:
    """Ask for what is open, and what closed since then (wall time)."""
    since = f"ExecutionStatus = 'Running' OR CloseTime >= '{closed_since.isoformat()}'"
    return f"TaskQueue = '{names.FLOWS_QUEUE}' AND ({since})"


async def choose(
    client: Client, sample: Sample, *, closed_since: datetime, steps_in: Database | None
) -> Sample:
    """Offer to a sample what Temporal lists; with a database, each at its step."""
    async for page in _pages(client, query_for(closed_since)):
        steps: dict[str, str | None] = {}
        if steps_in is not None:
            ids = [one.enrollment_id for one in page if one.enrollment_id is not None]
            steps = await asyncio.to_thread(_steps, steps_in, ids)
        for execution in page:
            sample.offer(replace(execution, step=steps.get(execution.enrollment_id or "")))
    return sample


async def fetch(
    client: Client,
    chosen: Sample,
    folder: Path,
    *,
    a_second: float,
    advance: Callable[[], None],
) -> Fetched:
    """Fetch the histories of what was chosen into a folder, so many in a second at the most."""
    left, gone, paths = iter(chosen), 0, list[Path]()

    async def work() -> None:
        nonlocal gone
        for execution in left:
            began = asyncio.get_running_loop().time()
            path = await _fetch_one(client, execution, folder)
            if path is None:
                gone += 1
            else:
                paths.append(path)
            advance()
            took = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(0.0, AT_ONCE / a_second - took))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return Fetched(paths=sorted(paths), gone=gone)


async def _fetch_one(client: Client, execution: Execution, folder: Path) -> Path | None:
    path = folder / f"{names.plain(execution.flow)}.{execution.run_id}.json.gz"
    handle = client.get_workflow_handle(execution.workflow_id, run_id=execution.run_id)
    try:
        history = await handle.fetch_history(rpc_timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return None
    await asyncio.to_thread(files.write, path, history)
    return path


async def _pages(client: Client, query: str) -> AsyncIterator[list[Execution]]:
    listed = client.list_workflows(query, page_size=PAGE, rpc_timeout=RPC_TIMEOUT)
    while True:
        await listed.fetch_next_page()
        yield [await _execution(one) for one in listed.current_page or ()]
        if not listed.next_page_token:
            return
        await asyncio.sleep(1 / PAGES_A_SECOND)


async def _execution(listed: WorkflowExecution) -> Execution:
    memo = await listed.memo()
    enrollment_id = memo.get(names.ENROLLMENT_ID)
    return Execution(
        workflow_id=listed.id,
        run_id=listed.run_id,
        flow=listed.workflow_type,
        version=listed.typed_search_attributes.get(FLOW_VERSION),
        is_open=listed.status is WorkflowExecutionStatus.RUNNING,
        enrollment_id=enrollment_id if isinstance(enrollment_id, str) else None,
    )


def _steps(database: Database, enrollment_ids: Sequence[str]) -> dict[str, str | None]:
    with database.read() as session:
        return steps_of(session, enrollment_ids)
