"""`replay`: the gate before a deploy. Histories are replayed on this checkout, and judged."""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sekvens.commands.replay_report import report
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, minute
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from rich.console import Console

    from sekvens.replays.tally import Tally


class Stretch(click.ParamType[timedelta]):
    """A stretch of time on the command line: `7d`, `12h`, `30m`."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """Read it."""
        given = re.fullmatch(r"(\d{1,5})([dhm])", value) if isinstance(value, str) else None
        if given is None:
            self.fail(f"{value!r} is no stretch of time: write 7d, 12h or 30m", param, ctx)
        units = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
        return int(given[1]) * units[given[2]]


class NothingToReplay(SekvensError):
    """There is no history, so nothing was shown. `--allow-empty` takes that for a pass."""


def make_replay(workflows: Callable[[], Sequence[type]]) -> click.Command:
    """Make the command; what it replays is handed in, since nothing here imports the workflows."""

    @click.command()
    @click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
    @click.option("--since", type=Stretch(), default="7d", show_default=True,
                  help="From Temporal: also what closed in this time, such as 12h.")  # fmt: skip
    @click.option("--sample", type=click.IntRange(min=1),
                  help="From Temporal: so many of each flow, version and step.")  # fmt: skip
    @click.option("--a-second", type=click.FloatRange(min=0.1, max=1000), default=50,
                  show_default=True, help="Histories fetched in a second.")  # fmt: skip
    @click.option("--save", type=click.Path(path_type=Path, file_okay=False),
                  help="Keep the histories from Temporal in this folder.")  # fmt: skip
    @click.option("--jobs", type=click.IntRange(min=1), show_default="one a processor",
                  help="Processes that replay at once.")  # fmt: skip
    @click.option("--allow-empty", is_flag=True, help="Nothing to replay is a pass, too.")
    def replay(
        paths: tuple[Path, ...], jobs: int | None, *, allow_empty: bool, **asked: Any
    ) -> None:
        """Replay histories on this checkout: would enrollments under way go on as they did?

        Without PATHS they come from Temporal: what is open, and what closed not long ago. PATHS are
        files or folders of histories as Temporal's CLI and UI write them, or --save. The exit code
        is 0 only if each was replayed and went the same way.

        Example: starter.py replay --sample 20 --save var/histories
        """
        from sekvens.replays import files

        for option in ("sample", "save"):
            if paths and asked[option] is not None:
                raise click.UsageError(f"--{option} is for histories from Temporal, not for files")
        console = make_console()
        with _from_temporal(console, **asked) if not paths else nullcontext(paths) as found:
            tally = _replay(console, files.find(found), workflows(), jobs=jobs)
        if not tally.histories and not allow_empty:
            raise NothingToReplay
        report(console, tally)
        if not tally.is_open:
            raise click.exceptions.Exit(1)

    return replay


@contextmanager
def _from_temporal(
    console: "Console", *, since: timedelta, sample: int | None, a_second: float, save: Path | None
) -> Iterator[Sequence[Path]]:
    """Fetch histories into a folder, which goes again unless it is to be kept."""
    from tempfile import TemporaryDirectory

    from sekvens.clock import SystemClock
    from sekvens.replays.files import make_folder

    with TemporaryDirectory(prefix="histories-") as passing:
        folder = save or Path(passing)
        make_folder(folder)
        order = _Order(sample=sample, closed_since=SystemClock().now() - since, a_second=a_second)
        yield asyncio.run(_fetch(console, order, folder))


@dataclass(frozen=True, kw_only=True)
class _Order:
    sample: int | None
    closed_since: datetime
    a_second: float


async def _fetch(console: "Console", order: _Order, folder: Path) -> Sequence[Path]:
    from sekvens.plugin import settled_client
    from sekvens.replays.fetching import choose, fetch
    from sekvens.replays.sample import Sample

    chosen = Sample(order.sample)
    async with settled_client() as client:
        # Steps are asked of the database only where the sample goes by them.
        with open_database() if order.sample else nullcontext() as database:
            await choose(client, chosen, closed_since=order.closed_since, steps_in=database)
        with progress_bar(console, "Fetching", total=len(chosen)) as advance:
            came = await fetch(client, chosen, folder, a_second=order.a_second, advance=advance)
    said = f"Temporal has {chosen.offered:,} open or closed since {minute(order.closed_since)} UTC"
    if order.sample:
        said += f", in {chosen.strata:,} groups by flow, version, step and whether they are open"
    gone = f"; {came.gone:,} went while we asked" if came.gone else ""
    console.print(f"{said}. Fetched: {len(came.paths):,}{gone}.")
    return came.paths


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
