"""The per-contact lock that a sender holds over guard, call and mark, and that ingress waits for.

A sender commits its claim, takes the lock, reads the facts and calls SES. Ingress commits the
facts, looks for a claim in dispatch and, if there is one, passes through the lock before it
replies. Whichever came first, either the sender sees the facts or the reply waits for the sender.
"""

import fcntl
import logging
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

from sekvens.errors import LockTimeout

logger = logging.getLogger(__name__)

#: A lock file serves all contacts whose hash falls on it: enough that strangers seldom meet.
STRIPES = 256
#: How often a waiter on a lock file looks again.
POLL_INTERVAL = timedelta(milliseconds=2)
#: The first half of PostgreSQL's two-part advisory key: ours, and for contacts.
ADVISORY_CLASS = 0x5EC


class ContactLocks(Protocol):
    """Mutual exclusion on a contact, between threads, processes and machines."""

    def hold(self, *contact_ids: str, timeout: timedelta) -> AbstractContextManager[None]:
        """Hold the contact's lock; of several ids, as after a merge, the locks of all of them.

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
    def hold(self, *contact_ids: str, timeout: timedelta) -> Iterator[None]:
        """Hold the contacts' stripes."""
        deadline = time.monotonic() + timeout.total_seconds()
        # Two ids may share a stripe, and a holder must not wait for itself. The order is
        # everybody's, so that no two wait for one another.
        stripes = {zlib.crc32(contact_id.encode()) % STRIPES for contact_id in contact_ids}
        with ExitStack() as held:
            for stripe in sorted(stripes):
                # A fresh descriptor each time: flock excludes descriptors, so threads too.
                path = self._folder / f"{stripe:02x}"
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
                held.callback(os.close, descriptor)
                if not _flock(descriptor, deadline):
                    raise LockTimeout(_timed_out(contact_ids, timeout))
            yield


class PostgresLocks:
    """Session-level advisory locks: released when the holder's connection ends, however it ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(self, *contact_ids: str, timeout: timedelta) -> Iterator[None]:
        """Hold the contacts' advisory locks on a connection of their own."""
        deadline = time.monotonic() + timeout.total_seconds()
        keys = {zlib.crc32(contact_id.encode()) - 2**31 for contact_id in contact_ids}
        autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            try:
                for key in sorted(keys):
                    if not _advisory_lock(connection, key, deadline):
                        raise LockTimeout(_timed_out(contact_ids, timeout))
                yield
            finally:
                _hand_back(connection, contact_ids)


def _advisory_lock(connection: Connection, key: int, deadline: float) -> bool:
    milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
    connection.execute(text(f"SET lock_timeout = {milliseconds}"))
    try:
        connection.execute(
            text("SELECT pg_advisory_lock(:class, :contact)"),
            {"class": ADVISORY_CLASS, "contact": key},
        )
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
            return False
        raise
    return True


def _hand_back(connection: Connection, contact_ids: Sequence[str]) -> None:
    """Release what the connection holds, and leave it to the pool as it was."""
    try:
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
        # Or the next user of the connection would give up on a row after our time-out.
        connection.execute(text("RESET lock_timeout"))
    except DBAPIError:
        # PostgreSQL released the lock with the connection. What was done under it stands, and an
        # error from here would hide what became of it.
        logger.warning(
            "the connection that held the lock of %s was lost",
            " and ".join(contact_ids),
            extra={"action": "lock_lost", "contact_id": contact_ids[0]},
        )


def _flock(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_INTERVAL.total_seconds())
        else:
            return True


def _timed_out(contact_ids: Sequence[str], timeout: timedelta) -> str:
    names = " and ".join(contact_ids)
    return f"the lock of contact {names} was not free within {timeout.total_seconds():g} s"
