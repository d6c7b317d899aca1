"""`replay`: the gate before a deploy. Histories are replayed on this checkout, and judged."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.tables import make_console, make_table, printable
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from rich.console import Console

    from sekvens.replays.tally import FlowTally, Tally

WHAT_TO_DO = (
    "Do not deploy this: enrollments under way would stand still. Make the change so that these "
    "histories replay, or guard it with Temporal's workflow.patched: docs/how-to/deploy.md."
)
#: So many files that cannot be read are named.
NAMED = 20


class NothingToReplay(SekvensError):
    """There is no history, so nothing was shown. `--allow-empty` takes that for a pass."""


def make_replay(workflows: Callable[[], Sequence[type]]) -> click.Command:
    """Make the command; what it replays is handed in, since nothing here imports the workflows."""

    @click.command()
    @click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
    @click.option("--jobs", type=click.IntRange(min=1), show_default="one a processor",
                  help="Processes that replay at once.")  # fmt: skip
    @click.option("--allow-empty", is_flag=True, help="Nothing to replay is a pass, too.")
    def replay(paths: tuple[Path, ...], jobs: int | None, *, allow_empty: bool) -> None:
        """Replay histories on this checkout: would enrollments under way go on as they did?

        PATHS are files or folders of histories as Temporal's CLI and UI write them, or this
        command. The exit code is 0 only if each was replayed and went the same way.

        Example: starter.py replay tests/replay/histories
        """
        from sekvens.replays import files

        console = make_console()
        found = files.find(paths)
        tally = _replay(console, found, workflows(), jobs=jobs)
        if not tally.histories and not allow_empty:
            raise NothingToReplay
        _report(console, tally)
        if not tally.is_open:
            raise click.exceptions.Exit(1)

    return replay


def _replay(
    console: "Console", found: Sequence[Path], workflows: Sequence[type], *, jobs: int | None
) -> "Tally":
    from sekvens.replays.processes import processes_at_most, replay_in_processes
    from sekvens.replays.tally import add_up

    processes = jobs or processes_at_most()
    with progress_bar(console, "Replaying", total=len(found)) as advance:
        verdicts = []
        for verdict in replay_in_processes(found, workflows, processes=processes):
            verdicts.append(verdict)
            advance()
    return add_up(verdicts)


@contextmanager
def progress_bar(
    console: "Console", what: str, *, total: int | None = None
) -> Iterator[Callable[[], None]]:
    """Show on a terminal how far it is; gives what is to be called for each."""
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(what, total=total)
        yield lambda: progress.advance(bar)


def _report(console: "Console", tally: "Tally") -> None:
    table = make_table("flow", "version", "histories", "the same", "not the same")
    for each in tally.flows:
        broken = len(each.broken)
        counts = (each.histories, each.histories - broken, broken)
        version = str(each.version or "-")
        table.add_row(printable(each.flow), version, *(f"{count:,}" for count in counts))
    console.print(table)
    for each in tally.flows:
        if each.broken:
            _tell_first(console, each)
    for verdict in tally.unreadable[:NAMED]:
        console.print(f"{verdict.path}: {verdict.why}", markup=False)
    if len(tally.unreadable) > NAMED:
        console.print(f"… and {len(tally.unreadable) - NAMED:,} more that cannot be read")
    _verdict(console, tally)


def _tell_first(console: "Console", tally: "FlowTally") -> None:
    first = tally.first
    name = f"{tally.flow} v{tally.version}" if tally.version else tally.flow
    at = f" at event {first.event_id}" if first.event_id else ""
    console.print(f"{printable(name)}{at}: {printable(first.why or '')}", markup=False)
    console.print(f"  {printable(first.workflow_id or '-')} in {first.path}\n", markup=False)


def _verdict(console: "Console", tally: "Tally") -> None:
    broken = sum(len(each.broken) for each in tally.flows)
    if broken:
        console.print(f"{broken:,} of {tally.histories:,} histories do not replay. {WHAT_TO_DO}")
    if tally.unreadable:
        console.print(f"{len(tally.unreadable):,} files cannot be read, and were not replayed.")
    if tally.is_open:
        console.print(f"All of {tally.histories:,} histories replay.")
