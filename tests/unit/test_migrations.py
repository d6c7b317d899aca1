"""The migrations make exactly the tables that the code declares, on both databases."""

from sqlalchemy import inspect, text

from sekvens.db.migrate import check, upgrade
from sekvens.db.session import Database
from sekvens.db.tables import metadata


def empty(database: Database) -> None:
    metadata.drop_all(database.engine)
    with database.write() as session:
        session.execute(text("DROP TABLE IF EXISTS alembic_version"))


def test_the_migrations_make_the_tables_that_the_code_declares(database: Database):
    empty(database)

    upgrade(database)
    check(database)

    assert set(metadata.tables) < set(inspect(database.engine).get_table_names())


def test_upgrading_twice_changes_nothing(database: Database):
    empty(database)
    upgrade(database)

    upgrade(database)

    check(database)
