"""Migrations that die: a database of the first revision with rows, and a process that is killed.

`python -m tests.chaos.migrating URL N` migrates a database and kills itself before its Nth
statement; with 0 it lives, and says how many there were.
"""

import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from alembic import command
from sqlalchemy import Column, MetaData, Table, event, inspect
from sqlalchemy.types import JSON, Boolean, DateTime, Float, Integer, Numeric

from sekvens.db import migrate
from sekvens.db.session import Database

ROWS: Final = 3
_NOON: Final = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)

Rows = dict[str, list[dict[str, Any]]]


def make_first(database: Database) -> None:
    """Bring an empty database to the first revision, and fill every table of it."""
    migrate._run(database, lambda config: command.upgrade(config, "0001"))
    schema = MetaData()
    schema.reflect(database.engine)
    with database.write() as session:
        for table in schema.sorted_tables:
            if table.name != "alembic_version":
                for number in range(ROWS):
                    session.execute(table.insert().values(_row(table, number)))


def read_rows(database: Database, only: Rows | None = None) -> Rows:
    """Read every row of every table; of what `only` has, only the tables and columns it has."""
    schema = MetaData()
    schema.reflect(database.engine)
    rows: Rows = {}
    with database.read() as session:
        for table in schema.sorted_tables:
            if table.name == "alembic_version" or (only is not None and table.name not in only):
                continue
            kept = only[table.name][0].keys() if only else table.columns.keys()
            chosen = [table.columns[name] for name in kept]
            query = table.select().with_only_columns(*chosen).order_by(*table.primary_key)
            rows[table.name] = [dict(row._mapping) for row in session.execute(query)]
    return rows


def schema_of(database: Database) -> Mapping[str, Any]:
    """Describe the schema as the database itself tells it, in an order of no meaning."""
    seen = inspect(database.engine)
    return {
        name: {
            "columns": _sorted(seen.get_columns(name)),
            "primary key": seen.get_pk_constraint(name)["constrained_columns"],
            "foreign keys": _sorted(seen.get_foreign_keys(name)),
            "unique": _sorted(seen.get_unique_constraints(name)),
            "indexes": _sorted(seen.get_indexes(name)),
        }
        for name in seen.get_table_names()
    }


def main(url: str, doomed: int) -> int:
    """Migrate, and die before a statement."""
    database, count = Database(url), 0

    def look(*_: Any) -> None:
        nonlocal count
        count += 1
        if count == doomed:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(database.engine, "before_cursor_execute", look)
    migrate.upgrade(database)
    sys.stdout.write(f"{count}\n")
    return 0


def _row(table: Table, number: int) -> dict[str, Any]:
    return {column.name: _value(column, number) for column in table.columns}


def _value(column: Column[Any], number: int) -> Any:
    foreign = next(iter(column.foreign_keys), None)
    if foreign is not None:
        other = foreign.column
        return None if other.table is column.table else _value(other, number)
    kind = column.type
    if isinstance(kind, DateTime):
        return _NOON + timedelta(hours=number)
    for known, value in (
        (Boolean, number % 2 == 0),
        (Integer, number + 1),
        (Float, number + 0.5),
        (Numeric, number),
        (JSON, {"number": number}),
    ):
        if isinstance(kind, known):
            return value
    return f"{column.name}-{number}"


def _sorted(described: Any) -> list[str]:
    return sorted(str(_plain(each)) for each in described)


def _plain(described: Any) -> Any:
    if isinstance(described, Mapping):
        return {key: _plain(value) for key, value in sorted(described.items())}
    return str(described)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], int(sys.argv[2])))
