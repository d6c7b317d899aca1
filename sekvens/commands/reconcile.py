"""`reconcile`: after a restore, what only one of database and Temporal knows, and mending it."""

import asyncio
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table

if TYPE_CHECKING:
    from sekvens.restoring.differences import Difference, Kind

#: Of each kind, so many workflow ids are shown.
SHOWN = 3


@click.command()
@click.option("--mend", is_flag=True, help="Tell each of the two what it has lost.")
def reconcile(*, mend: bool) -> None:
    """Compare database and Temporal after one of them was restored; --mend mends.

    Stop API, relays and workers first: what is on its way between the two looks like a
    difference. docs/runbook.md tells the order, and what cannot be had back.

    Exit code 1: there are differences, and they are not mended.

    Example: starter.py reconcile --mend
    """
    left = asyncio.run(_reconcile(mend=mend))
    if left:
        raise click.exceptions.Exit(1)


async def _reconcile(*, mend: bool) -> int:
    """Show the differences, and mend them if asked; tell how many are left."""
    from sekvens.clock import SystemClock
    from sekvens.enrollments.temporal import ClientStarter
    from sekvens.plugin import settled_client
    from sekvens.restoring.differences import find_differences, sorted_by_kind
    from sekvens.restoring.mending import Mender
    from sekvens.settings import load_settings

    with open_database() as database:
        async with settled_client() as client:
            by_kind = sorted_by_kind(await find_differences(database, client))
            _show(by_kind)
            if not mend:
                return sum(map(len, by_kind.values()))
            mender = Mender(
                database=database,
                starter=ClientStarter(client),
                clock=SystemClock(),
                shop_time=load_settings().shop_time(),
            )
            for differences in by_kind.values():
                for each in differences:
                    await mender.mend(each)
    if by_kind:
        click.echo("All are mended. Start workers and relays, then the API.")
    return 0


def _show(by_kind: "dict[Kind, list[Difference]]") -> None:
    if not by_kind:
        click.echo("Database and Temporal know the same of every enrollment.")
        return
    table = make_table("enrollments", "what", "to mend it", "for instance")
    for kind, differences in by_kind.items():
        what, mended = _WORDS[kind]
        some = "\n".join(each.workflow_id for each in differences[:SHOWN])
        table.add_row(f"{len(differences):,}", what, mended, some)
    make_console().print(table)


_WORDS = {
    "unknown_here": (
        "Temporal has them, the database does not",
        "they are written into the database, with what they were sent",
    ),
    "nobody_here": (
        "Temporal has them, and the database has not even their contact",
        "they end: nobody knows an address",
    ),
    "ended_there": (
        "under way in the database, over in Temporal",
        "they end in the database; who unsubscribed has unsubscribed",
    ),
    "ended_here": ("over in the database, under way in Temporal", "they end in Temporal"),
    "gone_there": (
        "under way in the database, not in Temporal",
        "the relay starts them again; what they were sent is not sent again",
    ),
    "sent_there": ("messages that only Temporal knows", "they are written into the ledger"),
    "heard_there": (
        "events that only Temporal has had",
        "what comes from now on is numbered behind them",
    ),
    "unheard_there": ("events that Temporal has lost", "the relay tells them again"),
}
