"""The per-contact lock that a sender holds over guard, call and mark, and that ingress waits for.

A sender commits its claim, takes the lock, reads the facts and calls SES. Ingress commits the
facts, looks for a claim in dispatch and, if there is one, passes through the lock before it
replies. Whichever came first, either the sender sees the facts or the reply waits for the sender.
"""

import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from sekvens.errors import LockTimeout

#: A lock file serves all contacts whose hash falls on it: enough that strangers seldom meet.
STRIPES = 256
#: How often a waiter on a lock file looks again.
POLL_INTERVAL = timedelta(milliseconds=2)
#: The first half of PostgreSQL's two-part advisory key: ours, and for contacts.
ADVISORY_CLASS = 0x5EC


class ContactLocks(Protocol):
    """Mutual exclusion on a contact, between threads, processes and machines."""

    def hold(self, contact_id: str, *, timeout: timedelta) -> AbstractContextManager[None]:
        """Hold the contact's lock.

        Raises:
            LockTimeout: it could not be had within `timeout`.
        """
        ...


class FileLocks:
    """Striped lock files, for SQLite, whose users all share one machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def hold(self, contact_id: str, *, timeout: timedelta) -> Iterator[None]:
        """Hold the contact's stripe."""
        stripe = zlib.crc32(contact_id.encode()) % STRIPES
        # A fresh descriptor each time: flock excludes descriptors, so threads are excluded too.
        descriptor = os.open(self._folder / f"{stripe:02x}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _flock(descriptor, contact_id, timeout)
            yield
        finally:
            os.close(descriptor)


class PostgresLocks:
    """Session-level advisory locks: released when the holder's connection ends, however it ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(self, contact_id: str, *, timeout: timedelta) -> Iterator[None]:
        """Hold the contact's advisory lock on a connection of its own."""
        key = {"class": ADVISORY_CLASS, "contact": zlib.crc32(contact_id.encode()) - 2**31}
        milliseconds = max(1, round(timeout.total_seconds() * 1000))
        autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            connection.execute(text(f"SET lock_timeout = {milliseconds}"))
            try:
                connection.execute(text("SELECT pg_advisory_lock(:class, :contact)"), key)
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
                    raise LockTimeout(_timed_out(contact_id, timeout)) from error
                raise
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:class, :contact)"), key)
                connection.execute(text("RESET lock_timeout"))


def _flock(descriptor: int, contact_id: str, timeout: timedelta) -> None:
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise LockTimeout(_timed_out(contact_id, timeout)) from None
            time.sleep(POLL_INTERVAL.total_seconds())
        else:
            return


def _timed_out(contact_id: str, timeout: timedelta) -> str:
    return f"the lock of contact {contact_id} was not free within {timeout.total_seconds():g} s"
