"""The contact's lock: it excludes threads and processes, and dies with its holder."""

import logging
import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from sekvens.db import locks
from sekvens.db.locks import FileLocks
from sekvens.db.session import Database
from sekvens.enrollments.turns import Turn
from sekvens.errors import LockTimeout
from sekvens.events.identity import VISITOR_CLASS
from tests.unit.waiting import PATIENCE

LONG, SHORT = timedelta(seconds=PATIENCE), timedelta(milliseconds=60)


@contextmanager
def held_by_a_thread(database: Database, contact_id: str) -> Iterator[None]:
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with database.locks.hold(contact_id, timeout=LONG):
            taken.set()
            done.wait(PATIENCE)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait(PATIENCE)
    try:
        yield
    finally:
        done.set()
        thread.join()


def is_free(database: Database, *contact_ids: str) -> bool:
    try:
        with database.locks.hold(*contact_ids, timeout=SHORT):
            return True
    except LockTimeout:
        return False


def test_threads_exclude_one_another(database: Database) -> None:
    with held_by_a_thread(database, "c-1"):
        assert not is_free(database, "c-1")
        assert is_free(database, "c-2")

    assert is_free(database, "c-1")


def test_what_is_done_under_the_lock_is_never_done_by_two(database: Database) -> None:
    inside, most = [], []

    def work() -> None:
        for _ in range(10):
            with database.locks.hold("c-1", timeout=LONG):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (max(most), len(most)) == (1, 60)


def hold_in_a_process(url: str, taken: object, done: object) -> None:
    with Database(url).locks.hold("c-1", timeout=LONG):
        taken.set()  # type: ignore[attr-defined]
        done.wait(PATIENCE)  # type: ignore[attr-defined]


def test_processes_exclude_one_another_and_a_killed_one_holds_nothing(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    taken, done = context.Event(), context.Event()
    url = database.engine.url.render_as_string(hide_password=False)
    process = context.Process(target=hold_in_a_process, args=(url, taken, done))
    process.start()
    assert taken.wait(PATIENCE)
    during = is_free(database, "c-1")
    process.kill()
    process.join()
    with database.locks.hold("c-1", timeout=LONG):
        after = True

    assert (during, after) == (False, True)


def test_a_lock_that_cannot_be_had_names_the_contact_and_the_time(database: Database) -> None:
    with (
        held_by_a_thread(database, "c-1"),
        pytest.raises(LockTimeout, match=r"the lock of contact c-1 was not free within 0\.06 s"),
        database.locks.hold("c-1", timeout=SHORT),
    ):
        pass


def test_the_lock_of_several_waits_for_each_and_keeps_none_when_it_gives_up(
    database: Database,
) -> None:
    with held_by_a_thread(database, "c-2"):
        assert not is_free(database, "c-1", "c-2")
        assert is_free(database, "c-1")

    with database.locks.hold("c-1", "c-2", timeout=LONG):
        assert not is_free(database, "c-1")
        assert not is_free(database, "c-2")


def test_opposite_orders_of_the_same_two_never_wait_for_one_another(database: Database) -> None:
    def work(*contact_ids: str) -> None:
        for _ in range(20):
            with database.locks.hold(*contact_ids, timeout=LONG):
                pass

    threads = [
        threading.Thread(target=work, args=pair) for pair in (("c-1", "c-2"), ("c-2", "c-1")) * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert not [thread for thread in threads if thread.is_alive()]


def test_two_contacts_on_one_stripe_do_not_wait_for_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "STRIPES", 1)
    files = FileLocks(tmp_path)

    with files.hold("c-1", "c-2", timeout=SHORT):
        pass


def test_what_fails_under_the_lock_fails_as_it_did_and_frees_the_lock(database: Database) -> None:
    with pytest.raises(KeyError), database.locks.hold("c-1", timeout=LONG):
        raise KeyError

    assert is_free(database, "c-1")


@pytest.fixture
def postgres(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url, pool_size=1)
    yield database
    database.close()


def kill_holder(database: Database) -> None:
    query = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
    with database.engine.connect() as connection:
        connection.execute(text(query))


def test_postgresql_frees_the_lock_when_the_holders_connection_is_killed(
    postgres: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING), postgres.locks.hold("c-1", timeout=LONG):
        before = is_free(postgres, "c-1")
        kill_holder(postgres)
        with postgres.locks.hold("c-1", timeout=LONG):
            after = True

    assert (before, after) == (False, True)
    lost = [record for record in caplog.records if getattr(record, "action", "") == "lock_lost"]
    assert [record.contact_id for record in lost] == ["c-1"]  # type: ignore[attr-defined]


def test_a_connection_goes_back_to_the_pool_without_our_time_out(postgres: Database) -> None:
    with postgres.locks.hold("c-1", timeout=LONG):
        assert not is_free(postgres, "c-1")
    with postgres.engine.connect() as one, postgres.engine.connect() as other:
        limits = {each.execute(text("SHOW lock_timeout")).scalar_one() for each in (one, other)}

    assert limits == {"0"}


def test_no_two_kinds_of_advisory_locks_of_ours_can_be_taken_for_one_another() -> None:
    kinds = [*Turn, VISITOR_CLASS, locks.ADVISORY_CLASS, locks.SWITCH_CLASS]

    assert len(set(kinds)) == len(kinds)
