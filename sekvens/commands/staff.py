"""`staff`: who may log in to the staff pages."""

import sys
from typing import TYPE_CHECKING

import click

from sekvens.commands.resources import open_database
from sekvens.commands.tables import make_table, minute, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

_stdin = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the standard input."
)


def _written_to(command: "Callable[..., None]") -> "Callable[..., None]":
    """Give a command the options that say how an account is written to."""
    for option in (
        click.option("--monday/--no-monday", default=None, help="Whether the Monday mail comes."),
        click.option("--language", type=click.Choice(["sv", "en"]),
                     help="What they are written to in. Default: the shop's."),
        click.option("--email", help="Where they are written to; empty: nowhere any more."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def staff() -> None:
    """Let people log in to the staff pages (/staff), and no longer.

    Example: starter.py staff list
    """


@staff.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["viewer", "editor", "operator"]),
    default="viewer",
    show_default=True,
    help="What they may do: look; change texts too; stop and resume too.",
)
@_written_to
@_stdin
def add(
    name: str,
    role: str,
    *,
    password_stdin: bool,
    email: str | None,
    language: str | None,
    monday: bool | None,
) -> None:
    """Let NAME log in, with a password that is asked for.

    Example: starter.py staff add doris --role editor --email doris@shop.se --monday
    """
    from sekvens.clock import SystemClock
    from sekvens.staff import accounts
    from sekvens.staff.tables import Role

    password = _password(from_stdin=password_stdin)
    with open_database() as database, database.write() as session:
        now = SystemClock().now()
        accounts.add(session, name, role=Role(role), password=password, now=now)
        member = accounts.write_to(session, name, email=email, language=language, monday=monday)
        click.echo(f"{member.name} may log in as {role}")


@staff.command("write-to")
@click.argument("name")
@_written_to
def write_to(name: str, *, email: str | None, language: str | None, monday: bool | None) -> None:
    """Say where and in which language NAME is written to, and if they get the Monday mail.

    The address stands in the database alone. `starter.py monday` shows and sends the mail.

    Example: starter.py staff write-to doris --email doris@shop.se --language sv --monday
    """
    from sekvens.staff import accounts

    with open_database() as database, database.write() as session:
        member = accounts.write_to(session, name, email=email, language=language, monday=monday)
        comes = "gets the Monday mail" if member.gets_monday else "gets no Monday mail"
        click.echo(f"{member.name} {comes}")


@staff.command("list")
def list_() -> None:
    """List who may log in, and who may not any more. Times are wall time, in UTC.

    Example: starter.py staff list
    """
    from sekvens.staff import accounts

    table = make_table(
        "name", "role", "since", "password of", "disabled", "address", "language", "Monday mail"
    )
    with open_database() as database, database.read() as session:
        members = accounts.listed(session)
    for one in members:
        times = map(minute, (one.created_at, one.changed_at, one.disabled_at))
        monday = "yes" if one.gets_monday else "no"
        table.add_row(
            one.name, one.role, *times, one.email or "-", one.language or "the shop's", monday
        )
    print_table(table, empty="Nobody may log in yet: starter.py staff add NAME")


@staff.command()
@click.argument("name")
def disable(name: str) -> None:
    """Let NAME log in no more, and log them out everywhere at once.

    Example: starter.py staff disable doris
    """
    from sekvens.clock import SystemClock
    from sekvens.staff import accounts

    with open_database() as database, database.write() as session:
        accounts.disable(session, name, now=SystemClock().now())
    click.echo(f"{name.lower()} is logged out and may not log in")


@staff.command("password")
@click.argument("name")
@_stdin
def password_(name: str, *, password_stdin: bool) -> None:
    """Give NAME another password; it logs them out everywhere, and lets them in again.

    Example: starter.py staff password doris
    """
    from sekvens.clock import SystemClock
    from sekvens.staff import accounts

    password = _password(from_stdin=password_stdin)
    with open_database() as database, database.write() as session:
        accounts.set_password(session, name, password=password, now=SystemClock().now())
    click.echo(f"{name.lower()} has another password")


def _password(*, from_stdin: bool) -> str:
    """Ask for a password, or read the first line of what is piped in; it is never an argument."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    ask: Callable[..., str] = click.prompt
    return ask("Password", hide_input=True, confirmation_prompt=True)
