"""What the relay owes each enrollment, leased to one relay at a time and struck off when done.

A parcel begins with the first delivery that Temporal has not confirmed, and only what it confirmed
is struck off. So nothing is lost and nothing overtakes, whatever dies: a parcel sent twice is
dropped by the enrollment's high-water mark. The lease only saves that work.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TypedDict

from sqlalchemy import ColumnElement, Select, and_, bindparam, or_, select, update
from sqlalchemy.orm import Session

from sekvens.enrollments import names
from sekvens.enrollments.publish import PublishedFlow, pinned_flow, published_flow
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState, FlowVersion
from sekvens.enrollments.temporal import WorkflowStart
from sekvens.enrollments.versions import flow_move
from sekvens.enrollments.wire import EnrollmentEvent, EnrollmentInput, EventsSignal, FlowMove
from sekvens.flows.codec import JsonObject
from sekvens.flows.definition import Flow
from sekvens.flows.steps import ExitReason, Purpose

#: Enrollments leased at once: a quarter of a second's work of a small Temporal, so that an exit
#: event never waits long for the batch before it.
BATCH = 64
#: Longer than a batch takes when every call to Temporal times out; a relay that died gives its
#: enrollments back after this long.
LEASE = timedelta(seconds=30)
#: Events in one signal: 500 of them are about 60 KiB, far below Temporal's 2 MiB.
EVENTS_MAX = 500
#: An enrollment is signalled once in so long, with all that came meanwhile. Temporal ends a run
#: that gets 10,000 signals faster than it can continue as new, and each costs 17 ms of CPU.
PACE = timedelta(seconds=1)
#: Exit events do not wait for the pace, but a flood of them is no reason to flood a workflow.
URGENT_PACE = timedelta(milliseconds=100)
#: An exit event is served before starts that have waited for less than this.
HEAD_START = timedelta(hours=1)
#: Order mail is begun before marketing that has waited for less than this.
ORDER_MAIL_HEAD_START = timedelta(minutes=30)
#: What an event begins waits until the worker has done what it ends: a purchase ends and begins
#: several enrollments at once, and an e-mail that comes too late is worse than one that is late.
AFTER_AN_EXIT = timedelta(milliseconds=500)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """All that one enrollment is owed now: its start, or events, or both."""

    enrollment_id: str
    workflow_id: str
    is_ended: bool  #: the enrollment is over: nobody is there to take it
    delivered_seq: int  #: what Temporal had before
    start: WorkflowStart | None
    signal: EventsSignal | None
    oldest_at: datetime | None  #: wall time at which the first of it was committed
    is_urgent: bool = False  #: an exit event is in it
    trigger_id: str = ""  #: the trigger's `messageId`, as `names.plain` makes it

    @property
    def contact_id(self) -> str:
        """Whose enrollment it is."""
        return self.workflow_id.split("/")[1]

    @property
    def last_seq(self) -> int:
        """The number of the last delivery in it."""
        if self.signal is not None:
            return self.signal.events[-1].seq
        return 0 if self.start is not None else self.delivered_seq


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What every enrollment is given at its start beside its flow."""

    shop_time: JsonObject
    attempt_seconds: int | None = None


class _Struck(TypedDict):
    """A range of one enrollment's deliveries, as bound to the statement that marks them."""

    owner: str
    after: int
    through: int


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a parcel."""

    parcel: Parcel
    delivered_seq: int  #: what Temporal has now
    is_signalled: bool = False
    is_missing: bool = False  #: Temporal knows no open workflow of this id
    retry_at: datetime | None = None  #: wall time; None: as soon as the pace allows


def next_look(signalled_at: datetime | None, *, urgent: bool, now: datetime) -> datetime:
    """Tell when an enrollment that is owed an event may be signalled next (wall time)."""
    pace = URGENT_PACE if urgent else PACE
    earliest = now if signalled_at is None else max(now, signalled_at + pace)
    return now - HEAD_START if urgent and earliest == now else earliest


def first_look(flow: Flow, *, ends_some: bool, now: datetime) -> datetime:
    """Tell when an enrollment that begins is to be started (wall time).

    `ends_some`: its trigger ends other enrollments of the same contact.
    """
    if flow.purpose is Purpose.TRANSACTIONAL:
        return now - ORDER_MAIL_HEAD_START
    return now + AFTER_AN_EXIT if ends_some else now


class Lane(Enum):
    """What of all that is owed is served."""

    ALL = "all"
    NO_MARKETING_STARTS = "no_marketing_starts"  #: nor any other that has no head start
    EXITS = "exits"  #: those owed an exit event, and who has waited as long as its head start


def is_owing(session: Session, *, now: datetime, lane: Lane = Lane.ALL) -> bool:
    """Tell whether any enrollment is owed something now, without writing."""
    due = _due(lane, now)
    return session.scalar(select(Enrollment.id).where(due).limit(1)) is not None


def lease(session: Session, *, now: datetime, terms: Terms, lane: Lane = Lane.ALL) -> list[Parcel]:
    """Lease the enrollments that are owed something, the most pressing first, with what it is."""
    due = _due(lane, now)
    pinned = (FlowVersion.flow == Enrollment.flow) & (
        FlowVersion.version == Enrollment.flow_version
    )
    query = select(Enrollment, FlowVersion.digest).join(FlowVersion, pinned).where(due)
    query = query.order_by(Enrollment.due_at).limit(BATCH)
    rows = session.execute(query.with_for_update(of=Enrollment, skip_locked=True)).all()
    owed: dict[str, list[Delivery]] = {enrollment.id: [] for enrollment, _ in rows}
    for delivery in session.scalars(_owed_to(owed)):
        owed[delivery.enrollment_id].append(delivery)
    parcels = []
    for enrollment, digest in rows:
        enrollment.leased_until = now + LEASE
        published = published_flow(session, enrollment.flow, enrollment.flow_version, digest)
        mine = owed[enrollment.id]
        begins = mine[0].begins if mine else None
        if begins is not None:  # a move that has come since is among what it is told next
            published = pinned_flow(session, enrollment.flow, begins["version"])
        moves = {
            delivery.moves_to: flow_move(session, enrollment.flow, delivery.moves_to)
            for delivery in mine
            if delivery.moves_to is not None
        }
        parcels.append(_pack(enrollment, mine, published=published, terms=terms, moves=moves))
    return parcels


def settle(
    session: Session, receipts: Sequence[Receipt], kept: Sequence[Parcel], *, now: datetime
) -> list[Parcel]:
    """Strike off what was delivered and end the leases; what was kept stays as due as it is.

    Returns the parcels whose workflow is missing although the enrollment is still under way.
    """
    by_id = {receipt.parcel.enrollment_id: receipt for receipt in receipts}
    ids = [*by_id, *(parcel.enrollment_id for parcel in kept)]
    query = select(Enrollment).where(Enrollment.id.in_(ids)).order_by(Enrollment.id)
    missing, struck, owing = [], [], []
    for enrollment in session.scalars(query.with_for_update()):
        enrollment.leased_until = None
        receipt = by_id.get(enrollment.id)
        if receipt is None:
            continue
        struck.append(_advance(enrollment, receipt, now))
        if receipt.is_missing and enrollment.state != EnrollmentState.ENDED:
            missing.append(receipt.parcel)
        if receipt.retry_at is None and enrollment.delivered_seq < enrollment.last_seq:
            owing.append(enrollment)
    session.flush()
    _strike_off(session, struck, now)
    pressing = _pressing(session, [enrollment.id for enrollment in owing])
    for enrollment in owing:
        urgent = enrollment.id in pressing
        enrollment.due_at = next_look(enrollment.signalled_at, urgent=urgent, now=now)
    return missing


def _advance(enrollment: Enrollment, receipt: Receipt, now: datetime) -> _Struck:
    """Move an enrollment's mark to what Temporal has, never back; tell the range it moved over."""
    before = enrollment.delivered_seq
    enrollment.delivered_seq = max(before, receipt.delivered_seq)
    enrollment.due_at = receipt.retry_at
    if receipt.is_signalled:
        enrollment.signalled_at = now
    return {"owner": enrollment.id, "after": before, "through": enrollment.delivered_seq}


def _due(lane: Lane, now: datetime) -> ColumnElement[bool]:
    is_free = or_(Enrollment.leased_until.is_(None), Enrollment.leased_until <= now)
    since = now - HEAD_START if lane is Lane.EXITS else now
    due = and_(Enrollment.due_at <= since, is_free)
    if lane is Lane.NO_MARKETING_STARTS:
        is_pressing = Enrollment.due_at <= now - ORDER_MAIL_HEAD_START
        return and_(due, or_(Enrollment.delivered_seq >= 0, is_pressing))
    return due


def _owed_to(enrollment_ids: Collection[str]) -> Select[Delivery]:
    """By number, not by what is unmarked: a flood's thousands are not read for each signal."""
    newest = Enrollment.delivered_seq + EVENTS_MAX
    return (
        select(Delivery)
        .join(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids))
        .where(Delivery.seq > Enrollment.delivered_seq, Delivery.seq <= newest)
        .order_by(Delivery.enrollment_id, Delivery.seq)
    )


def _pack(
    enrollment: Enrollment,
    owed: Sequence[Delivery],
    *,
    published: PublishedFlow,
    terms: Terms,
    moves: Mapping[int, FlowMove],
) -> Parcel:
    events = tuple(
        EnrollmentEvent(
            seq=delivery.seq,
            event_id=names.plain(delivery.message_id),
            matched=tuple(delivery.matched),
            exit_reason=ExitReason(delivery.exit_reason) if delivery.exit_reason else None,
            move=None if delivery.moves_to is None else moves[delivery.moves_to],
            look=delivery.looks,
        )
        for delivery in owed
        if delivery.seq > 0
    )
    starts = bool(owed) and owed[0].seq == 0
    return Parcel(
        enrollment_id=enrollment.id,
        workflow_id=enrollment.workflow_id,
        is_ended=enrollment.state == EnrollmentState.ENDED,
        delivered_seq=enrollment.delivered_seq,
        start=_start(enrollment, published, terms, owed[0].begins) if starts else None,
        signal=EventsSignal(enrollment_id=enrollment.id, events=events) if events else None,
        oldest_at=owed[0].created_at if owed else None,
        is_urgent=any(delivery.urgent for delivery in owed),
        trigger_id=names.plain(owed[0].message_id) if starts and owed[0].message_id else "",
    )


def _start(
    enrollment: Enrollment, published: PublishedFlow, terms: Terms, begins: JsonObject | None
) -> WorkflowStart:
    return WorkflowStart(
        flow=enrollment.flow,
        version=published.flow.version,
        workflow_id=enrollment.workflow_id,
        input=EnrollmentInput(
            enrollment_id=enrollment.id,
            contact_id=enrollment.contact_id,
            flow=published.definition,
            templates=published.templates,
            shop_time=terms.shop_time,
            started_at=enrollment.started_at,
            state=begins and begins["state"],
            attempt_seconds=terms.attempt_seconds,
        ),
    )


def _strike_off(session: Session, struck: Sequence[_Struck], now: datetime) -> None:
    """Mark ranges of deliveries: one statement for all, past the ORM, for there may be many."""
    moved = [dict(each) for each in struck if each["through"] > each["after"]]
    if not moved:
        return
    table = Delivery.__table__
    marked = (
        update(table)  # type: ignore[arg-type]  # declared as a FromClause, and is a Table
        .where(
            table.c.enrollment_id == bindparam("owner"),
            table.c.seq > bindparam("after"),
            table.c.seq <= bindparam("through"),
        )
        .values(delivered_at=now)
    )
    session.connection().execute(marked, moved)


def _pressing(session: Session, enrollment_ids: Collection[str]) -> set[str]:
    """Tell which of these enrollments are owed an exit event."""
    if not enrollment_ids:
        return set()
    query = (
        select(Delivery.enrollment_id)
        .join(Enrollment, Enrollment.id == Delivery.enrollment_id)
        .where(Enrollment.id.in_(enrollment_ids), Delivery.urgent)
        .where(Delivery.seq > Enrollment.delivered_seq)
        .distinct()
    )
    return set(session.scalars(query))
