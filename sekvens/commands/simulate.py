"""`simulate`: what contacts would get, without a server, a database or waiting."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.program import FAILED

if TYPE_CHECKING:
    from sekvens.settings import Settings
    from sekvens.simulator.moments import Lived
    from sekvens.simulator.stage import Stage
    from sekvens.simulator.story import Person, Story
    from sekvens.simulator.telling import Outcome

#: The stories that come with Sekvens, by name.
_SHIPPED = Path(__file__).parents[1] / "simulator" / "stories"


@click.command()
@click.argument("story", required=False)
@click.option(
    "--timelines",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="Show the timelines of so many contacts.",
)
@click.option("--contacts", type=click.IntRange(min=1), help="Draw so many, whatever STORY says.")
@click.option("--seed", type=int, help="Draw them by this seed.")
@click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the timelines as a page, with each e-mail as it would have been.",
)
@click.option(
    "--from-db",
    is_flag=True,
    help="Take today's contacts from the database, and tell what they would get.",
)
@click.option(
    "--real",
    is_flag=True,
    help="Live it on the real services of this machine, for a few contacts, and compare.",
)
@click.option(
    "--day",
    "day_seconds",
    type=click.FloatRange(1, 3600),
    default=12.0,
    show_default=True,
    help="How many seconds a day lasts with --real.",
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=30,
    show_default=True,
    help="How far --from-db looks ahead.",
)
def simulate(  # noqa: PLR0913  each option is an argument
    story: str | None,
    timelines: int,
    contacts: int | None,
    seed: int | None,
    html_file: Path | None,
    days: int,
    day_seconds: float,
    *,
    from_db: bool,
    real: bool,
) -> None:
    """Live a story through, over all flows at once. STORY is a file, or a shipped story's name.

    It needs no service and changes nothing. It ends with 1 if something happened that never must,
    and then writes the smallest story in which it does. With --real it starts every service on
    this machine, lives the story there with short days, and ends with 1 if that differs.

    Example: starter.py simulate a-busy-week --html var/story.html
    """
    from sekvens.settings import load_settings

    settings = load_settings()
    if from_db:
        if story or html_file or real:
            raise click.UsageError("--from-db needs no STORY, and shows nobody: it counts")
        _look_ahead(settings, days)
        return
    if not story:
        raise click.UsageError(f"name a story: a file, or {' or '.join(_shipped())}")
    told, stage = _set(story, settings, contacts=contacts, seed=seed)
    if real:
        _live_there(told, stage, timelines, html_file, settings, day_seconds=day_seconds)
        return
    outcome = _tell(told, stage, timelines)
    for lived in outcome.told:
        _show(lived)
    _show_counts(outcome)
    if html_file:
        _write(html_file, told, outcome, settings)
    if outcome.broken:
        _show_broken(outcome, told, stage)
        sys.exit(FAILED)
    click.echo("Nothing happened that never must.")


def _shipped() -> list[str]:
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def _set(
    name: str, settings: "Settings", *, contacts: int | None, seed: int | None
) -> "tuple[Story, Stage]":
    from dataclasses import replace

    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.simulator.reading import read_story
    from sekvens.simulator.stage import set_stage
    from sekvens.simulator.story import Population

    path = _SHIPPED / f"{name}.toml" if name in _shipped() else Path(name)
    if not path.exists():
        shipped = ", ".join(_shipped())
        raise click.UsageError(f"there is no story {name!r}: give a file, or {shipped}")
    story = read_story(path, zone=settings.shop.timezone)
    if contacts is not None:
        population = story.population or Population(contacts=contacts)
        story = replace(story, population=replace(population, contacts=contacts))
    if seed is not None and story.population is not None:
        story = replace(story, population=replace(story.population, seed=seed))
    return story, set_stage(story, settings, CATALOGUE)


def _tell(story: "Story", stage: "Stage", timelines: int) -> "Outcome":
    from sekvens.simulator.telling import tell

    count = story.contacts
    shown = sys.stderr.isatty() and count > timelines

    def progress(done: int) -> None:
        click.echo(f"\r{done:,} of {count:,} contacts", nl=False, err=True)

    outcome = tell(stage, _people(story), timelines=timelines, progress=progress if shown else None)
    if shown:
        click.echo("", err=True)
    return outcome


def _live_there(
    story: "Story",
    stage: "Stage",
    timelines: int,
    html_file: Path | None,
    settings: "Settings",
    *,
    day_seconds: float,
) -> None:
    from sekvens.commands.simulate_real import any_difference, live_it, show_differences
    from sekvens.simulator.telling import outcome_of

    both = live_it(story, _people(story), day_seconds=day_seconds)
    outcome = outcome_of(both.on_services, stage, timelines=timelines)
    for lived in outcome.told:
        _show(lived)
    _show_counts(outcome)
    if html_file:
        _write(html_file, story, outcome, settings)
    show_differences(both)
    if any_difference(both):
        sys.exit(FAILED)


def _people(story: "Story") -> "Iterator[Person]":
    from sekvens.simulator.population import people

    yield from story.people
    if story.population is not None:
        yield from people(story.population, days=story.days)


def _show(lived: "Lived") -> None:
    from sekvens.commands.tables import printable
    from sekvens.simulator.timeline import lines_of

    click.echo(f"\n{printable(lived.person.name)}, {lived.person.zone}")
    for line in lines_of(lived):
        text = printable(line.text)
        click.echo(f"  day {line.day:<3} {line.clock}  {line.what.value:<11}  {text}")
    for act in lived.never:
        click.echo(f"  never: {printable(act.text)} (there was no such e-mail)")


def _show_counts(outcome: "Outcome") -> None:
    from sekvens.commands.tables import make_console, make_table
    from sekvens.simulator.timeline import busiest, count_lines, mark, reasons

    table = make_table("flow", "step", "entered", "sent", "skipped", "left, or not taken")
    for count in count_lines(outcome):
        ended = ", ".join(filter(None, (reasons(count.left), reasons(count.refused))))
        entered = f"{count.entered:,}" if count.entered else ""
        sent = f"{count.sent:,}" if count.step else ""
        step = f"{count.step}{mark(count.mode)}"
        table.add_row(count.flow, step, entered, sent, reasons(count.skipped), ended)
    make_console().print(table)
    click.echo(f"{outcome.contacts:,} contacts, {outcome.emails:,} e-mails.")
    most = busiest(outcome.per_hour)
    if most is not None:
        click.echo(f"The busiest hour is {most[0]:%Y-%m-%d %H:%M} UTC: {most[1]:,} e-mails.")


def _show_broken(outcome: "Outcome", story: "Story", stage: "Stage") -> None:
    from sekvens.simulator.shrinking import as_story, shrunk

    for invariant, times in outcome.breaches.items():
        click.echo(f"\nIt happened {times:,} times: {invariant}.")
    person, breach = outcome.broken[0]
    smallest, found = shrunk(person, breach.invariant, stage)
    click.echo(f"\nThe smallest story in which it does ({found.email}, {found.at:%Y-%m-%d %H:%M}):")
    click.echo(f"\n{as_story(smallest, days=story.days)}")


def _write(file: Path, story: "Story", outcome: "Outcome", settings: "Settings") -> None:
    from sekvens.simulator.page import page

    public_url = settings.api.public_url
    text = page(story, outcome, settings.shop, public_url=public_url, feeds=settings.feeds)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(f"{file} is written: {len(text) / 1e6:.1f} MB, to be opened in a browser.")


def _look_ahead(settings: "Settings", days: int) -> None:
    from sekvens.clock import SystemClock
    from sekvens.commands.resources import open_database
    from sekvens.simulator.looking_ahead import look_ahead
    from sekvens.simulator.timeline import busiest

    with open_database() as database:
        ahead = look_ahead(database, settings, now=SystemClock().now(), days=days)
    _show_counts(ahead.outcome)
    most = busiest(ahead.outcome.per_hour)
    rate = most[1] / 3600 if most else 0.0
    if ahead.send_rate_max:
        click.echo(f"That is {rate:.2f} a second, of {ahead.send_rate_max:g} that SES takes.")
    if ahead.day_max and ahead.day_max > 0:
        click.echo(f"The busiest day has {ahead.busiest_day:,}, of {ahead.day_max:,.0f} a day.")
    if not ahead.send_rate_max:
        click.echo("SES has not been asked yet what it takes: `starter.py doctor` does.")
