"""`contacts import` and `contacts suppress`: people taken over from a file, suppressions first."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sekvens.commands.importing import NothingToImport
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_console, make_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sekvens.contacts.importing.parts import Part
    from sekvens.contacts.importing.running import PartOutcome, Run

TOOLS = ("csv", "klaviyo", "mailchimp")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

#: What is counted, and how it is said.
_SAID = {
    "added": "contacts are new",
    "changed": "contacts are told more of",
    "unchanged": "rows say nothing new",
    "subscribed": "have agreed to marketing",
    "unsubscribed": "have unsubscribed",
    "suppressed": "addresses are suppressed",
    "without_evidence": "are said to have agreed, without evidence: they are not subscribed",
    "kept_unsubscribed": "are subscribed in the file, and stay unsubscribed",
    "kept_suppressed": "are subscribed in the file, and stay suppressed",
    "rejected": "rows are rejected",
}


@click.command("import")
@click.argument("file", type=_FILE)
@click.option("--from", "tool", type=click.Choice(TOOLS), default="csv", show_default=True,
              help="Whose export it is; csv: our own columns.")  # fmt: skip
@click.option("--suppressions", type=_FILE, help="The suppressions of the same export: go first.")
@click.option("--no-suppressions", is_flag=True, help="The export has no suppressions.")
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS",
              help="Which column holds a field: email=E-post, traits.size=Size.")  # fmt: skip
@click.option("--source", help="Where people agreed, for rows that do not say it themselves.")
@click.option("--wording", help="The sentence they agreed to, likewise.")
@click.option("--rejected", "rejects", type=click.Path(path_type=Path, dir_okay=False),
              help="Where rejected rows go. Default: FILE.rejected.csv")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--enroll", "enrolls", is_flag=True,
              help="Let subscriptions start flows that are not too old for them.")  # fmt: skip
def import_(  # noqa: PLR0913  one for each option
    file: Path,
    tool: str,
    suppressions: Path | None,
    maps: tuple[str, ...],
    source: str | None,
    wording: str | None,
    rejects: Path | None,
    *,
    no_suppressions: bool,
    dry_run: bool,
    enrolls: bool,
) -> None:
    """Import contacts from FILE: a CSV, Klaviyo's export, or Mailchimp's ZIP or one file of it.

    Our own columns: email, external_id, first_name, last_name, locale, timezone, country, consent,
    consent_at, consent_source, consent_wording, traits.NAME. Who agreed without saying when, and
    where or to what, is not subscribed. Nobody is enrolled, unsubscribed contacts and suppressed
    addresses stay so. After a crash the same command goes on where it stopped.

    Example: starter.py contacts import profiles.csv --from klaviyo --suppressions suppressed.csv
    """
    from sekvens.contacts.importing.parts import Kind, Tool, parts_of

    said = {"source": source, "wording": wording}
    evidence = {name: text for name, text in said.items() if text}
    terms = [f"{name}={text}" for name, text in evidence.items()]
    terms += ["enroll"] if enrolls else []
    parts = []
    if suppressions is not None:
        parts += parts_of(suppressions, tool=Tool(tool), kind=Kind.SUPPRESSIONS)
    parts += parts_of(file, tool=Tool(tool), kind=Kind.CONTACTS, maps=maps, terms=terms)
    with _run(tool, rejects or _beside(file), evidence, dry=dry_run, enrolls=enrolls) as run:
        _import(parts, run, without_suppressions=no_suppressions)


@click.command("suppress")
@click.argument("file", type=_FILE)
@click.option("--from", "tool", type=click.Choice(TOOLS[:2]), default="csv", show_default=True,
              help="Whose export it is; csv: our own columns.")  # fmt: skip
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS",
              help="Which column holds email, reason or at.")  # fmt: skip
@click.option("--rejected", "rejects", type=click.Path(path_type=Path, dir_okay=False),
              help="Where rejected rows go. Default: FILE.rejected.csv")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
def suppress(
    file: Path, tool: str, maps: tuple[str, ...], rejects: Path | None, *, dry_run: bool
) -> None:
    """Suppress the addresses in FILE: a CSV of email, reason, at, or Klaviyo's suppressed profiles.

    Reasons are bounce, complaint, manual (default) and invalid. Whom Klaviyo lists because they
    unsubscribed is unsubscribed, and still gets the mail about their orders.

    Example: starter.py contacts suppress suppressed.csv --from klaviyo
    """
    from sekvens.contacts.importing.parts import Kind, Tool, parts_of

    parts = parts_of(file, tool=Tool(tool), kind=Kind.SUPPRESSIONS, maps=maps)
    with _run(tool, rejects or _beside(file), {}, dry=dry_run, enrolls=False) as run:
        _import(parts, run, without_suppressions=False)


@contextmanager
def _run(
    tool: str, rejects: Path, evidence: dict[str, str], *, dry: bool, enrolls: bool
) -> "Iterator[Run]":
    from sekvens.clock import SystemClock
    from sekvens.contacts.importing.running import RejectsFile, Run
    from sekvens.contacts.importing.taking_over import Terms
    from sekvens.settings import load_settings

    clock = SystemClock()
    terms = Terms(
        tool="import" if tool == "csv" else tool,
        now=clock.now(),
        shop_time=load_settings().shop_time(),
        enrolls=enrolls,
        evidence=evidence,
    )
    with open_database() as database, RejectsFile(rejects) as file:
        yield Run(database=database, clock=clock, terms=terms, dry=dry, rejects=file)
    if file.is_used:
        click.echo(f"the rejected rows, with what stands in them, are in {rejects}")


def _import(parts: "Sequence[Part]", run: "Run", *, without_suppressions: bool) -> None:
    from sekvens.contacts.importing.running import import_part

    for part in parts:
        with _progress(part) as on_read:
            outcome = import_part(
                part, run, on_read=on_read, without_suppressions=without_suppressions
            )
        _say(outcome, dry=run.dry)


@contextmanager
def _progress(part: "Part") -> "Iterator[Callable[[int], None]]":
    """Show on a terminal how much of a part has been read, in bytes."""
    from rich.progress import Progress

    console = make_console()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(f"Importing {part.name}", total=part.size())
        yield lambda read: progress.update(bar, completed=read)


def _say(outcome: "PartOutcome", *, dry: bool) -> None:
    from sekvens.imports.outcome import by_reason

    console = make_console()
    if outcome.was_done:
        console.print(f"{outcome.name} has been imported before: nothing is changed", markup=False)
        return
    if outcome.begun_at_line:
        console.print(f"{outcome.name}: going on after line {outcome.begun_at_line}", markup=False)
    title = f"{outcome.name}: what would happen" if dry else outcome.name
    table = make_table("rows", "", title=title)
    for name, said in _SAID.items():
        if outcome.counts[name]:
            table.add_row(f"{outcome.counts[name]:,}", said)
    console.print(table)
    if outcome.rejected:
        rejected = make_table("rows", "why they were rejected", "on lines", title="Rejected")
        for reason, rows, lines in by_reason(outcome.rejected):
            rejected.add_row(str(rows), reason, lines)
        console.print(rejected)
    if outcome.rows and outcome.rows == len(outcome.rejected):
        raise NothingToImport(
            f"no row of {outcome.name} could be used, and nobody is imported: is it the right file?"
        )


def _beside(file: Path) -> Path:
    return file.with_name(f"{file.name}.rejected.csv")
