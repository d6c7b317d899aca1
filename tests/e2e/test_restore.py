"""A backup is restored: the database goes back while Temporal does not, and the reverse.

Services are stopped, the backup is put back, `starter.py reconcile --mend` is run, and what was
posted since the backup is posted again, as the runbook says. What cannot be had back is asserted,
too. `make restore` does it on PostgreSQL as well, by its own pg_dump and pg_restore.
"""

import asyncio
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from sekvens.commands.reconcile import _WORDS
from sekvens.contacts.tables import Consent, ConsentStatus
from sekvens.demo.processes import ROOT
from sekvens.enrollments import queries
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.events.tables import OutboxEntry
from sekvens.messages.tables import MessageState
from sekvens.restoring.differences import Kind, find_differences
from sekvens.restoring.passages import list_executions
from tests.chaos.scale import LONG
from tests.e2e.postgresql import USER, program
from tests.e2e.stack import (
    Stack,
    end_all,
    eventually,
    identify,
    judge,
    logs_on_failure,
    order,
    running_stack,
    sign_up,
    start_temporal,
    track,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(500)]

DUMP = "sekvens.dump"


ON_POSTGRESQL = pytest.param(
    True, id="postgresql", marks=pytest.mark.skipif(not LONG, reason="takes minutes: make restore")
)


@pytest.fixture(scope="module", params=[pytest.param(False, id="sqlite"), ON_POSTGRESQL])
def services(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("restore")
    # A second e-mail comes after a minute and a half: none does while this goes on.
    with running_stack(folder, day_seconds=60.0, postgresql=request.param) as stack:
        yield stack


@pytest.fixture
def stack(services: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with logs_on_failure(services, request):
        yield services


async def test_the_database_goes_back_while_temporal_does_not(stack: Stack, tmp_path: Path):
    stack.post(*sign_up("ann"), *sign_up("eva"), identify("cia"), *sign_up("kai"))
    stack.post(stack.cart("kai", "k1"))
    wait_for_mail(stack, ann=1, eva=1, kai=2)
    stack.break_ses("throttle")
    stack.post(*sign_up("bo"))
    eventually(lambda: stack.ledger(stack.enrolled("bo").id), "bo's message is tried")
    back_up_database(stack, tmp_path)

    since = [order("ann", "o-1"), track("eva", "Unsubscribed"), stack.cart("kai", "k1")]
    since += [track("cia", "Email Subscribed"), *sign_up("dan")]
    stack.mend_ses()
    stack.post(*since)
    wait_for_mail(stack, bo=1, cia=1, dan=1)
    eventually(lambda: stack.has_ended("ann", "eva"), "who left has left")
    eventually(lambda: not backlog_of(stack), "all is relayed")
    stack.stop("api", "relay", "worker")
    restore_database(stack, tmp_path)
    assert reconcile(stack).returncode == 1  # it only looks
    seen = reconciled(stack)
    stack.start("worker", "relay", "api")
    stack.post(*since)
    await nobody_differs(stack)

    assert {Kind.UNKNOWN_HERE, Kind.NOBODY_HERE, Kind.ENDED_THERE, Kind.SENT_THERE} <= seen
    assert Kind.HEARD_THERE in seen
    assert {row.exit_reason for row in stack.selling("ann")} == {"converted"}
    assert stack.enrolled("bo").state == stack.enrolled("cia").state == EnrollmentState.ACTIVE
    assert stack.ledger(stack.enrolled("bo").id)[0].state == MessageState.ACCEPTED
    assert consent_of(stack, "eva") == ConsentStatus.UNSUBSCRIBED
    # Whom the backup does not know is a new contact when they come again, and is greeted again.
    wait_for_mail(stack, dan=2)
    end_all(stack, ["bo", "cia", "dan", "kai"])
    nothing_is_sent_twice(stack, "ann", "bo", "cia", "eva", "kai")
    judge(stack, "bo", "cia", "eva", "kai")


async def test_temporal_goes_back_while_the_database_does_not(stack: Stack, tmp_path: Path):
    stack.post(*sign_up("gus"), *sign_up("hal"), stack.cart("hal", "h1"))
    wait_for_mail(stack, gus=1, hal=2)
    back_up(stack.site.data / "temporal.db", tmp_path / "temporal.db")

    stack.post(*sign_up("fia"), order("gus", "o-2"), stack.cart("hal", "h1"))
    wait_for_mail(stack, fia=1)
    eventually(lambda: stack.has_ended("gus"), "gus has left")
    eventually(lambda: not backlog_of(stack), "all is relayed")
    stack.stop("api", "relay", "worker", "temporal")
    restore(stack, "temporal.db", tmp_path)
    start_temporal(stack)
    seen = reconciled(stack)
    stack.start("worker", "relay", "api")
    await nobody_differs(stack)

    assert {Kind.GONE_THERE, Kind.ENDED_HERE, Kind.UNHEARD_THERE} <= seen
    executions = await list_executions(await stack.temporal())
    assert executions[stack.enrolled("fia").id].is_open
    gone = executions[stack.enrolled("gus").id]
    assert (gone.is_open, gone.exit_reason) == (False, "converted")
    end_all(stack, ["fia", "hal"])
    nothing_is_sent_twice(stack, "fia", "gus", "hal")
    judge(stack, "fia", "hal")


def wait_for_mail(stack: Stack, **counts: int) -> None:
    for user_id, count in counts.items():
        eventually(lambda user=user_id, many=count: len(stack.mails(user)) == many, user_id)


def backlog_of(stack: Stack) -> int:
    """Count the facts that Temporal has yet to be told."""
    with stack.database.read() as session:
        events = session.scalar(select(func.count()).select_from(OutboxEntry))
        behind = select(func.count()).where(Enrollment.delivered_seq < Enrollment.last_seq)
        return (events or 0) + (session.scalar(behind) or 0)


def back_up(file: Path, copy: Path) -> None:
    """Copy a database that is in use, as its own tool does: whole, and as of one instant."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def back_up_database(stack: Stack, backups: Path) -> None:
    if stack.site.database:
        run_pg(stack, "pg_dump", "--format=custom", f"--file={backups / DUMP}")
    else:
        back_up(stack.site.data / "sekvens.db", backups / "sekvens.db")


def restore_database(stack: Stack, backups: Path) -> None:
    stack.database.close()
    if stack.site.database:
        run_pg(stack, "pg_restore", "--clean", "--if-exists", "--exit-on-error", backups / DUMP)
    else:
        restore(stack, "sekvens.db", backups)


def run_pg(stack: Stack, tool: str, *options: str | Path) -> None:
    """Run a tool of PostgreSQL's on the database of a stack."""
    folder = stack.site.database.partition("host=")[2]
    command = [program(tool), f"--host={folder}", f"--username={USER}", "--dbname=postgres"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def restore(stack: Stack, name: str, backups: Path) -> None:
    file = stack.site.data / name
    for suffix in ("", "-wal", "-shm"):
        file.with_name(name + suffix).unlink(missing_ok=True)
    file.write_bytes((backups / name).read_bytes())


def reconcile(stack: Stack, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "starter.py", "reconcile", *options]
    environ = dict(stack.environ)
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


def reconciled(stack: Stack) -> set[str]:
    """Mend; tell which kinds of differences there were."""
    mended = reconcile(stack, "--mend")
    assert mended.returncode == 0, mended.stderr
    return {kind for kind, (what, _) in _WORDS.items() if what in mended.stdout}


async def nobody_differs(stack: Stack) -> None:
    """Wait until what was owed again is delivered: then both know the same."""
    client = await stack.temporal()
    for _ in range(300):
        found = await find_differences(stack.database, client)
        if not found:
            return
        await asyncio.sleep(0.3)
    pytest.fail(f"differences are left: {found}")


def consent_of(stack: Stack, user_id: str) -> str | None:
    with stack.database.read() as session:
        contact = queries.find_contact(session, user_id)
        assert contact is not None
        query = select(Consent.status).where(Consent.contact_id == contact.id)
        return session.scalar(query.where(Consent.purpose == "marketing"))


def nothing_is_sent_twice(stack: Stack, *user_ids: str) -> None:
    for user_id in user_ids:
        twice: dict[str, Any] = {
            step: count for step, count in Counter(stack.steps(user_id)).items() if count > 1
        }
        assert not twice, user_id
