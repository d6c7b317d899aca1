"""One way into the database: `read()` and `write()`, on SQLite and PostgreSQL alike."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from sekvens.db.locks import ContactLocks, FileLocks, PostgresLocks

#: A writer waits this long for another on SQLite before it gives up.
SQLITE_BUSY_MILLISECONDS = 20_000

#: An engine's option: on SQLite its transactions take their turn as writers when they begin.
WRITES = "sekvens_writes"


class Database:
    """An engine, its sessions and its contact locks. One per process; safe to share by threads.

    `pool_size` must be at least the number of threads that use it at once, those that hold a
    contact's lock counted twice.
    """

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.engine = _engine(url, pool_size)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self.locks: ContactLocks = (
            FileLocks(_lock_folder(self.engine)) if self.is_sqlite else PostgresLocks(self.engine)
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that sees one committed state and writes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session in a writing transaction; it commits when the block ends well."""
        writer = self.engine.execution_options(**{WRITES: True})
        with Session(writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


def _engine(url: str, pool_size: int) -> Engine:
    parsed = make_url(url)
    is_sqlite = parsed.get_backend_name() == "sqlite"
    if is_sqlite and parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=not is_sqlite,
        hide_parameters=True,  # an error message must not carry an address into a log
    )
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # SQLAlchemy begins transactions by itself (`_begin_sqlite`), and a writer can say IMMEDIATE:
    # a deferred transaction that turns into a writer fails at once when another has written.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # what the API acknowledged survives a power cut
        "foreign_keys=ON",
        f"busy_timeout={SQLITE_BUSY_MILLISECONDS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _lock_folder(engine: Engine) -> Path:
    database = engine.url.database
    if not database or database == ":memory:":
        raise ValueError("SQLite in memory cannot be shared by processes; give a file")
    return Path(f"{database}-locks")
