"""`parked`, `retry`, `skip`, `exit`: enrollments that wait for a person, and the person's word."""

import asyncio
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute, printable
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sekvens.db.session import Database
    from sekvens.enrollments.bulk import Answer
    from sekvens.enrollments.tables import Enrollment

#: So many workflow ids are shown where more would fit no screen.
SHOWN = 20
A_SECOND = 20


class NoQuery(SekvensError):
    """Nothing was said of which enrollments are meant."""


@click.command()
@click.option("--flow", help="Of one flow only.")
@click.option("--code", help="Parked for one kind of reason only, such as offer_pool_empty.")
@click.option("--limit", type=click.IntRange(min=0), default=SHOWN, show_default=True,
              help="How many workflow ids to show.")  # fmt: skip
def parked(flow: str | None, code: str | None, limit: int) -> None:
    """List enrollments that are parked, by flow, step and reason, those held longest first.

    Times are wall time, in UTC.

    Example: starter.py parked --code offer_pool_empty
    """
    from rich.markup import escape

    from sekvens.enrollments import parking, queries

    console = make_console()
    with open_database() as database, database.read() as session:
        groups = parking.groups(session, flow, code=code)
        found = queries.parked(session, flow, code=code, limit=limit)
    if not groups:
        console.print("Nothing is parked.")
        return
    table = make_table("parked", "flow", "step", "code", "since", "the newest reason")
    for each in groups:
        said, count = escape(printable(each.reason or "-")), str(each.enrollments)
        where = (each.flow, each.step or "-", each.code or "-")
        table.add_row(count, *where, minute(each.since), said)
    console.print(table)
    for row in found:
        console.print(row.workflow_id, markup=False)
    if (more := sum(each.enrollments for each in groups) - len(found)) > 0:
        console.print(f"… and {more:,} more")


def _word(command: "Callable[..., None]") -> "Callable[..., None]":
    """Add the options that say which parked enrollments are meant, and how fast."""
    for option in (
        click.option("--a-second", type=click.FloatRange(min=0.1, max=1000), default=A_SECOND,
                     show_default=True, help="How many are told in a second, at the most."),
        click.option("--dry-run", is_flag=True, help="Tell nobody; say how many it would be."),
        click.option("--all", "everyone", is_flag=True, help="All that are parked."),
        click.option("--code", help="Parked for this kind of reason, as `parked` lists it."),
        click.option("--flow", help="Parked in this flow."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@_word
def retry(**query: object) -> None:
    """Try again, for parked enrollments whose reason has been mended.

    Example: starter.py retry --code offer_pool_empty
    """
    _tell("retry", **query)  # type: ignore[arg-type]


@click.command()
@_word
def skip(**query: object) -> None:
    """Skip the e-mail of parked enrollments, so that they go on with the next step.

    Example: starter.py skip --flow winback --code template
    """
    _tell("skip", **query)  # type: ignore[arg-type]


@click.command("exit")
@_word
def exit_(**query: object) -> None:
    """End parked enrollments, as `cancelled`.

    Example: starter.py exit --flow winback --dry-run
    """
    _tell("exit", **query)  # type: ignore[arg-type]


def _tell(
    word: str, *, flow: str | None, code: str | None, everyone: bool, dry_run: bool, a_second: float
) -> None:
    from sekvens.enrollments import queries

    if not (flow or code or everyone):
        raise NoQuery("say which parked enrollments are meant: --flow, --code, or --all")
    with open_database() as database:
        with database.read() as session:
            found = queries.parked(session, flow, code=code)
        if dry_run or not found:
            click.echo(f"{len(found)} parked enrollments would be told to {word}")
            return
        answers = asyncio.run(_tell_each(database, found, word, a_second=a_second))
    _sum_up(answers, word)


async def _tell_each(
    database: "Database", found: "Sequence[Enrollment]", word: str, *, a_second: float
) -> "list[Answer]":
    from rich.progress import Progress

    from sekvens.enrollments.bulk import tell_parked
    from sekvens.enrollments.temporal import ClientStarter
    from sekvens.plugin import settled_client

    console, answers = make_console(), []
    async with settled_client() as client:
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task(f"Telling them to {word}", total=len(found))
            tell = partial(ClientStarter(client).tell, word=word)
            async for answer in tell_parked(database, found, tell, a_second=a_second):
                answers.append(answer)
                progress.advance(bar)
    return answers


def _sum_up(answers: "Sequence[Answer]", word: str) -> None:
    """Say how many were told, and why others were not; exit code 1 if one should have been."""
    from rich.markup import escape

    from sekvens.enrollments.bulk import Told

    counts = Counter(answer.told for answer in answers)
    console = make_console()
    console.print(f"{counts[Told.TOLD]} enrollments were told to {word}")
    reasons: dict[str, list[str]] = {}
    for answer in answers:
        if answer.why is not None:
            reasons.setdefault(answer.why, []).append(answer.workflow_id)
    if reasons:
        table = make_table("not told", "why", "for instance")
        for why, workflow_ids in reasons.items():
            table.add_row(str(len(workflow_ids)), escape(why), escape(workflow_ids[0]))
        console.print(table)
    if counts[Told.FAILED]:
        raise click.exceptions.Exit(1)
