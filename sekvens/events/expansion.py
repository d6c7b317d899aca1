"""From committed events to what the relay owes: enrollments that begin, and deliveries.

A person's events are taken in their order and leave the outbox in the transaction that writes what
they led to, so a crash loses none and repeats none.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.contacts import aliases
from sekvens.enrollments.enroll import (
    EntryRefusal,
    NotEnrolled,
    admit,
    entry_key_of,
    is_in_the_way,
    start_of,
)
from sekvens.enrollments.publish import PublishedFlow, live_flows, published_flow
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState, FlowVersion
from sekvens.enrollments.turns import Turn, try_turn
from sekvens.events.deliveries import first_look, next_look
from sekvens.events.schema import ENROLLS_NOBODY
from sekvens.events.tables import ContactEvent, OutboxEntry, RejectedEvent
from sekvens.flows.definition import Flow
from sekvens.flows.shop_time import ShopTime
from sekvens.log import place_of, where

logger = logging.getLogger(__name__)

#: Events read for one transaction: as many as the last one managed, within these bounds.
BATCH_MIN = 25
BATCH = 200
BATCH_MAX = 500
#: The transaction ends after this long however many events are left: on SQLite it keeps every other
#: writer waiting, the API among them.
DURATION_MAX = timedelta(milliseconds=100)


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What became of the events of one transaction, each named by its outbox entry's contact."""

    has_turn: bool = True  #: False: another relay is at it
    taken: tuple[str, ...] = ()
    left: tuple[str, ...] = ()  #: read, and not reached in time

    def next_batch(self, batch: int) -> int:
        """Tell how many to read next: what is read and not reached is read again for nothing."""
        if self.left:
            return max(BATCH_MIN, len(self.taken))
        return min(BATCH_MAX, batch * 2) if len(self.taken) == batch else batch


def has_events(session: Session) -> bool:
    """Tell whether the outbox holds anything, without writing."""
    return session.scalar(select(OutboxEntry.event_id).limit(1)) is not None


def expand(
    session: Session,
    *,
    now: datetime,
    shop_time: ShopTime,
    batch: int = BATCH,
    out_of_turn: Sequence[str] = (),
) -> Pass:
    """Work off the head of the outbox, or what some contacts have in it. `now` is wall time.

    One relay at a time does this: events of one contact must not overtake one another.
    """
    if not try_turn(session, Turn.EXPAND):
        return Pass(has_turn=False)
    deadline = time.monotonic() + DURATION_MAX.total_seconds()
    entries = _waiting(session, batch, out_of_turn)
    if not entries:
        return Pass()
    expansion = _prepare(session, [entry.contact_id for entry, _ in entries], now, shop_time)
    done = 0
    # Who enters in this batch is under way until it ends: no query need see them before.
    with session.no_autoflush:
        for entry, event in entries:
            expansion.take(event, entry)
            done += 1
            if time.monotonic() >= deadline:
                break
    expansion.write()
    struck = [entry.event_id for entry, _ in entries[:done]]
    session.execute(delete(OutboxEntry).where(OutboxEntry.event_id.in_(struck)))
    expansion.report()
    whose = tuple(entry.contact_id for entry, _ in entries)
    return Pass(taken=whose[:done], left=whose[done:])


def head(session: Session) -> int | None:
    """Tell the event at the head of the outbox, without reading what it says."""
    return session.scalar(select(OutboxEntry.event_id).order_by(OutboxEntry.event_id).limit(1))


def set_aside(
    session: Session, event_id: int | None, error: Exception, *, now: datetime
) -> tuple[str, ...]:
    """Take an event away from those behind it in the outbox, for a bug keeps it there.

    The event stays a fact, which every gate reads; that it reached no flow is among the rejected.
    Names its contact, as `Pass` does. `now` is wall time.
    """
    if not try_turn(session, Turn.EXPAND):
        return ()
    entry = session.get(OutboxEntry, event_id) if event_id is not None else None
    if entry is None:
        return ()  # another relay has been quicker
    logger.error(
        "event %d of contact %s met a bug in the relay and was set aside: %s",
        entry.event_id,
        entry.contact_id,
        where(error),
        extra={"action": "event_set_aside", "contact_id": entry.contact_id},
    )
    reason = f"the relay met a bug: {type(error).__name__} at {place_of(error)}"
    raw = f'{{"event_id": {entry.event_id}}}'
    session.add(RejectedEvent(reason=reason, raw=raw, received_at=now))
    session.delete(entry)
    return (entry.contact_id,)


@dataclass(frozen=True)
class _Listener:
    """An enrollment under way, with the version that it is pinned to."""

    enrollment: Enrollment
    published: PublishedFlow


@dataclass
class _Expansion:
    """What a batch of events has to do with whom."""

    session: Session
    now: datetime  #: wall time
    shop_time: ShopTime
    live: list[PublishedFlow]
    canonical: dict[str, str]
    known_as: dict[str, tuple[str, ...]]
    listeners: dict[str, list[_Listener]] = field(default_factory=lambda: defaultdict(list))
    enrolled: list[Enrollment] = field(default_factory=list)
    owed: list[Delivery] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    #: who was refused where, by entry key, for a reason that is none of the event's
    settled: dict[tuple[str, str, str | None], EntryRefusal] = field(default_factory=dict)

    def take(self, event: ContactEvent, entry: OutboxEntry) -> None:
        """Deliver an event to those under way, then see whom it enrolls.

        In this order, so that a trigger is not delivered to the enrollment that it makes.
        """
        contact_id = self.canonical[entry.contact_id]
        under_way = self.listeners[contact_id]
        ends = [self._deliver(event, entry, listener) for listener in under_way]
        for published in () if event.name in ENROLLS_NOBODY else self.live:
            if published.flow.is_triggered_by(event.name, event.properties):
                self._admit(event, entry, published, ends_some=any(ends))

    def _admit(
        self,
        event: ContactEvent,
        entry: OutboxEntry,
        published: PublishedFlow,
        *,
        ends_some: bool,
    ) -> None:
        flow, contact_id = published.flow, self.canonical[entry.contact_id]
        key = entry_key_of(flow, event.properties)
        if self._is_under_way(flow, contact_id, key):
            return
        # The facts do not change within the transaction: of a flood, the first is asked about.
        reason = self.settled.get((flow.name, contact_id, key))
        if reason is None:
            result = admit(
                self.session,
                published,
                contact_id=contact_id,
                entry_key=key,
                trigger=event,
                learned_at=self.shop_time.at(entry.committed_at),
                now_wall=self.now,
                now_shop=self.shop_time.at(self.now),
                contact_ids=self.known_as[contact_id],
            )
            if not isinstance(result, NotEnrolled):
                result.due_at = first_look(flow, ends_some=ends_some, now=self.now)
                self.listeners[contact_id].append(_Listener(result, published))
                self.enrolled.append(result)
                self.owed.append(start_of(result, event, entry.committed_at))
                return
            reason = result.reason
            if reason is not EntryRefusal.TOO_OLD:
                self.settled[flow.name, contact_id, key] = reason
        self.refused[f"{flow.name}: {reason}"] += 1

    def write(self) -> None:
        """Write everything down at once; one statement for many rows."""
        self.session.add_all(self.enrolled)
        self.session.flush()
        self.session.add_all(self.owed)
        self.session.flush()

    def _is_under_way(self, flow: Flow, contact_id: str, entry_key: str | None) -> bool:
        """Refuse the commonest trigger, the next product in the same cart, without a query."""
        return any(
            listener.enrollment.flow == flow.name
            and is_in_the_way(flow, listener.enrollment.entry_key, entry_key)
            for listener in self.listeners[contact_id]
        )

    def report(self) -> None:
        """Say how many were refused, and why: one line for a batch, or an import floods the log."""
        if self.refused:
            counts = ", ".join(f"{reason} {count}" for reason, count in self.refused.items())
            logger.info(
                "not enrolled: %s",
                counts,
                extra={"action": "entries_refused", "reasons": dict(self.refused)},
            )

    def _deliver(self, event: ContactEvent, entry: OutboxEntry, listener: _Listener) -> bool:
        """Owe an enrollment an event that it listens for; tell whether that ends it."""
        graph, enrollment = listener.published.graph, listener.enrollment
        matched = [
            pattern.key
            for pattern in graph.listens_to(event.name)
            if pattern.matches(event.name, event.properties, entry_key=enrollment.entry_key)
        ]
        if not matched:
            return False
        urgent = any(rule.pattern.key in matched for rule in graph.exit_rules())
        enrollment.last_seq += 1
        self.owed.append(
            Delivery(
                enrollment_id=enrollment.id,
                seq=enrollment.last_seq,
                event_id=event.id,
                message_id=event.message_id,
                matched=matched,
                urgent=urgent,
                created_at=entry.committed_at,
            )
        )
        look = next_look(enrollment.signalled_at, urgent=urgent, now=self.now)
        enrollment.due_at = min(enrollment.due_at or look, look)
        return urgent


def _waiting(
    session: Session, batch: int, out_of_turn: Sequence[str]
) -> list[tuple[OutboxEntry, ContactEvent]]:
    """Read outbox entries from the first on: of all, or of some contacts under all their names."""
    query = select(OutboxEntry, ContactEvent).join(
        ContactEvent, ContactEvent.id == OutboxEntry.event_id
    )
    if out_of_turn:
        people = set(aliases.canonical(session, out_of_turn).values())
        known = aliases.known_as(session, people).values()
        names = [name for each in known for name in each]
        query = query.where(OutboxEntry.contact_id.in_(names))
    rows = session.execute(query.order_by(OutboxEntry.event_id).limit(batch))
    return [(entry, event) for entry, event in rows]


def _prepare(
    session: Session, contact_ids: Sequence[str], now: datetime, shop_time: ShopTime
) -> _Expansion:
    canonical = aliases.canonical(session, set(contact_ids))
    known_as = aliases.known_as(session, set(canonical.values()))
    expansion = _Expansion(session, now, shop_time, live_flows(session), canonical, known_as)
    owner = {alias: whose for whose, known in known_as.items() for alias in known}
    query = (
        select(Enrollment, FlowVersion.digest)
        .join(
            FlowVersion,
            (FlowVersion.flow == Enrollment.flow)
            & (FlowVersion.version == Enrollment.flow_version),
        )
        .where(Enrollment.contact_id.in_(owner), Enrollment.state != EnrollmentState.ENDED)
        # In the one order in which everybody locks enrollments, or two would wait for one another.
        .order_by(Enrollment.id)
        .with_for_update(of=Enrollment)
    )
    for enrollment, digest in session.execute(query):
        published = published_flow(session, enrollment.flow, enrollment.flow_version, digest)
        listener = _Listener(enrollment, published)
        expansion.listeners[owner[enrollment.contact_id]].append(listener)
    return expansion
