"""The relay: what was committed to the database becomes progress in Temporal.

It is the only way from a fact to a signal, and it may die at any point: each half (outbox to
deliveries, deliveries to Temporal) commits what it has done and repeats what it has not. Several
relays may run; they share the work through the database.
"""

import asyncio
import logging
import random
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.enrollments import moves
from sekvens.enrollments.temporal import SignalOutcome, StartOutcome, TemporalStarter
from sekvens.errors import NotDelivered, TemporalUnavailable
from sekvens.events import deliveries, expansion
from sekvens.events.agenda import Agenda
from sekvens.events.deliveries import Lane, Parcel, Receipt, Terms
from sekvens.events.pressure import Pressure
from sekvens.events.rounds import repeat
from sekvens.fault_points import FaultPoint, reached
from sekvens.flows.codec import to_json
from sekvens.flows.shop_time import ShopTime
from sekvens.outages import is_outage
from sekvens.prometheus.counted import RELAY_CALLS, RELAY_LAG, STARTED

logger = logging.getLogger(__name__)

#: Starts and signals in flight at once: enough to hide a round trip of 100 ms at 300 a second.
IN_FLIGHT_MAX = 32
#: Exits have a lane of their own beside it, or they would wait for the batch that is in flight.
EXITS_IN_FLIGHT_MAX = 8
#: A batch is written down while the next one is in flight.
DELIVERERS = 2
#: SQLite's writers do not queue: whoever writes again at once keeps all others out.
BREATH = timedelta(milliseconds=10)
#: What Temporal refuses is tried again after a quarter of its age, within these bounds.
RETRY_MIN = timedelta(seconds=2)
RETRY_MAX = timedelta(minutes=5)


class Relay:
    """Works off the outbox and delivers to Temporal what enrollments are owed."""

    def __init__(
        self,
        database: Database,
        client: TemporalStarter,
        *,
        clock: Clock,
        shop_time: ShopTime,
        attempt_seconds: int | None = None,
    ) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._shop_time = shop_time
        self._terms = Terms(shop_time=to_json(shop_time), attempt_seconds=attempt_seconds)
        self._in_flight = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._exits_in_flight = asyncio.Semaphore(EXITS_IN_FLIGHT_MAX)
        self._nudge = asyncio.Event()
        self._wake = asyncio.Event()
        self._agenda = Agenda()
        self._batch = expansion.BATCH
        self._pressure = Pressure(client, clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until `stop` is set; what is in flight then is finished first."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(repeat(self._expand_and_nudge, stop, nudge=self._wake))
            for _ in range(DELIVERERS):
                tasks.create_task(repeat(self.deliver_once, stop, nudge=self._nudge))
            exits = partial(self.deliver_once, exits_only=True)
            tasks.create_task(repeat(exits, stop, nudge=self._nudge))
            tasks.create_task(repeat(self._owe_moves, stop))
            await stop.wait()
            self._nudge.set()
            self._wake.set()

    def wake(self) -> None:
        """Look at the outbox at once: somebody in this process has made a fact."""
        self._wake.set()

    def expand_once(self) -> int:
        """Turn events of the outbox into deliveries; tell how many events."""
        with self._database.read() as session:
            if not expansion.has_events(session):
                return 0
            self._agenda.read(session)
        pressing = self._agenda.out_of_turn()
        return (self._expand(pressing) if pressing else 0) or self._expand(())

    def _expand(self, out_of_turn: Sequence[str]) -> int:
        try:
            return self._expand_together(out_of_turn)
        except Exception as error:
            if is_outage(error):
                raise
        # A bug befell one of them. In turn and one by one, until it is found and set aside.
        return sum(self._expand_one() for _ in range(self._batch))

    def _expand_one(self) -> int:
        now = self._clock.now()
        with self._database.read() as session:
            event_id = expansion.head(session)
        try:
            with self._database.write() as session:
                done = expansion.expand(session, now=now, shop_time=self._shop_time, batch=1)
            taken = done.taken
        except Exception as error:
            if is_outage(error):
                raise
            with self._database.write() as session:
                taken = expansion.set_aside(session, event_id, error, now=now)
        self._agenda.strike_off(taken)
        return len(taken)

    def _expand_together(self, out_of_turn: Sequence[str]) -> int:
        now = self._clock.now()
        with self._database.write() as session:
            done = expansion.expand(
                session,
                now=now,
                shop_time=self._shop_time,
                batch=self._batch,
                out_of_turn=out_of_turn,
            )
        is_all = done.has_turn and len(done.taken) + len(done.left) < self._batch
        served = out_of_turn if is_all else ()
        self._agenda.strike_off(done.taken, served=served, left=done.left)
        self._batch = done.next_batch(self._batch)
        return len(done.taken)

    def owe_moves_once(self) -> int:
        """Owe some of those whom a version moves their move; tell how many."""
        now = self._clock.now()
        with self._database.read() as session:
            if not moves.has_moves(session, now=now):
                return 0
        with self._database.write() as session:
            return moves.owe_moves(session, now=now)

    async def deliver_once(self, *, exits_only: bool = False) -> int:
        """Deliver one batch of what is owed; tell how many enrollments got something.

        Raises:
            TemporalUnavailable: none of them did, for Temporal does not answer. All is kept.
        """
        chosen = Lane.EXITS if exits_only else await self._pressure.choose_lane()
        parcels = await asyncio.to_thread(self._lease, chosen)
        self._pressure.note(chosen, len(parcels))
        if not parcels:
            return 0
        unavailable: list[TemporalUnavailable] = []
        lane = self._exits_in_flight if exits_only else self._in_flight
        async with asyncio.TaskGroup() as tasks:
            handing = [
                tasks.create_task(self._hand_over(parcel, unavailable, lane)) for parcel in parcels
            ]
        results = [(task.result(), parcel) for task, parcel in zip(handing, parcels, strict=True)]
        receipts = [receipt for receipt, _ in results if receipt is not None]
        kept = [parcel for receipt, parcel in results if receipt is None]
        await asyncio.to_thread(self._settle, receipts, kept)
        delivered = sum(
            receipt.delivered_seq > receipt.parcel.delivered_seq for receipt in receipts
        )
        if unavailable and not delivered:
            raise unavailable[0]
        return delivered

    def _lease(self, lane: Lane = Lane.ALL) -> list[Parcel]:
        now = self._clock.now()
        with self._database.read() as session:
            if not deliveries.is_owing(session, now=now, lane=lane):
                return []
        with self._database.write() as session:
            return deliveries.lease(session, now=now, terms=self._terms, lane=lane)

    async def _hand_over(
        self, parcel: Parcel, unavailable: list[TemporalUnavailable], lane: asyncio.Semaphore
    ) -> Receipt | None:
        """Give Temporal one parcel; None: Temporal does not answer, it stays as it is."""
        if parcel.is_ended:
            return Receipt(parcel=parcel, delivered_seq=parcel.last_seq)
        async with lane:
            if unavailable:
                return None
            reached(FaultPoint.RELAY_COMMITTED, parcel.contact_id)
            try:
                receipt = await self._start_and_signal(parcel)
            except TemporalUnavailable as error:
                RELAY_CALLS.labels(_first_call(parcel), "unavailable").inc()
                unavailable.append(error)
                return None
            except NotDelivered as error:
                RELAY_CALLS.labels(_first_call(parcel), "refused").inc()
                logger.warning(
                    "%s", error, extra=_about(parcel, "delivery_refused"), exc_info=False
                )
                return self._later(parcel)
            reached(FaultPoint.RELAY_SIGNALLED, parcel.contact_id)
            self._tell_of(receipt)
            return receipt

    async def _start_and_signal(self, parcel: Parcel) -> Receipt:
        if parcel.start is not None:
            outcome = await self._client.start(parcel.start)
            RELAY_CALLS.labels("start", outcome).inc()
            if outcome is StartOutcome.OCCUPIED:
                logger.info(
                    "%s waits: another enrollment's workflow %s has not closed yet",
                    parcel.enrollment_id,
                    parcel.workflow_id,
                    extra=_about(parcel, "start_waits"),
                )
                return self._later(parcel)
        if parcel.signal is None:
            return Receipt(parcel=parcel, delivered_seq=parcel.last_seq)
        outcome_of_signal = await self._client.signal(parcel.workflow_id, parcel.signal)
        RELAY_CALLS.labels("signal", outcome_of_signal).inc()
        return Receipt(
            parcel=parcel,
            delivered_seq=parcel.last_seq,
            is_signalled=True,
            is_missing=outcome_of_signal is SignalOutcome.MISSING,
        )

    def _tell_of(self, receipt: Receipt) -> None:
        """Say and count what Temporal has taken: by these ids an event is followed."""
        parcel = receipt.parcel
        if receipt.is_missing or receipt.delivered_seq <= parcel.delivered_seq:
            return
        if parcel.start is not None:
            STARTED.labels(parcel.start.flow).inc()
            extra = {**_about(parcel, "enrollment_started"), "event_id": parcel.trigger_id or "-"}
            logger.info("%s is started", parcel.workflow_id, extra=extra)
        if parcel.signal is not None:
            told = ",".join(event.event_id for event in parcel.signal.events)
            extra = {**_about(parcel, "enrollment_signalled"), "event_ids": told}
            logger.info("%s is told of events", parcel.workflow_id, extra=extra)
        if parcel.oldest_at is not None:
            what = "exit" if parcel.is_urgent else "event"
            lag = self._clock.now() - parcel.oldest_at
            labelled = RELAY_LAG.labels("start" if parcel.start is not None else what)
            labelled.observe(max(lag.total_seconds(), 0.0))

    def _later(self, parcel: Parcel) -> Receipt:
        """Try again after a quarter of the parcel's age: often while young, seldom when old."""
        now = self._clock.now()
        age = now - (parcel.oldest_at or now)
        delay = min(max(age / 4, RETRY_MIN), RETRY_MAX) * random.uniform(0.8, 1.2)  # noqa: S311  jitter is no secret
        return Receipt(parcel=parcel, delivered_seq=parcel.delivered_seq, retry_at=now + delay)

    def _settle(self, receipts: list[Receipt], kept: list[Parcel]) -> None:
        now = self._clock.now()
        with self._database.write() as session:
            missing = deliveries.settle(session, receipts, kept, now=now)
        for parcel in missing:
            logger.warning(
                "workflow %s is gone, but its enrollment %s is still under way: was it terminated? "
                "`starter.py show %s` tells where it stood",
                parcel.workflow_id,
                parcel.enrollment_id,
                parcel.contact_id,
                extra=_about(parcel, "enrollment_missing"),
            )

    async def _owe_moves(self) -> int:
        """Owe one batch a round and be idle in between, however many are left: they are spread."""
        if await asyncio.to_thread(self.owe_moves_once):
            self._nudge.set()
        return 0

    async def _expand_and_nudge(self) -> int:
        done = await asyncio.to_thread(self.expand_once)
        if done:
            self._nudge.set()
            if self._database.is_sqlite:
                await asyncio.sleep(BREATH.total_seconds())
        return done


def _about(parcel: Parcel, action: str) -> dict[str, str]:
    return {
        "action": action,
        "enrollment_id": parcel.enrollment_id,
        "contact_id": parcel.contact_id,
    }


def _first_call(parcel: Parcel) -> str:
    return "start" if parcel.start is not None else "signal"
