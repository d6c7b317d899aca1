"""Which messages wait for a person. Nothing is written.

The gate has said so of each in the ledger; one that is approved, or is being sent, waits no more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from sekvens.approvals.tables import Approval
from sekvens.enrollments.publish import pinned_flow
from sekvens.enrollments.tables import Enrollment, EnrollmentState
from sekvens.flows.steps import Send
from sekvens.messages.holds import HeldBy
from sekvens.messages.situation import DISPATCHED_FOR_MAX
from sekvens.messages.tables import Message, MessageState
from sekvens.messages.verdicts import why_held


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which of the messages that wait are meant; what is None or empty is not asked."""

    flow: str | None = None
    step: str | None = None
    contact_ids: Collection[str] = ()
    until: datetime | None = None  #: wall time: only what had been begun by then


@dataclass(frozen=True, kw_only=True)
class Group:
    """Messages of one e-mail that wait for a person."""

    flow: str
    step: str
    purpose: str
    template_digest: str
    messages: int
    since: datetime  #: wall time at which the oldest was begun
    too_late_after: timedelta | None  #: so long after it was due a message is skipped; None: never
    instance: str  #: the id of one of them


#: In the ledger's words.
WHY: Final = why_held(HeldBy.MANUAL)


def groups(session: Session, which: Which, *, now: datetime) -> list[Group]:
    """List what waits for a person at `now` (wall time), by flow, step and text."""
    by = (
        Message.flow,
        Message.step_id,
        Message.purpose,
        Message.flow_version,
        Message.template_digest,
    )
    query = (
        select(*by, func.count(), func.min(Message.claimed_at), func.min(Message.id))
        .join(Enrollment, Enrollment.id == Message.enrollment_id)
        .where(*_waits(which, now))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Group(
            flow=flow,
            step=step,
            purpose=purpose,
            template_digest=digest,
            messages=count,
            since=since,
            too_late_after=_lateness_max(session, flow, version, step),
            instance=instance,
        )
        for flow, step, purpose, version, digest, count, since, instance in session.execute(query)
    ]


def messages(
    session: Session, which: Which, *, now: datetime, limit: int | None = None
) -> Sequence[Message]:
    """List messages that wait for a person at `now` (wall time), the oldest first."""
    query = select(Message).join(Enrollment, Enrollment.id == Message.enrollment_id)
    oldest = query.where(*_waits(which, now)).order_by(Message.claimed_at, Message.id)
    return session.scalars(oldest.limit(limit)).all()


def _waits(which: Which, now: datetime) -> list[ColumnElement[bool]]:
    in_doubt = and_(
        Message.state == MessageState.DISPATCHING, Message.dispatched_at < now - DISPATCHED_FOR_MAX
    )
    approved = select(Approval.message_id).where(
        Approval.message_id == Message.id,
        Approval.is_approved,
        Approval.template_digest == Message.template_digest,
    )
    asked: list[ColumnElement[bool]] = [
        or_(Message.state == MessageState.PENDING, in_doubt),
        Message.note == WHY,
        Enrollment.state == EnrollmentState.ACTIVE,
        Enrollment.exit_owed.is_(None),
        ~approved.exists(),
    ]
    if which.flow is not None:
        asked.append(Message.flow == which.flow)
    if which.step is not None:
        asked.append(Message.step_id == which.step)
    if which.contact_ids:
        asked.append(Message.contact_id.in_(which.contact_ids))
    if which.until is not None:
        asked.append(Message.claimed_at <= which.until)
    return asked


def _lateness_max(session: Session, flow: str, version: int, step_id: str) -> timedelta | None:
    graph = pinned_flow(session, flow, version).graph
    step = graph.steps.get(step_id)
    return graph.flow.lateness_max_of(step) if isinstance(step, Send) else None
