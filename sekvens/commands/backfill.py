"""`flows backfill`: contacts whose trigger lies in the past are let into a flow that is new."""

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table, minute
from sekvens.errors import SekvensError

if TYPE_CHECKING:
    from sekvens.backfills.filling import Backfill, Report

#: `sekvens.backfills.past.Place`, written out: help must not cost an import.
PLACES = ("start", "schedule")
#: So many of the hours that are to come are shown.
HOURS_SHOWN = 24
#: No shop has kept what its contacts did for longer.
SPAN_DAYS_MAX = 3650

_WHY_NOT = {
    "been_in": "have been in it since",
    "under_way": "are under way in it",
    "reentry": "are not taken again yet",
    "conditions": "entry conditions do not hold",
    "completed": "would be through by now",
    "gone": "have been erased",
    "draft": "the flow has become a draft",
    "holdout": "are kept out by lot",
    "no_entry_key": "the trigger lacks the entry key",
    "just_active": "have just done something: run it again",
}


class NotLive(SekvensError):
    """The flow takes nobody."""


class Span(click.ParamType[timedelta]):
    """A length of time, such as `30d` or `36h`."""

    name = "span"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it."""
        from sekvens.simulator.scenario import span

        try:
            length = span(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no length of time: write it like 30d or 36h", param, ctx)
        if length > timedelta(days=SPAN_DAYS_MAX):
            self.fail(f"it is longer than {SPAN_DAYS_MAX} days", param, ctx)
        return length


@click.command()
@click.argument("flow")
@click.option("--since", type=Span(), required=True, help="How old a trigger may be, such as 30d.")
@click.option("--from", "place", type=click.Choice(PLACES), required=True,
              help="Where they begin: at the start, or where they would stand today.")  # fmt: skip
@click.option("--an-hour", type=click.IntRange(1, 100_000), default=1000, show_default=True,
              help="So many begin in an hour, from the start.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="So many enter at the most.")
@click.option("--dry-run", is_flag=True, help="Enroll nobody, even with --yes.")
@click.option("--yes", is_flag=True, help="Enroll them, once it has been told who would enter.")
def backfill(
    flow: str, since: timedelta, place: str, an_hour: int, limit: int | None, *, dry_run: bool,
    yes: bool,
) -> None:  # fmt: skip
    """Let contacts into FLOW whose trigger lies in the past. Without --yes it only counts.

    Their past is lived in memory, as if FLOW had been live: whoever would have left by now does not
    enter. From the schedule, they begin at the step at which they would stand, and get none of the
    e-mails before it. A second run enrolls nobody twice, so that one that was stopped can be run
    again. Times are shop time, in UTC, and estimates.

    Example: starter.py flows backfill post-purchase-first --since 30d --from schedule
    """
    from sekvens.backfills.filling import Backfill, Terms
    from sekvens.backfills.past import Place
    from sekvens.clock import SystemClock
    from sekvens.settings import load_settings

    terms = Terms(since=since, place=Place(place), an_hour=an_hour, limit=limit)
    with open_database() as database:
        filling = Backfill(database, SystemClock(), load_settings(), flow, terms)
        _tell(_run(filling, rehearses=True), flow)
        if dry_run or not yes:
            click.echo("Nobody is enrolled. Run it with --yes, and they are.")
            return
        if filling.is_draft():
            raise NotLive(f"{flow} is a draft: `starter.py flows mode {flow} manual`, or live")
        report = _run(filling, rehearses=False)
    click.echo(f"{report.entered:,} contacts have entered {flow}; the relay starts them.")
    _tell_refused(report)


def _run(filling: "Backfill", *, rehearses: bool) -> "Report":
    from rich.progress import Progress

    console = make_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("Looking back" if rehearses else "Enrolling", total=filling.count())

        def advance(done: int) -> None:
            progress.update(bar, completed=done)

        return filling.run(rehearses=rehearses, progress=advance)


def _tell(report: "Report", flow: str) -> None:
    """Say who would enter where, who would not, and when the first e-mails would leave."""
    console = make_console()
    click.echo(f"{report.entered:,} of {report.contacts:,} contacts would enter {flow}.")
    if report.steps:
        table = make_table("begin at", "contacts")
        for step, count in report.steps.most_common():
            table.add_row(step, f"{count:,}")
        console.print(table)
        _tell_hours(report)
    _tell_refused(report)


def _tell_refused(report: "Report") -> None:
    if report.refused:
        click.echo("The others:")
    for why, count in report.refused.most_common():
        click.echo(f"  {count:,} {_WHY_NOT.get(why, f'would have left: {why}')}")


def _tell_hours(report: "Report") -> None:
    known = sorted((hour, count) for hour, count in report.first_emails.items() if hour is not None)
    table = make_table("hour", "first e-mails")
    for hour, count in known[:HOURS_SHOWN]:
        table.add_row(minute(hour), f"{count:,}")
    console = make_console()
    if known:
        console.print(table)
    later = sum(count for _, count in known[HOURS_SHOWN:])
    if later:
        click.echo(f"… and {later:,} later, until {minute(known[-1][0])}")
    if report.first_emails[None]:
        click.echo(f"Of {report.first_emails[None]:,} it is not known when.")
