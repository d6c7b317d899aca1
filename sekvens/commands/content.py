"""`content`: texts of e-mails that were edited on the dashboard, and their way into the files."""

from typing import TYPE_CHECKING

import click

from sekvens.commands.preview import email_choice
from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_table, minute, print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sekvens.edits.pulling import Pulled

#: As `sekvens.edits.pulling.Take` has them: written out, for help must not cost an import.
_TAKES = ("dashboard", "repository")


@click.group()
def content() -> None:
    """List texts that were edited on the dashboard, and write them into the files.

    Example: starter.py content pull
    """


@content.command("list")
def list_() -> None:
    """List edits that are not published, and those that the repository does not have yet.

    Times are wall time, in UTC.

    Example: starter.py content list
    """
    from rich.markup import escape

    from sekvens.edits.drafting import all_unpublished
    from sekvens.edits.pulling import look

    table = make_table("e-mail", "text", "by", "when", "is", "note")
    with open_database() as database, database.read() as session:
        for edit in all_unpublished(session):
            table.add_row(
                edit.template, edit.key, escape(edit.author), minute(edit.saved_at),
                "not published", "-",
            )  # fmt: skip
        for each in look(session):
            edit = each.owed.newest
            table.add_row(
                edit.template,
                edit.key,
                escape(edit.author),
                minute(edit.published_at),
                f"{', '.join(edit.versions)}: {_SAID[each.standing]}",
                escape(printable(edit.note or "-")),
            )
    print_table(table, empty="Nothing was edited on the dashboard that the files do not have.")


@content.command()
@click.argument("names", nargs=-1, metavar="[EMAIL]...")
@click.option("--check", is_flag=True, help="Write nothing; fail if a file lacks an edit.")
@click.option(
    "--take",
    type=click.Choice(_TAKES),
    help="Whose text stands where both have changed it; without it such a file stays as it is.",
)
def pull(names: tuple[str, ...], take: str | None, *, check: bool) -> None:
    """Write published edits into this checkout's files, all or those of each EMAIL.

    A file that was changed as well is not written: both texts are shown as a diff, and the command
    ends with 1. An edit stays owed until it is published from the repository.

    Example: starter.py content pull welcome/hello
    """
    from sekvens.clock import SystemClock
    from sekvens.edits.pulling import Take, look
    from sekvens.edits.pulling import pull as write
    from sekvens.messages.templates import template_names

    if check and take:
        raise click.UsageError("--check writes nothing: leave --take out")
    unknown = sorted(set(names) - set(template_names()))
    if unknown:
        raise click.UsageError(f"there is no e-mail {unknown[0]!r}. {email_choice(unknown[0])}")
    chosen = Take(take) if take else None
    with open_database() as database:
        if check:
            with database.read() as session:
                found = look(session, names)
        else:
            with database.write() as session:
                found = write(session, names, take=chosen, now=SystemClock().now())
    for each in found:
        _show(each, take=chosen, check=check)
    if not found:
        click.echo("The files have everything that was edited on the dashboard.")
    elif not check:
        _say_what_is_next(found, taken=bool(take))
    if any(each.waits and (check or (each.conflicts and not chosen)) for each in found):
        raise click.exceptions.Exit(1)


_TAKEN = {
    None: "the file was changed as well, and is left as it is",
    "dashboard": "the edit is written over the file",
    "repository": "the file stands, and the edit is owed no more",
}
_SAID = {
    "same": "the file has it",
    "behind": "not in its file yet",
    "ahead": "the file has gone on from it",
    "conflict": "the file was changed as well",
}


def _show(each: "Pulled", *, take: str | None, check: bool) -> None:
    shows = each.waits and (check or (each.conflicts and not take))
    click.echo(f"{each.owed.where}: {_became(each, take=take, check=check)}.")
    if shows:
        click.echo(each.diff)


def _became(each: "Pulled", *, take: str | None, check: bool) -> str:
    """Say what a pull did about one text."""
    if check or not each.waits:
        return _SAID[each.standing]
    if not each.conflicts:
        return "written"
    return _TAKEN[take]


def _say_what_is_next(found: "Sequence[Pulled]", *, taken: bool) -> None:
    if any(each.conflicts for each in found) and not taken:
        click.echo(
            "Where both have changed: --take dashboard writes the edit over the file, --take "
            "repository lets the file stand, also once you have put the edit into it by hand."
        )
    versions = sorted({version for each in found for version in each.owed.newest.versions})
    click.echo(
        f"They are live as {', '.join(versions)}: set that number in the flow's file, and "
        "`starter.py flows publish` changes nothing."
    )
