"""The lock of a switch: senders share it, and whoever turns it waits until they have gone."""

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from sekvens.db.session import Database
from sekvens.errors import LockTimeout
from tests.unit.waiting import PATIENCE

LONG, SHORT = timedelta(seconds=PATIENCE), timedelta(milliseconds=60)
BOTH = ("*", "welcome")


@contextmanager
def in_a_thread(database: Database, *, alone: str | None = None) -> Iterator[None]:
    """Send under both switches meanwhile, or hold one alone."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        locks = database.locks
        with (
            locks.hold_switch(alone, timeout=LONG)
            if alone
            else locks.hold("c-1", timeout=LONG, under=BOTH)
        ):
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


def can_send(database: Database, flow: str = "welcome") -> bool:
    try:
        with database.locks.hold("c-2", timeout=SHORT, under=("*", flow)):
            return True
    except LockTimeout:
        return False


def can_be_alone(database: Database, name: str) -> bool:
    try:
        with database.locks.hold_switch(name, timeout=SHORT):
            return True
    except LockTimeout:
        return False


def test_senders_share_switches_and_nobody_is_alone_meanwhile(database: Database) -> None:
    with in_a_thread(database):
        assert can_send(database)
        alone = [can_be_alone(database, name) for name in (*BOTH, "winback")]

    assert alone == [False, False, True]
    assert all(can_be_alone(database, name) for name in BOTH)


def test_whoever_holds_a_flows_switch_alone_keeps_its_senders_out_and_no_others(
    database: Database,
) -> None:
    with in_a_thread(database, alone="welcome"):
        assert (can_send(database), can_send(database, "winback")) == (False, True)

    assert can_send(database)


def test_whoever_holds_the_switch_for_everything_alone_keeps_every_sender_out(
    database: Database,
) -> None:
    with in_a_thread(database, alone="*"):
        assert (can_send(database), can_send(database, "winback")) == (False, False)


def test_the_contacts_lock_is_not_a_switchs_of_the_same_name(database: Database) -> None:
    with (
        in_a_thread(database, alone="c-1"),
        database.locks.hold("c-1", timeout=SHORT, under=BOTH),
    ):
        pass


def test_who_gives_up_says_what_was_in_the_way(database: Database) -> None:
    with in_a_thread(database), pytest.raises(LockTimeout, match=r"under the switch welcome"):  # noqa: SIM117
        with database.locks.hold_switch("welcome", timeout=SHORT):
            pass
    with in_a_thread(database, alone="*"), pytest.raises(LockTimeout, match="was being turned"):  # noqa: SIM117
        with database.locks.hold("c-2", timeout=SHORT, under=BOTH):
            pass


def test_senders_who_come_and_go_do_not_keep_a_switch_waiting(database: Database) -> None:
    ended = threading.Event()

    def send(number: int) -> None:
        time.sleep(number * 0.01)
        while not ended.is_set():
            with database.locks.hold(f"c-{number}", timeout=LONG, under=BOTH):
                time.sleep(0.05)

    senders = [threading.Thread(target=send, args=(number,)) for number in range(5)]
    for sender in senders:
        sender.start()
    time.sleep(0.1)
    try:
        with database.locks.hold_switch("*", timeout=timedelta(seconds=PATIENCE)):
            waited = False
    except LockTimeout:
        waited = True
    ended.set()
    for sender in senders:
        sender.join()

    assert not waited


def send_in_a_process(url: str, taken: object, done: object) -> None:
    with Database(url).locks.hold("c-1", timeout=LONG, under=BOTH):
        taken.set()  # type: ignore[attr-defined]
        done.wait(PATIENCE)  # type: ignore[attr-defined]


def test_a_sender_that_is_killed_keeps_no_switch(database: Database) -> None:
    context = multiprocessing.get_context("spawn")
    taken, done = context.Event(), context.Event()
    url = database.engine.url.render_as_string(hide_password=False)
    process = context.Process(target=send_in_a_process, args=(url, taken, done))
    process.start()
    assert taken.wait(PATIENCE)
    during = can_be_alone(database, "welcome")
    process.kill()
    process.join()
    with database.locks.hold_switch("welcome", timeout=LONG):
        after = True

    assert (during, after) == (False, True)
