"""Named questions about contacts and their enrollments, as people ask them. Nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVarTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical_id, known_as
from sekvens.contacts.tables import Contact, Identity, IdentityKind
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState, FlowVersion
from sekvens.events.tables import ContactEvent, OutboxEntry
from sekvens.messages.situation import DISPATCHED_FOR_MAX
from sekvens.messages.tables import Message, MessageState, Overlap

#: Written out in the statement: a partial index is used only where what it holds can be read there.
_OPEN: Final[BindParameter[Any]] = bindparam(
    "open",
    [str(MessageState.PENDING), str(MessageState.DISPATCHING)],
    expanding=True,
    literal_execute=True,
)

#: Written out for the same reason.
UNDER_WAY: Final[ColumnElement[bool]] = Enrollment.state != bindparam(
    "ended", str(EnrollmentState.ENDED), literal_execute=True
)

_Columns = TypeVarTuple("_Columns")

#: So many of a contact's newest events are worth showing.
EVENTS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class StepCount:
    """How many enrollments of one flow version stand at one step."""

    flow: str
    version: int
    state: EnrollmentState
    step_id: str | None
    exit_reason: str | None
    enrollments: int


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What the relay has not done yet."""

    events: int  #: events in the outbox
    oldest_event_at: datetime | None  #: wall time at which the oldest of them was committed
    enrollments: int  #: enrollments that are owed something now
    oldest_owed_at: datetime | None  #: … and the oldest fact that one of them has yet to be told


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Messages that have neither left nor been skipped."""

    held: int  #: SES certainly does not have them
    in_doubt: int  #: SES may have them
    oldest_doubt_at: datetime | None  #: wall time of the oldest one's call


@dataclass(frozen=True, kw_only=True)
class OpenMessages:
    """Messages of one purpose without an end: held, or in doubt."""

    purpose: str
    in_doubt: bool  #: SES may have them
    messages: int
    since: datetime  #: wall time: since when the oldest waits


@dataclass(frozen=True, kw_only=True)
class WaitingFor:
    """Messages of one purpose that wait for the same."""

    why: str | None  #: in the ledger's words; None: they are about to be tried
    in_doubt: bool  #: SES may have them
    purpose: str
    messages: int
    since: datetime  #: wall time: since when the oldest waits
    attempts_max: int  #: how often SES was called for one of them, at the most


def find_contact(session: Session, name: str) -> Contact | None:
    """Find a contact by our id, the shop's user id or an e-mail address; None: there is none.

    A merged contact's name finds the contact that it was merged into.
    """
    name = name.strip()
    contact_id = session.scalar(select(Contact.id).where(Contact.id == name))
    if contact_id is None:
        query = select(Identity.contact_id).where(
            Identity.kind.in_(list(IdentityKind)), Identity.value == name
        )
        users_first = Identity.kind == IdentityKind.USER_ID
        contact_id = session.scalar(query.order_by(users_first.desc()).limit(1))
    if contact_id is None:
        # Of several contacts with one address, the one that was not merged away is meant.
        query = select(Contact.id).where(
            or_(Contact.email == name, func.lower(Contact.email) == name.lower())
        )
        unmerged_first = Contact.merged_into.is_(None).desc()
        contact_id = session.scalar(query.order_by(unmerged_first, Contact.created_at).limit(1))
    if contact_id is None:
        return None
    return session.get(Contact, canonical_id(session, contact_id))


def enrollments_of(session: Session, contact_id: str) -> Sequence[Enrollment]:
    """List a contact's enrollments, aliases' too, the newest first."""
    query = select(Enrollment).where(Enrollment.contact_id.in_(_ids(session, contact_id)))
    return session.scalars(query.order_by(Enrollment.started_at.desc(), Enrollment.id)).all()


def messages_of(session: Session, contact_id: str) -> Sequence[Message]:
    """List a contact's messages, skipped ones with their reason, the oldest first."""
    query = select(Message).where(Message.contact_id.in_(_ids(session, contact_id)))
    return session.scalars(query.order_by(Message.claimed_at, Message.id)).all()


def overlaps_of(session: Session, contact_id: str) -> set[str]:
    """List a contact's messages that overlapped with a fact about them."""
    theirs = select(Overlap.message_id).join(Message, Message.id == Overlap.message_id)
    ids = _ids(session, contact_id)
    return set(session.scalars(theirs.where(Message.contact_id.in_(ids))))


def overlaps(session: Session) -> tuple[int, datetime | None]:
    """Count the messages that overlapped with a fact, and tell when the newest did (wall time)."""
    count, newest = session.execute(select(func.count(), func.max(Overlap.at))).one()
    return count, newest


def recent_events_of(
    session: Session, contact_id: str, *, limit: int = EVENTS_SHOWN
) -> Sequence[ContactEvent]:
    """List what a contact did last, the newest first."""
    query = select(ContactEvent).where(ContactEvent.contact_id.in_(_ids(session, contact_id)))
    newest_first = query.order_by(ContactEvent.occurred_at.desc(), ContactEvent.id.desc())
    return session.scalars(newest_first.limit(limit)).all()


def counts_by_step(session: Session, flow: str | None = None) -> list[StepCount]:
    """Count enrollments by flow, version, state, and the step or the reason they left for."""
    by = (
        Enrollment.flow,
        Enrollment.flow_version,
        Enrollment.state,
        Enrollment.step_id,
        Enrollment.exit_reason,
    )
    query = select(*by, func.count()).group_by(*by).order_by(*by)
    if flow is not None:
        query = query.where(Enrollment.flow == flow)
    return [
        StepCount(
            flow=name,
            version=version,
            state=EnrollmentState(state),
            step_id=step_id,
            exit_reason=exit_reason,
            enrollments=count,
        )
        for name, version, state, step_id, exit_reason, count in session.execute(query)
    ]


def steps_of(session: Session, enrollment_ids: Sequence[str]) -> dict[str, str | None]:
    """Tell where some hundred enrollments stand, or stood when they ended."""
    query = select(Enrollment.id, Enrollment.step_id).where(Enrollment.id.in_(enrollment_ids))
    return dict(session.execute(query).all())


def parked(
    session: Session, flow: str | None = None, *, code: str | None = None, limit: int | None = None
) -> Sequence[Enrollment]:
    """List the enrollments that are held until a person looks, those held longest first."""
    query = parked_among(select(Enrollment), flow, code)
    return session.scalars(query.order_by(Enrollment.parked_at, Enrollment.id).limit(limit)).all()


def parked_among(query: Select[*_Columns], flow: str | None, code: str | None) -> Select[*_Columns]:
    """Leave of enrollments those that are parked, in a flow or for a kind of reason if named."""
    # The index is of those that have an instant.
    query = query.where(Enrollment.parked_at.is_not(None))
    query = query.where(Enrollment.state == EnrollmentState.PARKED)
    if flow is not None:
        query = query.where(Enrollment.flow == flow)
    return query if code is None else query.where(Enrollment.parked_code == code)


def parked_counts(session: Session) -> list[tuple[str, str, int]]:
    """Count what is parked, by flow and by the reason in a word. Quick: it has an index."""
    by = (Enrollment.flow, Enrollment.parked_code)
    query = select(*by, func.count()).where(Enrollment.parked_at.is_not(None)).group_by(*by)
    return [(flow, code or "-", count) for flow, code, count in session.execute(query)]


def open_counts(session: Session, *, now: datetime) -> list[OpenMessages]:
    """Count the messages that wait at `now` (wall time). Quick: it has an index."""
    in_doubt = Message.state == MessageState.DISPATCHING
    since = func.min(case((in_doubt, Message.dispatched_at), else_=Message.claimed_at))
    query = (
        select(Message.purpose, in_doubt, func.count(), since)
        .where(Message.state.in_(_OPEN))
        .where(or_(Message.state == MessageState.PENDING, _is_in_doubt(now)))
        .group_by(Message.purpose, in_doubt)
    )
    return [
        OpenMessages(purpose=purpose, in_doubt=bool(doubted), messages=messages, since=oldest)
        for purpose, doubted, messages, oldest in session.execute(query)
    ]


def backlog(session: Session, *, now: datetime) -> Backlog:
    """Measure how far the relay is behind at `now` (wall time)."""
    waiting = select(func.count(), func.min(OutboxEntry.committed_at))
    events, oldest_event_at = session.execute(waiting).one()
    undelivered = select(func.min(Delivery.created_at)).where(Delivery.delivered_at.is_(None))
    owed = select(func.count()).select_from(Enrollment).where(Enrollment.due_at <= now)
    return Backlog(
        events=events,
        oldest_event_at=oldest_event_at,
        enrollments=session.scalar(owed) or 0,
        oldest_owed_at=session.scalar(undelivered),
    )


def messages_waiting(session: Session, *, now: datetime) -> Waiting:
    """Count the messages that wait at `now` (wall time); those being sent this moment do not."""
    held = select(func.count()).where(Message.state == MessageState.PENDING)
    doubts = select(func.count(), func.min(Message.dispatched_at)).where(_is_in_doubt(now))
    in_doubt, oldest = session.execute(doubts).one()
    return Waiting(held=session.scalar(held) or 0, in_doubt=in_doubt, oldest_doubt_at=oldest)


def waiting_by_reason(session: Session, *, now: datetime) -> list[WaitingFor]:
    """Tell why messages wait at `now` (wall time), since when, and what it has cost; most first."""
    in_doubt = Message.state == MessageState.DISPATCHING
    since = case((in_doubt, Message.dispatched_at), else_=Message.claimed_at)
    why = case((in_doubt, null()), else_=Message.note)
    count = func.count()
    query = (
        select(why, in_doubt, Message.purpose, count, func.min(since), func.max(Message.attempts))
        .where(or_(Message.state == MessageState.PENDING, _is_in_doubt(now)))
        .group_by(why, in_doubt, Message.purpose)
        .order_by(count.desc(), why, Message.purpose)
    )
    return [
        WaitingFor(
            why=reason,
            in_doubt=bool(doubted),
            purpose=purpose,
            messages=messages,
            since=oldest,
            attempts_max=attempts,
        )
        for reason, doubted, purpose, messages, oldest, attempts in session.execute(query)
    ]


def next_looks_of(session: Session, contact_id: str) -> dict[str, datetime]:
    """Tell, by enrollment, when (shop time) a contact's next e-mails are looked at."""
    query = select(Enrollment.id, Enrollment.next_send_at).where(
        Enrollment.contact_id.in_(_ids(session, contact_id)), Enrollment.next_send_at.is_not(None)
    )
    return {enrollment_id: at for enrollment_id, at in session.execute(query) if at is not None}


def published_flows(session: Session) -> list[str]:
    """List every flow that was ever published, whether people may enter it or not."""
    return list(session.scalars(select(FlowVersion.flow).distinct().order_by(FlowVersion.flow)))


def _is_in_doubt(now: datetime) -> ColumnElement[bool]:
    return and_(
        Message.state == MessageState.DISPATCHING, Message.dispatched_at < now - DISPATCHED_FOR_MAX
    )


def _ids(session: Session, contact_id: str) -> tuple[str, ...]:
    return known_as(session, [contact_id])[contact_id]
