"""What SES's own word, or the lack of it, changes in the ledger.

`accepted` is never left again, and SES's word goes before whatever else a row says.
"""

from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from sekvens.enrollments.tables import Enrollment
from sekvens.enrollments.wire import SendInput
from sekvens.feedback.tables import Feedback
from sekvens.messages.ledger import Claim, go_on, still_is
from sekvens.messages.tables import Message, MessageState, Settlement

#: A sender that has claimed a message anew may be calling SES for so long (wall time).
CALLING_FOR_MAX = timedelta(seconds=15)


class Told(Enum):
    """What SES's word that it took a message has changed."""

    NOTHING = "nothing"  #: the ledger knew
    FIRST = "first"  #: its answer has not reached us yet, and will in a moment
    SETTLED = "settled"  #: its answer had not reached us
    CORRECTED = "corrected"  #: the ledger had given the message up
    TOO_EARLY = "too early"  #: a sender is about to learn more: tell it again


def told_by_ses(
    session: Session,
    message_id: str,
    *,
    ses_message_id: str | None,
    at: datetime,
    sent_on: datetime,
    now: datetime,
) -> Told:
    """Record SES's own word that it took a message, whatever the row says; a repeat is nothing.

    It may come before the sender's own commit, and that is well: what the sender writes then is the
    same. Only a message that is claimed anew in this moment is left alone. Its row must go on to
    say `dispatching`, for whoever acknowledges a purchase waits for such rows (the barrier).

    Args:
        session: A writing session.
        message_id: Our own id, the tag.
        ses_message_id: SES's.
        at: When SES took it, on SES's clock.
        sent_on: The same as shop time, in which e-mails to a contact are counted.
        now: Wall time.
    """
    row = session.execute(
        select(Message).where(Message.id == message_id).with_for_update()
    ).scalar_one_or_none()
    if row is None or row.state == MessageState.ACCEPTED:
        return Told.NOTHING
    claimed_at = row.dispatched_at or row.claimed_at
    is_calling = row.state == MessageState.DISPATCHING and claimed_at > now - CALLING_FOR_MAX
    if is_calling and row.attempts > 1:
        return Told.TOO_EARLY
    given_up = row.state == MessageState.SKIPPED
    _settle(session, message_id, ses_message_id=ses_message_id, at=at, sent_on=sent_on,
            by=Settlement.LATE_EVENT if given_up else Settlement.EVENT,
            note=f"was given up: {row.skip_reason}" if given_up else None)  # fmt: skip
    if given_up:
        return Told.CORRECTED
    return Told.FIRST if is_calling else Told.SETTLED


def arrived(session: Session, order: SendInput, event: Feedback) -> None:
    """Record that a message in doubt has arrived, as SES says, and where the enrollment goes on."""
    _settle(
        session,
        str(event.message_id),
        ses_message_id=event.ses_message_id,
        at=event.at,
        sent_on=order.now,
        by=Settlement.EVENT,
        note=None,
    )
    go_on(session, order)


def follow(session: Session, order: SendInput) -> None:
    """Let an enrollment go on whose message was settled while nobody looked; once."""
    standing = select(Enrollment.step_id).where(Enrollment.id == order.enrollment_id)
    if session.scalar(standing) == order.step_id:
        go_on(session, order)


def judge(session: Session, message: Message, settlement: Settlement) -> bool:
    """Record why a message in doubt is sent again; false when somebody has changed its row."""
    judged = session.execute(
        update(Message)
        .where(still_is(message), Message.state == MessageState.DISPATCHING)
        .values(settled_by=settlement)
        .returning(Message.id)
    )
    return judged.scalar_one_or_none() is not None


def holds(session: Session, claim: Claim) -> bool:
    """Tell whether a claim still stands: nobody has claimed or settled the message since."""
    query = select(Message.id).where(
        still_is(claim.message), Message.state == MessageState.DISPATCHING
    )
    return session.scalar(query) is not None


def _settle(
    session: Session,
    message_id: str,
    *,
    ses_message_id: str | None,
    at: datetime,
    sent_on: datetime,
    by: Settlement,
    note: str | None,
) -> None:
    session.execute(
        update(Message)
        .where(Message.id == message_id, Message.state != MessageState.ACCEPTED)
        .values(
            state=MessageState.ACCEPTED,
            ses_message_id=ses_message_id,
            accepted_at=at,
            sent_on=func.coalesce(Message.sent_on, sent_on),
            settled_by=by,
            skip_reason=None,
            note=note,
        )
        .execution_options(synchronize_session=False)
    )
