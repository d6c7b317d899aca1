"""Mending differences: each store is told what it has lost, as far as the other one knows it.

The database is told what was sent and what is over, Temporal what is over and what has begun.
Nothing is sent, and nothing that is accepted is changed. Mending twice changes nothing more.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.enrollments import names
from sekvens.enrollments.enroll import start_of
from sekvens.enrollments.position import close
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.enrollments.temporal import ClientStarter
from sekvens.enrollments.wire import EnrollmentEvent, EventsSignal
from sekvens.events.ingest import record_fact
from sekvens.events.schema import UNSUBSCRIBED
from sekvens.flows.codec import from_json
from sekvens.flows.definition import Flow
from sekvens.flows.outcomes import Sent, Skipped, SkipReason
from sekvens.flows.shop_time import ShopTime
from sekvens.flows.steps import ExitReason
from sekvens.messages import ledger
from sekvens.messages.tables import Message, MessageState
from sekvens.restoring.differences import Difference, Kind, unknown_turns
from sekvens.restoring.passages import Executions, Passage, Turn

#: The event by which a workflow is told that it is over, in its journal.
RESTORED = "restored"


@dataclass(frozen=True, kw_only=True)
class Mender:
    """Mends differences, one at a time."""

    database: Database
    starter: ClientStarter
    clock: Clock
    shop_time: ShopTime

    async def mend(self, difference: Difference) -> None:
        """Mend one.

        Raises:
            NotDelivered: Temporal could not be told; mend again.
        """
        match difference.kind:
            case Kind.NOBODY_HERE:
                await self.starter.tell(difference.workflow_id, names.EXIT_SIGNAL)
            case Kind.ENDED_HERE:
                await self._end_there(difference)
            case _:
                with self.database.write() as session:
                    self._mend_here(session, difference)

    async def _end_there(self, difference: Difference) -> None:
        with self.database.read() as session:
            row = session.get_one(Enrollment, difference.enrollment_id)
        over = EnrollmentEvent(
            seq=max(difference.seq, row.last_seq) + 1,
            event_id=RESTORED,
            matched=(),
            exit_reason=ExitReason(row.exit_reason or ExitReason.CANCELLED),
        )
        signal = EventsSignal(enrollment_id=row.id, events=(over,))
        await self.starter.signal(difference.workflow_id, signal)

    def _mend_here(self, session: Session, difference: Difference) -> None:
        now, executions, passage = self.clock.now(), difference.executions, difference.passage
        if executions is None or passage is None:
            _owe_all(session, difference.enrollment_id, now=now)
            return
        if difference.kind is Kind.UNKNOWN_HERE:
            _adopt(session, executions, passage, now=now, shop_now=self.shop_time.at(now))
        if difference.kind in (Kind.UNKNOWN_HERE, Kind.SENT_THERE):
            for turn in unknown_turns(session, difference.enrollment_id, passage):
                _write_down(session, turn)
        if difference.kind in (Kind.UNKNOWN_HERE, Kind.ENDED_THERE) and not executions.is_open:
            self._end_here(session, executions, passage, now=now)
        if difference.kind is Kind.HEARD_THERE:
            _note_heard(session, difference, now=now)
        if difference.kind is Kind.UNHEARD_THERE:
            _owe_again(session, difference, now=now)

    def _end_here(
        self, session: Session, executions: Executions, passage: Passage, *, now: datetime
    ) -> None:
        """Close the row; and who left by unsubscribing has unsubscribed, whatever else is lost."""
        whose, reason = executions.enrollment_id, executions.exit_reason
        ended_at = self.shop_time.at(executions.closed_at or now)
        close(session, whose, reason=reason, now=ended_at)
        ledger.close_enrollment(session, whose)
        if reason is ExitReason.UNSUBSCRIBED:
            record_fact(
                session,
                contact_id=passage.pinned.contact_id,
                name=UNSUBSCRIBED,
                message_id=f"{RESTORED}-{whose}",
                occurred_at=ended_at,
                now=now,
            )


def _adopt(
    session: Session,
    executions: Executions,
    passage: Passage,
    *,
    now: datetime,
    shop_now: datetime,
) -> None:
    """Write the row of an enrollment that Temporal alone knows, as under way."""
    pinned = passage.pinned
    if session.get(Enrollment, executions.enrollment_id) is not None:
        return
    flow = from_json(Flow, pinned.flow)
    key = "/".join(executions.workflow_id.split("/")[2:])
    last = passage.turns[-1].order.next_step if passage.turns else None
    row = Enrollment(
        id=executions.enrollment_id,
        flow=flow.name,
        flow_version=flow.version,
        contact_id=pinned.contact_id,
        entry_key=key or None,
        workflow_id=executions.workflow_id,
        state=EnrollmentState.ACTIVE,
        step_id=last,
        started_at=pinned.started_at or shop_now,
        last_seq=passage.seq,
        delivered_seq=passage.seq,
    )
    session.add(row)
    session.flush()
    start = start_of(row, None, now)
    start.delivered_at = now
    session.add(start)
    session.flush()


def _write_down(session: Session, turn: Turn) -> None:
    """Tell the ledger what became of a message, by Temporal's word."""
    order, outcome = turn.order, turn.outcome
    values: dict[str, object] = {"state": MessageState.SKIPPED, "sent_on": None}
    if isinstance(outcome, Sent):
        values = {"state": MessageState.ACCEPTED, "accepted_at": turn.at, "sent_on": order.now}
    elif isinstance(outcome, Skipped):
        values["skip_reason"] = outcome.reason
    else:  # in doubt: it may have arrived, and counts as if it had
        values |= {"skip_reason": SkipReason.OUTCOME_UNKNOWN, "sent_on": order.now}
    row = session.scalar(
        select(Message).where(
            Message.enrollment_id == order.enrollment_id, Message.step_id == order.step_id
        )
    )
    if row is not None:
        session.execute(update(Message).where(Message.id == row.id).values(values))
        return
    session.add(
        Message(
            id=outcome.message_id if isinstance(outcome, Sent) else new_id("m"),
            attempts=1,
            note=RESTORED,
            claimed_at=turn.at,
            dispatched_at=turn.at,
            **ledger.ordered(order),
            **values,
        )
    )
    session.flush()


def _note_heard(session: Session, difference: Difference, *, now: datetime) -> None:
    """Number what comes from now on behind all that Temporal has had, or it would drop it."""
    whose, seq = difference.enrollment_id, difference.seq
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == whose, Enrollment.last_seq < seq)
        .values(last_seq=seq, delivered_seq=seq, due_at=None, leased_until=None)
    )
    undelivered = Delivery.delivered_at.is_(None)
    session.execute(
        update(Delivery)
        .where(Delivery.enrollment_id == whose, undelivered)
        .values(delivered_at=now)
    )


def _owe_again(session: Session, difference: Difference, *, now: datetime) -> None:
    """Owe an enrollment what Temporal has lost of it."""
    whose, seq = difference.enrollment_id, difference.seq
    _due_again(session, whose, after=seq, now=now)


def _owe_all(session: Session, enrollment_id: str, *, now: datetime) -> None:
    """Owe an enrollment its start, and all that it was told."""
    if session.get(Delivery, (enrollment_id, 0)) is None:  # old deliveries go by themselves
        session.add(start_of(session.get_one(Enrollment, enrollment_id), None, now))
    _due_again(session, enrollment_id, after=-1, now=now)


def _due_again(session: Session, enrollment_id: str, *, after: int, now: datetime) -> None:
    session.execute(
        update(Enrollment)
        .where(Enrollment.id == enrollment_id)
        .values(delivered_seq=after, due_at=now, leased_until=None)
    )
    session.execute(
        update(Delivery)
        .where(Delivery.enrollment_id == enrollment_id, Delivery.seq > after)
        .values(delivered_at=None)
    )
