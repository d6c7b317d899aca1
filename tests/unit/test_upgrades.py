"""A schema of tomorrow under the code of today: what an upgrade, and taking it back, rest on."""

import itertools
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.orm import Session

from sekvens.db.migrate import _run, known_revisions, revision_of, upgrade
from sekvens.db.session import Database
from sekvens.db.tables import metadata

REVISIONS = known_revisions()
STEPS = list(itertools.pairwise(REVISIONS))
#: What a migration did that the version before could not live with. There was no release yet: from
#: the first one on nothing may be added here (docs/how-to/upgrade.md).
CONTRACTED = {("0004", "feedback.kind is new, and required")}
NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def migrated(database: Database, revision: str) -> sa.MetaData:
    """The schema at a revision, as the database itself describes it."""
    _run(database, lambda config: command.upgrade(config, revision))
    found = sa.MetaData()
    found.reflect(database.engine)
    found.remove(found.tables["alembic_version"])
    return found


@pytest.fixture
def bare(database: Database) -> Iterator[Database]:
    """Without any table of ours."""
    metadata.drop_all(database.engine)
    with database.write() as session:
        session.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))
    yield database
    if not database.is_sqlite:  # the others' tests want today's tables
        metadata.drop_all(database.engine)
        with database.write() as session:
            session.execute(sa.text("DROP TABLE IF EXISTS alembic_version"))


def contractions(old: sa.MetaData, new: sa.MetaData) -> Iterator[str]:
    """What of a new schema the code for the old one could not live with."""
    for name, table in old.tables.items():
        if name not in new.tables:
            yield f"{name} is gone"
            continue
        after = new.tables[name]
        for column in table.columns:
            now = after.columns.get(column.name)
            if now is None:
                yield f"{name}.{column.name} is gone"
            elif str(now.type) != str(column.type):
                yield f"{name}.{column.name} is of another type"
            elif column.nullable and not now.nullable:
                yield f"{name}.{column.name} is required"
        for column in after.columns:
            required = not column.nullable and column.server_default is None
            if column.name not in table.columns and required:
                yield f"{name}.{column.name} is new, and required"
        for rule in sorted(_rules(after) - _rules(table)):
            yield f"{name}: {rule} is a new rule"


def _rules(table: sa.Table) -> set[str]:
    """Whatever may refuse a row, by its columns or its words."""
    rules = {f"unique index {index.name}" for index in table.indexes if index.unique}
    for constraint in table.constraints:
        words = getattr(constraint, "sqltext", "") or [c.name for c in constraint.columns]
        rules.add(f"{type(constraint).__name__} {words}")
    return rules


def row_of(table: sa.Table) -> dict[str, Any]:
    """A row as code for this table would write it: a value for each column that wants one."""
    wanted = [c for c in table.columns if not c.nullable and c.server_default is None]
    return {column.name: _value(column) for column in wanted}


def _value(column: sa.Column[Any]) -> Any:
    if isinstance(column.type, sa.JSON):
        return {}
    value = {bool: False, int: 7, float: 7.0, bytes: b"7", str: "seven"}
    return (value | {datetime: NOW, date: NOW.date()})[column.type.python_type]


def test_no_migration_takes_from_the_version_before_what_it_needs(bare: Database) -> None:
    old, found = migrated(bare, REVISIONS[0]), set()
    for _, revision in STEPS:
        new = migrated(bare, revision)
        found |= {(revision, what) for what in contractions(old, new)}
        old = new

    assert found == CONTRACTED


def test_the_version_before_writes_reads_changes_and_deletes_on_the_new_schema(
    bare: Database,
) -> None:
    old = migrated(bare, STEPS[-1][0])
    upgrade(bare)
    worked = set()
    with Session(bare.engine) as session:
        if bare.is_sqlite:
            session.execute(sa.text("PRAGMA defer_foreign_keys = ON"))
        for table in old.sorted_tables:
            if not bare.is_sqlite:
                session.execute(sa.text(f'ALTER TABLE "{table.name}" DISABLE TRIGGER ALL'))
            row = row_of(table)
            session.execute(sa.insert(table).values(row))
            changed = session.execute(sa.update(table).values(row))
            read = session.execute(sa.select(table)).mappings().first()
            assert read is not None
            assert changed.rowcount >= 1  # type: ignore[attr-defined]
            worked.add(table.name)
        for table in reversed(old.sorted_tables):
            session.execute(sa.delete(table))

    assert worked == set(old.tables)


def test_a_schema_of_tomorrow_is_left_as_it_is_and_worked_with(
    bare: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with bare.write() as session:
        session.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT)"))
        session.execute(sa.text("INSERT INTO alembic_version VALUES ('9999')"))

    with caplog.at_level(logging.WARNING):
        is_ours = upgrade(bare)

    assert not is_ours
    assert revision_of(bare) == "9999"
    assert [record.action for record in caplog.records] == ["schema_newer"]  # type: ignore[attr-defined]
