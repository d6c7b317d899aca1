"""The ledger: one row per enrollment and step, committed before SES is called.

A row leaves `dispatching` in three ways only: SES took the message, SES certainly did not, or what
became of it is settled as unknown. Every time here is wall time from one clock.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.db.base import new_id
from sekvens.enrollments.position import stand_at
from sekvens.enrollments.wire import SendInput
from sekvens.flows.outcomes import SkipReason
from sekvens.messages.tables import Message, MessageState


def open_row(session: Session, order: SendInput, *, now: datetime) -> Message:
    """Find the row of an enrollment's step, or write it, once, whoever else tries."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    session.execute(
        insert(Message)
        .values(
            id=new_id("m"),
            enrollment_id=order.enrollment_id,
            step_id=order.step_id,
            contact_id=order.contact_id,
            flow=order.flow,
            flow_version=order.flow_version,
            template=order.template,
            template_digest=order.template_digest,
            purpose=order.purpose,
            state=MessageState.PENDING,
            claimed_at=now,
        )
        .on_conflict_do_nothing(index_elements=["enrollment_id", "step_id"])
    )
    return session.execute(
        select(Message).where(
            Message.enrollment_id == order.enrollment_id, Message.step_id == order.step_id
        )
    ).scalar_one()


def claim(session: Session, message: Message, *, now: datetime, in_doubt: bool) -> bool:
    """Take the right to call SES for this message; False when another attempt has it.

    `in_doubt` claims a message whose last attempt may have arrived, and flags it so.
    """
    expected = MessageState.DISPATCHING if in_doubt else MessageState.PENDING
    claimed = session.execute(
        update(Message)
        .where(
            Message.id == message.id,
            Message.state == expected,
            Message.attempts == message.attempts,
        )
        .values(
            state=MessageState.DISPATCHING,
            attempts=message.attempts + 1,
            dispatched_at=now,
            resent_in_doubt=message.resent_in_doubt or in_doubt,
        )
        .returning(Message.id)
    ).scalar_one_or_none()
    return claimed is not None


def release(session: Session, message_id: str, *, note: str, in_doubt: bool) -> None:
    """Give the claim back: this attempt certainly reached nobody.

    When an earlier attempt may have arrived, the row stays in doubt, as it was before.
    """
    state = MessageState.DISPATCHING if in_doubt else MessageState.PENDING
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state == MessageState.DISPATCHING)
        .values(state=state, note=note)
    )


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
            skip_reason=None,
            note=None,
        )
    )
    stand_at(session, order.enrollment_id, order.next_step)


def skipped(
    session: Session, message_id: str, order: SendInput, reason: SkipReason, note: str | None = None
) -> None:
    """Record that the message is not sent, why, and where the enrollment goes on."""
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state != MessageState.ACCEPTED)
        .values(state=MessageState.SKIPPED, skip_reason=reason, note=note)
    )
    stand_at(session, order.enrollment_id, order.next_step)


def close_enrollment(session: Session, enrollment_id: str) -> None:
    """Leave no row of an ended enrollment without an end: nothing is dropped silently."""
    for state, reason in (
        (MessageState.PENDING, SkipReason.EXITED),
        (MessageState.DISPATCHING, SkipReason.OUTCOME_UNKNOWN),
    ):
        session.execute(
            update(Message)
            .where(Message.enrollment_id == enrollment_id, Message.state == state)
            .values(state=MessageState.SKIPPED, skip_reason=reason)
        )
