"""A process that migrates is killed in the middle; the next start completes the migration."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from sekvens.db.migrate import upgrade
from sekvens.db.session import Database
from sekvens.demo.processes import ROOT
from sekvens.fault_points import VARIABLE, FaultPoint
from tests.chaos import verdicts
from tests.chaos.migrating import Rows, make_first, read_rows, schema_of
from tests.chaos.scale import LONG

pytestmark = [pytest.mark.e2e, pytest.mark.chaos, pytest.mark.timeout(1800 if LONG else 300)]

#: Gives the URL of a new copy of the database of the first revision.
Copy = Callable[[], str]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def copy(
    kind: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Copy:
    """Make the database of the first revision, with rows; copy it as often as you like."""
    numbers = iter(range(1_000_000))
    if kind == "sqlite":
        folder: Path = tmp_path_factory.mktemp("migration")
        first(f"sqlite:///{folder / 'first.db'}")

        def copied() -> str:
            name = folder / f"copy-{next(numbers)}.db"
            shutil.copy(folder / "first.db", name)
            return f"sqlite:///{name}"

        return copied
    server = str(request.getfixturevalue("postgres_url"))

    def made(template: str) -> str:
        name = f"migration_{next(numbers)}"
        with psycopg.connect(server.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    template = made("template0")
    first(server.replace("/postgres?", f"/{template}?"))
    return lambda: server.replace("/postgres?", f"/{made(template)}?")


def first(url: str) -> None:
    database = Database(url)
    make_first(database)
    database.close()


@pytest.fixture(scope="module")
def rows(copy: Copy) -> Iterator[Rows]:
    database = Database(copy())
    yield read_rows(database)
    database.close()


def test_a_migration_that_is_killed_before_it_commits_leaves_nothing_and_is_completed(
    kind: str, copy: Copy, rows: Rows
) -> None:
    url = copy()
    command = [sys.executable, str(ROOT / "starter.py"), "migrate"]
    faults = {VARIABLE: f"{FaultPoint.MIDDLE_OF_MIGRATION}=kill"}
    killed = subprocess.run(
        command, env={**os.environ, "SEKVENS_DATABASE__URL": url, **faults}, check=False
    )

    lost = completed(url, copy(), rows)

    verdicts.record("matrix", f"killed at middle_of_migration, {kind}", kills=1, lost=lost)
    assert killed.returncode == -9
    assert lost == 0


def test_a_migration_that_is_killed_between_its_statements_leaves_nothing_and_is_completed(
    kind: str, copy: Copy, rows: Rows
) -> None:
    lived = migrating(copy(), 0)
    assert lived.returncode == 0
    statements = int(lived.stdout)
    # What comes before the second only asks.
    moments = range(2, statements + 1) if LONG else (statements // 3, statements - 3, statements)
    url = copy()
    for moment in moments:
        assert migrating(url, moment).returncode == -9, f"not killed before statement {moment}"
        database = Database(url)
        assert read_rows(database) == rows, "the killed process left a part of its work"
        database.close()

    lost = completed(url, copy(), rows)

    cell = f"killed between the statements of a migration, {kind}"
    verdicts.record("matrix", cell, kills=len(moments), statements=statements, lost=lost)
    assert lost == 0


def migrating(url: str, doomed: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos.migrating", url, str(doomed)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def completed(url: str, fresh_url: str, rows: Rows) -> int:
    """Look at what a killed process left, complete it, and count the rows that were lost."""
    database, fresh = Database(url), Database(fresh_url)
    assert read_rows(database) == rows, "the killed process left a part of its work"
    upgrade(database)
    upgrade(fresh)
    assert schema_of(database) == schema_of(fresh)
    kept = read_rows(database, only=rows)
    database.close()
    fresh.close()
    return sum(row not in kept[name] for name, mine in rows.items() for row in mine)
