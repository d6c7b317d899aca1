"""`audiences`: the flows that start from a state, and the scans that find contacts for them."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute, print_table
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from temporalio.client import Client, ScheduleDescription, WorkflowHandle

    from sekvens.audiences.scan import Scanner
    from sekvens.audiences.wire import AudienceScanResult, Counts, ScanBatchResult
    from sekvens.db.session import Database

#: How often a scan that is under way is asked how far it has come.
POLL_SECONDS = 0.5
#: The SDK's own threads let go of the last answer; see `sekvens.commands.enrollments`.
SETTLE_SECONDS = 0.1

#: Told the counts so far, and how many contacts there are about.
_Show = Callable[["Counts", int | None], None]


class NotScanned(SekvensError):
    """Nobody can be found for this flow."""


@click.group()
def audiences() -> None:
    """List flows that start from a state, and scan for whom they take in.

    Example: starter.py audiences list
    """


@audiences.command("list")
def list_() -> None:
    """List the live flows that a scan finds contacts for: whom, the last scan and the next.

    Times are wall time, in UTC.

    Example: starter.py audiences list
    """
    from sekvens.enrollments.publish import live_flows
    from sekvens.flows.definition import Audience
    from sekvens.flows.wording import who_is_found

    with open_database() as database, database.read() as session:
        flows = [published.flow for published in live_flows(session)]
        gap = _gap_in_words(session)
    table = make_table("flow", "who", "last scan", "what came of it", "next scan")
    found = {flow.name: flow.trigger for flow in flows if isinstance(flow.trigger, Audience)}
    for name, said in zip(found, asyncio.run(_scans(list(found))), strict=True):
        table.add_row(name, who_is_found(found[name]), *said)
    print_table(table, empty="No live flow finds its contacts by a scan.")
    make_console().print(gap)


@audiences.command()
@click.argument("flow")
@click.option("--dry-run", is_flag=True, help="Count who would enter, and enroll nobody.")
def scan(flow: str, *, dry_run: bool) -> None:
    """Scan for the audience of FLOW now, and tell who entered and why others did not.

    A worker carries it out; whoever is under way in FLOW, or was too lately, is left alone. A dry
    run needs neither a worker nor Temporal.

    Example: starter.py audiences scan winback --dry-run
    """
    with open_database() as database:  # needs no Temporal to say that there is nothing to scan
        _refuse(flow, _scanner(database).why_nobody(flow))
    with _progress() as show:
        if dry_run:
            counts, stopped = _rehearse(flow, show)
        else:
            result = asyncio.run(_scan(flow, show))
            counts, stopped = result.counts, result.stopped
    from sekvens.audiences.wording import refused_in_words

    _refuse(flow, stopped)
    would = "would enter" if dry_run else "entered"
    click.echo(f"{counts.enrolled:,} of {counts.scanned:,} contacts {would} {flow}. The others:")
    for line in refused_in_words(counts) or ["nobody"]:
        click.echo(f"  {line}")


def _refuse(flow: str, stopped: str | None) -> None:
    """Raise NotScanned if something stands in the scan's way."""
    from sekvens.audiences.wording import stopped_in_words

    if stopped is not None:
        raise NotScanned(f"nobody can be found for {flow!r}: {stopped_in_words(stopped)}")


def _rehearse(flow: str, show: _Show) -> "tuple[Counts, str | None]":
    def beat(so_far: "ScanBatchResult") -> None:
        show(so_far.counts, so_far.total)

    with open_database() as database:
        result = _scanner(database).rehearse(flow, beat)
    return result.counts, result.stopped


def _scanner(database: "Database") -> "Scanner":
    from sekvens.audiences.scan import Scanner
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    settings = load_settings()
    return Scanner(
        database=database,
        clock=SystemClock(),
        shop_time=settings.shop_time(),
        off=settings.flows.off,
    )


async def _scan(flow: str, show: _Show) -> "AudienceScanResult":
    """Have a worker scan, or look on at the scan by hand that is under way."""
    from temporalio.common import WorkflowIDConflictPolicy

    from sekvens.audiences import names
    from sekvens.audiences.wire import AudienceScanInput, AudienceScanResult
    from sekvens.enrollments.names import FLOWS_QUEUE
    from sekvens.plugin import connect

    client = await connect()
    try:
        handle = await client.start_workflow(
            names.SCAN_WORKFLOW,
            AudienceScanInput(flow=flow),
            id=f"{names.scan_id(flow)}/by-hand",
            task_queue=FLOWS_QUEUE,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"audience of {flow}, by hand",
            result_type=AudienceScanResult,
        )
        click.echo(f"{handle.id} is under way; a worker carries it out.", err=True)
        result: AudienceScanResult = await _follow(handle, show)
    finally:
        await asyncio.sleep(SETTLE_SECONDS)
    return result


async def _follow(handle: "WorkflowHandle[Any, AudienceScanResult]", show: _Show) -> Any:
    from temporalio.client import WorkflowQueryFailedError
    from temporalio.service import RPCError

    from sekvens.audiences import names
    from sekvens.audiences.wire import ScanProgress

    over = asyncio.ensure_future(handle.result())
    while not (await asyncio.wait([over], timeout=POLL_SECONDS))[0]:
        # No worker has answered yet: the scan itself waits for one, and so do we.
        with suppress(RPCError, WorkflowQueryFailedError):
            asked = handle.query(names.PROGRESS_QUERY, result_type=ScanProgress)
            progress: ScanProgress = await asked
            show(progress.counts, progress.total)
    return over.result()


async def _scans(flows: list[str]) -> list[tuple[str, str, str]]:
    """Tell of each flow the last scan, what came of it, and the next, as far as Temporal knows."""
    from temporalio.service import RPCError

    from sekvens.audiences import names
    from sekvens.plugin import connect

    unknown = [("-", "Temporal does not answer", "-")] * len(flows)
    if not flows:
        return []
    try:
        client = await connect()
    except (RPCError, RuntimeError):
        return unknown
    try:
        return [await _told(client, names.schedule_id(flow)) for flow in flows]
    finally:
        await asyncio.sleep(SETTLE_SECONDS)


async def _told(client: "Client", schedule_id: str) -> tuple[str, str, str]:
    from temporalio.service import RPCError, RPCStatusCode

    try:
        described = await client.get_schedule_handle(schedule_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return "-", "no schedule yet: a worker makes it at its start", "-"
        raise
    coming = minute(next(iter(described.info.next_action_times), None))
    state = described.schedule.state
    held = f"held: {state.note or 'paused'}" if state.paused else coming
    if not described.info.recent_actions:
        return "-", "-", held
    return (
        minute(described.info.recent_actions[-1].started_at),
        await _came_of(client, described),
        held,
    )


async def _came_of(client: "Client", described: "ScheduleDescription") -> str:
    from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError
    from temporalio.service import RPCError

    from sekvens.audiences.wire import AudienceScanResult
    from sekvens.audiences.wording import counts_in_words, stopped_in_words

    action: Any = described.info.recent_actions[-1].action
    handle: WorkflowHandle[Any, AudienceScanResult] = client.get_workflow_handle(
        action.workflow_id, result_type=AudienceScanResult
    )
    try:
        if (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
            return "under way"
        result = await handle.result()
    except WorkflowFailureError:
        return "it did not end by itself: look at it in the Temporal UI"
    except RPCError:  # its history is older than what Temporal keeps
        return "-"
    return stopped_in_words(result.stopped) if result.stopped else counts_in_words(result.counts)


def _gap_in_words(session: Any) -> str:
    from sekvens.segments.figures import REORDER_GAP, reorder_gap
    from sekvens.segments.tables import ShopFigure

    row = session.get(ShopFigure, REORDER_GAP)
    days = f"{reorder_gap(session).days} days"
    if row is None:
        return f"A customer has lapsed after {days} without an order (until 100 gaps are known)."
    at = minute(row.computed_at)
    return f"A customer has lapsed after {days} without an order (p90 of this shop's, {at})."


@contextmanager
def _progress() -> Iterator[_Show]:
    """Show a bar on a terminal, and nothing in a pipe."""
    from rich.progress import Progress

    console = make_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Scanning", total=None)

        def show(counts: "Counts", total: int | None) -> None:
            progress.update(bar, completed=counts.scanned, total=total)

        yield show
