"""The per-contact lock that a sender holds over guard, call and mark, and that ingress waits for.

A sender commits its claim, takes the lock, reads the facts and calls SES. Ingress commits the
facts, looks for a claim in dispatch and, if there is one, passes through the lock before it
replies. Whichever came first, either the sender sees the facts or the reply waits for the sender.

Switches (`sekvens.switches`) work in the same way with a lock that senders share. The order is
everybody's: the switch for everything, the flow's switch, contacts sorted. Whoever turns a switch
takes that one lock and no other, so that nobody waits in a circle.
"""

import fcntl
import logging
import os
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
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
#: The first half of PostgreSQL's two-part advisory key: ours, and for contacts …
ADVISORY_CLASS = 0x5EC
#: … or for switches.
SWITCH_CLASS = 0x5EB


class ContactLocks(Protocol):
    """Mutual exclusion on a contact, between threads, processes and machines."""

    def hold(
        self, *contact_ids: str, timeout: timedelta, under: Sequence[str] = ()
    ) -> AbstractContextManager[None]:
        """Hold the contact's lock; of several ids, as after a merge, the locks of all of them.

        `under` names switches, the widest first, that are shared with other senders meanwhile.

        Raises:
            LockTimeout: it could not be had within `timeout`.
        """
        ...

    def hold_switch(self, name: str, *, timeout: timedelta) -> AbstractContextManager[None]:
        """Hold a switch alone: whoever shared it has gone, and whoever wants to waits.

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
    def hold(
        self, *contact_ids: str, timeout: timedelta, under: Sequence[str] = ()
    ) -> Iterator[None]:
        """Share the switches, then hold the contacts' stripes."""
        deadline = time.monotonic() + timeout.total_seconds()
        # Two ids may share a stripe, and a holder must not wait for itself. The order is
        # everybody's, so that no two wait for one another.
        stripes = {stripe_of(contact_id) for contact_id in contact_ids}
        with ExitStack() as held:
            for switch in under:
                if not self._share(switch, held, deadline):
                    raise LockTimeout(_turning(under, timeout))
            for stripe in sorted(stripes):
                if not self._take(f"{stripe:02x}", fcntl.LOCK_EX, held, deadline):
                    raise LockTimeout(_timed_out(contact_ids, timeout))
            yield

    @contextmanager
    def hold_switch(self, name: str, *, timeout: timedelta) -> Iterator[None]:
        """Shut the switch's door, and wait until everybody is out."""
        deadline = time.monotonic() + timeout.total_seconds()
        room, door = _room_and_door(name)
        with ExitStack() as held:
            if not (
                self._take(door, fcntl.LOCK_EX, held, deadline)
                and self._take(room, fcntl.LOCK_EX, held, deadline)
            ):
                raise LockTimeout(_not_alone(name, timeout))
            yield

    def _share(self, switch: str, held: ExitStack, deadline: float) -> bool:
        """Share a switch: through its door, which is shut while somebody waits to be alone.

        Without the door, senders who come and go would keep them waiting for ever.
        """
        room, door = _room_and_door(switch)
        with ExitStack() as passing:
            return self._take(door, fcntl.LOCK_SH, passing, deadline) and self._take(
                room, fcntl.LOCK_SH, held, deadline
            )

    def _take(self, name: str, kind: int, held: ExitStack, deadline: float) -> bool:
        # A fresh descriptor each time: flock excludes descriptors, so threads too.
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CREAT, 0o600)
        held.callback(os.close, descriptor)
        return _flock(descriptor, kind, deadline)


class PostgresLocks:
    """Session-level advisory locks: released when the holder's connection ends, however it ends."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def hold(
        self, *contact_ids: str, timeout: timedelta, under: Sequence[str] = ()
    ) -> Iterator[None]:
        """Share the switches and hold the contacts' locks, on a connection of their own."""
        deadline = time.monotonic() + timeout.total_seconds()
        keys = {_advisory_key(contact_id) for contact_id in contact_ids}
        with self._connection(contact_ids) as connection:
            if under and not _share_switches(connection, under, deadline):
                raise LockTimeout(_turning(under, timeout))
            for key in sorted(keys):
                if not _advisory_lock(connection, ADVISORY_CLASS, key, deadline):
                    raise LockTimeout(_timed_out(contact_ids, timeout))
            yield

    @contextmanager
    def hold_switch(self, name: str, *, timeout: timedelta) -> Iterator[None]:
        """Hold the switch's advisory lock; PostgreSQL lets nobody past who waits for it."""
        deadline = time.monotonic() + timeout.total_seconds()
        with self._connection((name,)) as connection:
            if not _advisory_lock(connection, SWITCH_CLASS, _advisory_key(name), deadline):
                raise LockTimeout(_not_alone(name, timeout))
            yield

    @contextmanager
    def _connection(self, names: Sequence[str]) -> Iterator[Connection]:
        autocommit = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with autocommit.connect() as connection:
            try:
                yield connection
            finally:
                _hand_back(connection, names)


def stripe_of(contact_id: str) -> int:
    """Tell which lock file serves a contact: it serves others too."""
    return zlib.crc32(contact_id.encode()) % STRIPES


def _advisory_key(name: str) -> int:
    return zlib.crc32(name.encode()) - 2**31


def _share_switches(connection: Connection, names: Sequence[str], deadline: float) -> bool:
    # In one call, for it is made for every message; a list is evaluated from left to right.
    shared = ", ".join(f"pg_advisory_lock_shared(:class, :key_{i})" for i in range(len(names)))
    keys = {f"key_{i}": _advisory_key(name) for i, name in enumerate(names)}
    return _locked(connection, f"SELECT {shared}", {"class": SWITCH_CLASS, **keys}, deadline)


def _advisory_lock(connection: Connection, kind: int, key: int, deadline: float) -> bool:
    alone = "SELECT pg_advisory_lock(:class, :key)"
    return _locked(connection, alone, {"class": kind, "key": key}, deadline)


def _locked(
    connection: Connection, statement: str, keys: Mapping[str, int], deadline: float
) -> bool:
    milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
    connection.execute(text(f"SET lock_timeout = {milliseconds}"))
    try:
        connection.execute(text(statement), keys)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == "55P03":  # lock_not_available
            return False
        raise
    return True


def _hand_back(connection: Connection, names: Sequence[str]) -> None:
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
            " and ".join(names),
            extra={"action": "lock_lost", "contact_id": names[0]},
        )


def _room_and_door(switch: str) -> tuple[str, str]:
    room = f"switch-{zlib.crc32(switch.encode()):08x}"
    return room, f"{room}-door"


def _flock(descriptor: int, kind: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_INTERVAL.total_seconds())
        else:
            return True


def _timed_out(contact_ids: Sequence[str], timeout: timedelta) -> str:
    names = " and ".join(contact_ids)
    return f"the lock of contact {names} was not free within {timeout.total_seconds():g} s"


def _turning(switches: Sequence[str], timeout: timedelta) -> str:
    names = " or ".join(switches)
    return f"the switch {names} was being turned for {timeout.total_seconds():g} s"


def _not_alone(switch: str, timeout: timedelta) -> str:
    return f"messages under the switch {switch} were still leaving {timeout.total_seconds():g} s on"
