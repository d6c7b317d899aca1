"""The schema's migrations, which ship inside the package and run on both databases."""

import logging
import warnings
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from sekvens.db.session import WRITES, Database

logger = logging.getLogger("sekvens.db.migrate")

MIGRATIONS = Path(__file__).parent / "migrations"

#: PostgreSQL's advisory key: two services that start at once migrate one after the other.
_MIGRATION_KEY = 0x5E_C0DE


def upgrade(database: Database) -> bool:
    """Bring the schema up to this version; does nothing when it is, or when it is newer still.

    A newer schema is one that this version can work with (docs/how-to/upgrade.md): a process of the
    version before starts again in the middle of an upgrade, and after one that was taken back.

    Returns:
        Whether the schema is this version's; false: it is newer.
    """
    known = known_revisions()
    is_ours = True

    def step(config: Config) -> None:
        nonlocal is_ours
        found = MigrationContext.configure(config.attributes["connection"]).get_current_revision()
        is_ours = found is None or found in known
        if is_ours:
            command.upgrade(config, "head")
            return
        logger.warning(
            "the schema (%s) is newer than this version, which works with it as it is",
            found,
            extra={"action": "schema_newer"},
        )

    _run(database, step)
    return is_ours


def check(database: Database) -> None:
    """Compare the schema with the tables in code.

    Raises:
        alembic.util.CommandError: they differ: a migration is missing.
    """
    with warnings.catch_warnings():
        # An index of an expression is PostgreSQL's alone, and compared there.
        warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression")
        _run(database, command.check)


def revise(database: Database, number: str, message: str) -> None:
    """Write the migration from the database's schema to the tables in code (developers)."""
    _run(
        database,
        lambda config: command.revision(config, message, autogenerate=True, rev_id=number),
    )


def revision_of(database: Database) -> str | None:
    """Tell the revision that the schema is at; None if it has none of our tables. Reads only."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> list[str]:
    """List the revisions that this version knows, the oldest first."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    return [each.revision for each in script.walk_revisions()][::-1]


def _run(database: Database, step: Any) -> None:
    # As a writer, on SQLite: all revisions are one transaction, on either database.
    with database.engine.execution_options(**{WRITES: True}).connect() as connection:
        _take_turn(connection)
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        step(config)
        connection.commit()


def _take_turn(connection: Connection) -> None:
    connection.begin()  # on SQLite it waits for who else migrates
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_KEY})"))
