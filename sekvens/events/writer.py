"""Group commit: one thread stores the requests that came while it stored the ones before.

A commit costs a disk's flush whatever it holds, so one for many requests is many times as fast. The
thread never waits for a contact's lock; it looks in the ledger once per group, and whoever asked
waits at the barrier by itself. A request that fails is tried alone, and its events one by one, so
that it cannot harm its neighbours.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.consent_section import ConsentSettings
from sekvens.db.session import Database
from sekvens.errors import SekvensError
from sekvens.events.barrier import in_dispatch
from sekvens.events.ingest import Ingested, ingest, ingest_all
from sekvens.events.parse import Incoming, Refused
from sekvens.flows.shop_time import ShopTime
from sekvens.shop import Shop

#: Requests and events of one transaction: as many as help, few enough that nobody waits long.
GROUP_REQUESTS_MAX: Final = 256
GROUP_EVENTS_MAX: Final = 5000
#: What may wait: a few seconds' work, and a bounded amount of memory.
WAITING_REQUESTS_MAX: Final = 2000
WAITING_EVENTS_MAX: Final = 10_000

#: Another process may store the same event, or the same new contact, at the same moment. Whoever
#: loses sees the other's rows and does it again; whoever loses so often is up against a fault.
RACES_MAX: Final = 5

#: The database's state, as opposed to something about the request.
_DOWN: Final = (OperationalError, InterfaceError, PoolTimeout)

_log = logging.getLogger(__name__)


class WriterBusy(SekvensError):
    """More events wait to be stored than will be soon; post again in a moment."""


class DatabaseUnavailable(SekvensError):
    """The database does not answer; nothing was acknowledged, so post again."""


class _Job(msgspec.Struct, frozen=True):
    batch: Sequence[Incoming]
    future: Future[Ingested]


class GroupCommitWriter:
    """The one thread of a process that stores events; safe to submit to from any thread."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        shop_time: ShopTime,
        *,
        shop: Shop | None = None,
        consent: ConsentSettings | None = None,
    ) -> None:
        self._database = database
        self._shop = shop
        self._consent = consent
        self._clock = clock
        self._shop_time = shop_time
        self._waiting: deque[_Job] = deque()
        self._events_waiting = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, batch: Sequence[Incoming]) -> Future[Ingested]:
        """Hand over a batch; the future is done once it is committed.

        The future fails with `DatabaseUnavailable` if it could not be stored.

        Raises:
            WriterBusy: too much waits already, or the writer is closing.
        """
        future: Future[Ingested] = Future()
        with self._changed:
            if (
                self._closing
                or len(self._waiting) >= WAITING_REQUESTS_MAX
                or self._events_waiting + len(batch) > WAITING_EVENTS_MAX
            ):
                raise WriterBusy
            self._waiting.append(_Job(batch, future))
            self._events_waiting += len(batch)
            self._changed.notify()
        return future

    def close(self) -> None:
        """Store everything that waits, and stop."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while group := self._next_group():
            self._store(group)

    def _next_group(self) -> list[_Job]:
        """Wait for work; an empty list means that there will be none."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            group: list[_Job] = []
            events = 0
            while self._waiting and len(group) < GROUP_REQUESTS_MAX and events < GROUP_EVENTS_MAX:
                job = self._waiting.popleft()
                # A client that hung up while it waited will post again.
                if job.future.set_running_or_notify_cancel():
                    group.append(job)
                    events += len(job.batch)
                self._events_waiting -= len(job.batch)
            if not group and not self._closing:
                return self._next_group()
            return group

    def _store(self, group: list[_Job]) -> None:
        try:
            results = self._together(group)
        except Exception:  # noqa: BLE001  whatever it was, each request alone will show it
            self._store_alone(group)
        else:
            for job, result in zip(group, results, strict=True):
                job.future.set_result(result)

    def _store_alone(self, group: list[_Job]) -> None:
        unavailable = False
        for job in group:
            if unavailable:
                job.future.set_exception(DatabaseUnavailable())
                continue
            try:
                job.future.set_result(self._alone(job))
            except _DOWN as error:
                # The rest would each wait for the same connection: they are told at once.
                unavailable = True
                _log.warning(
                    "events could not be stored: %s",
                    type(error).__name__,
                    extra={"action": "database_unavailable"},
                )
                job.future.set_exception(DatabaseUnavailable())
            except Exception as error:  # noqa: BLE001  the thread must outlive any request
                # Without the traceback: it would quote the events.
                _log.error(
                    "a request could not be stored: %s",
                    type(error).__name__,
                    extra={"action": "request_failed"},
                )
                job.future.set_exception(SekvensError("the events could not be stored"))

    def _together(self, group: list[_Job]) -> list[Ingested]:
        with self._database.write() as session:
            results = ingest_all(
                session,
                [job.batch for job in group],
                now=self._clock.now(),
                shop_time=self._shop_time,
                shop=self._shop,
                consent=self._consent,
            )
        return self._with_senders(results)

    def _alone(self, job: _Job) -> Ingested:
        try:
            return self._together([job])[0]
        except (*_DOWN, ProgrammingError):
            raise
        except Exception:  # noqa: BLE001  one event of it cannot be stored; find out which
            return self._one_by_one(job.batch)

    def _one_by_one(self, batch: Sequence[Incoming]) -> Ingested:
        now = self._clock.now()
        with self._database.write() as session:
            results = [self._store_one(session, item, now=now) for item in batch]
        together = Ingested(
            contact_ids=tuple({name for result in results for name in result.contact_ids}),
            accepted=sum(result.accepted for result in results),
            rejected=sum(result.rejected for result in results),
            duplicates=sum(result.duplicates for result in results),
        )
        return self._with_senders([together])[0]

    def _store_one(self, session: Session, item: Incoming, *, now: datetime) -> Ingested:
        """Store one event; one that cannot be is kept with its reason, like any bad event."""
        for race in range(1, RACES_MAX + 1):
            try:
                with session.begin_nested():
                    return self._ingest(session, item, now=now)
            except (*_DOWN, ProgrammingError):
                raise
            except Exception as error:  # noqa: BLE001  whatever it is about this event
                if not isinstance(error, IntegrityError) or race == RACES_MAX:
                    return self._ingest(session, _refused(item, error), now=now)
        raise AssertionError("the last race was either won or refused")

    def _ingest(self, session: Session, item: Incoming, *, now: datetime) -> Ingested:
        return ingest(
            session,
            [item],
            now=now,
            shop_time=self._shop_time,
            shop=self._shop,
            consent=self._consent,
        )

    def _with_senders(self, results: list[Ingested]) -> list[Ingested]:
        """Tell for each request which locks to pass through: after the commit, for all at once."""
        contact_ids = {name for result in results for name in result.contact_ids}
        if not contact_ids:
            return results
        with self._database.read() as session:
            sending = in_dispatch(session, contact_ids)
        return [_awaiting(result, sending) for result in results]


def _awaiting(result: Ingested, sending: set[frozenset[str]]) -> Ingested:
    whose = set(result.contact_ids)
    locks = {name for names in sending if names & whose for name in names}
    return msgspec.structs.replace(result, sending=tuple(sorted(locks))) if locks else result


def _refused(item: Incoming, error: Exception) -> Refused:
    raw = msgspec.json.encode(item).decode()
    reason = f"it could not be stored: {type(error).__name__}"
    return Refused(reason=reason, raw=raw, received_at=item.received_at)
