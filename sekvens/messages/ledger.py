"""The ledger: one row per enrollment and step, committed before SES is called.

A row leaves `dispatching` in three ways only: SES took the message, SES certainly did not, or what
became of it is settled as unknown. `accepted` is never left again: it is SES's own word. Every time
here is wall time from one clock.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, case, null, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.db.base import new_id
from sekvens.db.session import Database
from sekvens.enrollments.position import expect_send, stand_at
from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import SkipReason
from sekvens.messages import copies
from sekvens.messages.tables import (
    Message,
    MessageLinks,
    MessageState,
    Overlap,
    Settlement,
)
from sekvens.offers.claims import told

#: How long the database may be away while an attempt has something to record.
RECORD_PATIENCE = timedelta(seconds=10)
RECORD_INTERVAL = timedelta(milliseconds=250)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to call SES once for one message; it lapses when somebody claims the row anew."""

    message: Message
    before: Message

    @property
    def in_doubt(self) -> bool:
        """Tell whether an earlier attempt may have arrived."""
        return self.before.state == MessageState.DISPATCHING


def open_row(session: Session, order: SendInput, *, now: datetime) -> Message:
    """Find the row of an enrollment's step, or write it, once, whoever else tries."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(Message)
        .values(
            id=new_id("m"),
            state=MessageState.PENDING,
            claimed_at=now,
            **ordered(order),
        )
        .on_conflict_do_nothing(index_elements=["enrollment_id", "step_id"])
    )
    return session.execute(
        select(Message).where(
            Message.enrollment_id == order.enrollment_id, Message.step_id == order.step_id
        )
    ).scalar_one()


def ordered(order: SendInput) -> dict[str, Any]:
    """List what a row has of the order it is for, by column."""
    return {
        "enrollment_id": order.enrollment_id,
        "step_id": order.step_id,
        "contact_id": order.contact_id,
        "flow": order.flow,
        **_made_of(order),
    }


def _made_of(order: SendInput) -> dict[str, Any]:
    """List what a message is made of: another version of its flow may bring another."""
    return {
        "flow_version": order.flow_version,
        "template": order.template,
        "template_digest": order.template_digest,
        "purpose": order.purpose,
    }


def claim(
    session: Session,
    message: Message,
    *,
    order: SendInput,
    now: datetime,
    targets: Mapping[str, str] | None = None,
    copy: bytes | None = None,
    locale: str | None = None,
    tracks_opens: bool | None = None,
) -> Claim | None:
    """Take the right to call SES for a message; None when somebody has changed its row since.

    A message that is in dispatch already is claimed again, and flagged: it may have arrived. Where
    its links lead (`targets`) and its copy are kept with the claim, before anybody can have it; so
    is what it is made of, for a move may have brought another text since the row was written, its
    language, and whether what is done with it may be noted.
    """
    in_doubt = message.state == MessageState.DISPATCHING
    claimed = session.execute(
        update(Message)
        .where(still_is(message), Message.state == message.state)
        .values(
            state=MessageState.DISPATCHING,
            attempts=message.attempts + 1,
            dispatched_at=now,
            **_made_of(order),
            resent_in_doubt=message.resent_in_doubt or in_doubt,
            locale=locale,
            tracks_opens=tracks_opens,
            tracks_clicks=bool(targets),
        )
        .returning(Message)
    ).scalar_one_or_none()
    if claimed is None:
        return None
    if targets:
        _keep_targets(session, message.id, targets)
    if copy is not None:
        copies.keep(session, message.id, copy, now=now)
    return Claim(message=claimed, before=message)


def release(session: Session, claim: Claim, *, note: str, until: datetime | None = None) -> None:
    """Give a claim back: this attempt certainly reached nobody, so all is as it was before.

    When an earlier attempt may have arrived, the row is in doubt again, since the same instant.
    `until` (shop time) is when the message is looked at again, if that is known.
    """
    before = claim.before
    values = {"state": before.state, "dispatched_at": before.dispatched_at, "note": note}
    session.execute(update(Message).where(still_is(claim.message)).values(values))
    if until is not None:
        expect_send(session, before.enrollment_id, at=until)


def hold(
    session: Session, message: Message, order: SendInput, *, until: datetime | None, note: str
) -> None:
    """Record why a message that nobody has claimed waits, and until when (shop time).

    None: nobody knows when. What it would be made of now is kept, for a person may look at it; of
    one in doubt, what it was made of.
    """
    now_made_of = {
        "flow_version": order.flow_version,
        "template": order.template,
        "template_digest": order.template_digest,
    }
    made_of = now_made_of if message.state == MessageState.PENDING else {}
    session.execute(update(Message).where(still_is(message)).values(note=note, **made_of))
    expect_send(session, message.enrollment_id, at=until)


def doubt(session: Session, claim: Claim, order: SendInput) -> None:
    """Record when the message may have arrived: whoever counts the contact's e-mails counts it."""
    session.execute(update(Message).where(still_is(claim.message)).values(sent_on=order.now))


def accepted(
    session: Session, message_id: str, order: SendInput, *, ses_message_id: str, now: datetime
) -> None:
    """Record that SES took the message, and where the enrollment goes on."""
    session.execute(
        update(Message)
        .where(Message.id == message_id)
        .values(
            state=MessageState.ACCEPTED,
            ses_message_id=ses_message_id,
            accepted_at=now,
            sent_on=order.now,
            # SES's event may have been here first; that was no doubt.
            settled_by=case(
                (Message.settled_by == Settlement.EVENT, null()), else_=Message.settled_by
            ),
            skip_reason=None,
            note=None,
        )
    )
    go_on(session, order)


def go_on(session: Session, order: SendInput) -> None:
    """Record what follows from a message that SES took: the offer is told, the step is done."""
    if order.offer is not None:
        told(session, offer_name=order.offer, enrollment_id=order.enrollment_id, now=order.now)
    stand_at(session, order.enrollment_id, order.next_step, now=order.now)


def skipped(
    session: Session,
    message: Message,
    order: SendInput,
    reason: SkipReason,
    note: str | None = None,
) -> bool:
    """Record that the message is not sent, why, and where the enrollment goes on.

    False, and nothing recorded, when somebody has changed its row since: it may be on its way.
    """
    unknown = reason == SkipReason.OUTCOME_UNKNOWN
    ended = session.execute(
        update(Message)
        .where(still_is(message))
        .values(
            state=MessageState.SKIPPED,
            skip_reason=reason,
            note=message.note if note is None else note,  # what had held it, if anything
            settled_by=Settlement.TIME if unknown else message.settled_by,
        )
        .returning(Message.id)
    ).scalar_one_or_none()
    if ended is None:
        return False
    if reason is SkipReason.OUTCOME_UNKNOWN:
        _may_have_arrived(session, message, order)
    stand_at(session, order.enrollment_id, order.next_step, now=order.now)
    return True


def overlapped(session: Session, contact_ids: Collection[str], *, now: datetime) -> list[str]:
    """Record what is still leaving to these contacts, and to those merged into them.

    Returns:
        The messages' ids. The first overlap of a message stands.
    """
    younger = select(Contact.id).where(Contact.merged_into.in_(contact_ids))
    leaving = select(Message.id).where(
        or_(Message.contact_id.in_(contact_ids), Message.contact_id.in_(younger)),
        Message.state == MessageState.DISPATCHING,
    )
    message_ids = session.scalars(leaving.order_by(Message.id)).all()
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    for message_id in message_ids:
        values = {"message_id": message_id, "at": now}
        session.execute(insert(Overlap).values(values).on_conflict_do_nothing())
    return list(message_ids)


def record(database: Database, write: Callable[[Session], T]) -> T:
    """Write down what nobody else knows, patiently: unwritten, it would become a doubt."""
    deadline = time.monotonic() + RECORD_PATIENCE.total_seconds()
    while True:
        try:
            with database.write() as session:
                return write(session)
        except DBAPIError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(RECORD_INTERVAL.total_seconds())


def close_enrollment(session: Session, enrollment_id: str) -> None:
    """Leave no row of an ended enrollment without an end: nothing is dropped silently."""
    _close_rows(session, Message.enrollment_id == enrollment_id, SkipReason.EXITED)


def leave_steps(session: Session, enrollment_id: str, *, but: str | None) -> None:
    """Leave no row of a moved enrollment without an end, but that of the step it stands at now."""
    left = and_(Message.enrollment_id == enrollment_id, Message.step_id != (but or ""))
    _close_rows(session, left, SkipReason.OPERATOR)


def _close_rows(session: Session, whose: ColumnElement[bool], pending: SkipReason) -> None:
    for state, reason in (
        (MessageState.PENDING, pending),
        (MessageState.DISPATCHING, SkipReason.OUTCOME_UNKNOWN),
    ):
        session.execute(
            update(Message)
            .where(whose, Message.state == state)
            .values(state=MessageState.SKIPPED, skip_reason=reason)
        )


def _may_have_arrived(session: Session, message: Message, order: SendInput) -> None:
    """Count it as one that the contact has had, and keep to what it may have promised."""
    unknown = update(Message).where(Message.id == message.id, Message.sent_on.is_(None))
    session.execute(unknown.values(sent_on=order.now))
    if order.offer is not None:
        told(session, offer_name=order.offer, enrollment_id=order.enrollment_id, now=order.now)


def still_is(message: Message) -> ColumnElement[bool]:
    """Hold while nobody has claimed or ended the message since it was read: attempts only grow."""
    return and_(
        Message.id == message.id,
        Message.attempts == message.attempts,
        Message.state.in_((MessageState.PENDING, MessageState.DISPATCHING)),
    )


def _keep_targets(session: Session, message_id: str, targets: Mapping[str, str]) -> None:
    """Keep them; what an earlier attempt's links led to is among them already."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = {"message_id": message_id, "targets": dict(targets)}
    session.execute(
        insert(MessageLinks)
        .values(values)
        .on_conflict_do_update(index_elements=["message_id"], set_=values)
    )
