"""`simulate --real`: a story on the real services of this machine, held against memory."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sekvens.simulator.on_services import Told
    from sekvens.simulator.story import Person, Story


def live_it(story: "Story", people: "Iterable[Person]", *, day_seconds: float) -> "Told":
    """Start every service, live a story there, and stop them again.

    Raises:
        SekvensError: a service cannot be started, broke or hangs; or the story has too many.
    """
    from sekvens.clock import SystemClock
    from sekvens.commands.tables import make_console
    from sekvens.demo.place import place
    from sekvens.demo.ports import Ports
    from sekvens.demo.services import temporal_binary
    from sekvens.flows.catalogue import CATALOGUE
    from sekvens.simulator.on_services import check, live_on_services

    check(story)
    temporal_binary()
    folder, clock = Path(tempfile.mkdtemp(prefix="sekvens-story-")), SystemClock()
    console = make_console()
    console.print(f"Starting the services in {folder} …", highlight=False, soft_wrap=True)
    with place(
        console,
        clock,
        day_seconds=day_seconds,
        data=folder / "place",
        fresh=True,
        ports=Ports(),
        environ=environ_of(story),
    ) as here:
        here.start(clock)
        whole = story.days * day_seconds / 60
        console.print(f"They are up. {story.days} days last {whole:.0f} minutes.", highlight=False)
        told = live_on_services(
            story, list(people), here, clock, flows=CATALOGUE, progress=_progress(story.days)
        )
    if not any_difference(told):
        shutil.rmtree(folder)
    else:
        console.print(f"Logs and database are kept in {folder / 'place'}.", soft_wrap=True)
    return told


def environ_of(story: "Story") -> dict[str, str]:
    """Write what a story sets as the environment of the services."""
    given = {f"SEKVENS_SENDING__{name.upper()}": _text(it) for name, it in story.sending.items()}
    return given | ({"SEKVENS_FLOWS__OFF": _text(story.off)} if story.off else {})


def any_difference(told: "Told") -> bool:
    """Tell whether memory and services differ for anybody."""
    from sekvens.simulator.read_back import differences

    return any(map(differences, told.in_memory, told.on_services))


def show_differences(told: "Told") -> None:
    """Tell where memory and services differ, or that they do not; and how late services were."""
    from sekvens.commands.tables import printable
    from sekvens.flows.state import span_text
    from sekvens.simulator.read_back import differences, lateness

    late = [lateness(*both) for both in zip(told.in_memory, told.on_services, strict=True)]
    known = [each for each in late if each is not None]
    if known:
        click.echo(f"The latest e-mail left {span_text(max(known))} of shop time after its time.")
    for in_memory, on_services in zip(told.in_memory, told.on_services, strict=True):
        found = differences(in_memory, on_services)
        if found:
            click.echo(f"\n{printable(in_memory.person.name)} fared otherwise than in memory:")
        for line in found:
            click.echo(f"  {printable(line)}")
    if any_difference(told):
        click.echo("\nA busy machine is late: with longer days (--day 40) it is less so.")
    else:
        click.echo("Memory and the real services agree.")


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _progress(days: int) -> "Callable[[datetime, datetime], None]":
    """Make what tells how far it is: a line that is written over, or in a log one a day."""
    told = [""]

    def tell(now: datetime, ends: datetime) -> None:
        left = max(0, (ends - now).days + 1)
        said = f"day {days - left} of {days}"
        if sys.stderr.isatty():
            click.echo(f"\r{said}, {now:%H:%M} UTC  ", nl=False, err=True)
        elif said != told[0]:
            click.echo(said, err=True)
        told[0] = said

    return tell
