"""How the command line writes tables: narrow enough for a terminal, never cut short in a pipe."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console
    from rich.table import Table

#: Columns of a console that is no terminal: a file or a pipe has room.
WIDE = 200


def make_console() -> "Console":
    """Make the console that commands write their tables on."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDE)


def make_table(*columns: str, title: str | None = None) -> "Table":
    """Make a table; what does not fit is folded, for half an id is of no use to anybody."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def print_table(table: "Table", *, empty: str) -> None:
    """Print a table, or a sentence if there is nothing in it."""
    make_console().print(table if table.row_count else empty, markup=bool(table.row_count))


def minute(at: "datetime | None") -> str:
    """Write an instant to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}" if at else "-"


def printable(given: str) -> str:
    """Take out what would steer the terminal: names and events come from outside."""
    return "".join(character if character.isprintable() else "�" for character in given)
