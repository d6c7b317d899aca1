"""The rules of expiry: what of which table goes, how long after what, a few rows at a time.

The one list that expiry goes by. A rule deals with the oldest rows first; where rows stay, it
remembers how far it has come. All times are wall time.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Select, delete, or_, select, tuple_, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from sekvens.audiences.reducing import reduced
from sekvens.audiences.tables import instant_of, mark_of
from sekvens.contacts.tables import ConsentChange
from sekvens.db.base import Base
from sekvens.engagement.tables import Engagement
from sekvens.enrollments.tables import Delivery, Enrollment, EnrollmentState
from sekvens.events.tables import ContactEvent, RejectedEvent, Visit
from sekvens.feedback.tables import Feedback
from sekvens.segments.tables import SegmentStay
from sekvens.send_time.tables import SendTimeChoice
from sekvens.staff.tables import AuditEntry

#: Rows of one transaction: some 20 ms of a writer's time.
ROWS: Final = 500
#: What counts by segments asks how far this one has come.
SEGMENT_STAYS: Final = "segment_stays"

Column: TypeAlias = InstrumentedAttribute[Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a rule is told."""

    before: datetime  #: what came before this instant goes
    mark: int  #: how far the rule has come
    keys: Collection[str] = ()  #: properties that flows tell events apart by


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a few rows came to."""

    rows: int
    mark: int
    is_all: bool  #: nothing is left that is old enough


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule; its name stands in the database and in histories, and is never changed."""

    name: str
    setting: str  #: the key of `[privacy]` that says after how many days; 0: never
    deal: Callable[[Session, Call], Done]


def removed(
    table: type[Base], key: Column, query: Select[*tuple[Any, ...]]
) -> Callable[[Session, Call], Done]:
    """Delete rows; the query tells key and time of the first that there are, the oldest first."""

    def deal(session: Session, call: Call) -> Done:
        rows = session.execute(query.order_by(key).limit(ROWS)).all()
        old = [each for each, at in takewhile(lambda row: row[1] < call.before, rows)]
        if old:
            session.execute(delete(table).where(key.in_(old)))
        return Done(rows=len(old), mark=call.mark, is_all=len(old) < ROWS)

    return deal


def emptied(table: type[Base], at: Column, **values: Any) -> Callable[[Session, Call], Done]:
    """Overwrite columns of rows by their time, which an index is to be on; the mark is the time."""

    def deal(session: Session, call: Call) -> Done:
        since = instant_of(call.mark)
        old = at > since, at < call.before
        times = session.scalars(select(at).where(*old).order_by(at).limit(ROWS)).all()
        if not times:
            return Done(rows=0, mark=call.mark, is_all=True)
        until = times[-1]
        session.execute(update(table).where(at > since, at <= until).values(**values))
        return Done(rows=len(times), mark=mark_of(until), is_all=len(times) < ROWS)

    return deal


def blanked(key: Column, at: Column, column: Column) -> Callable[[Session, Call], Done]:
    """Set one column to null wherever it is not."""

    def deal(session: Session, call: Call) -> Done:
        query = select(key).where(column.is_not(None), at < call.before).limit(ROWS)
        old: Sequence[Any] = session.scalars(query).all()
        if old:
            session.execute(update(key.class_).where(key.in_(old)).values({column: None}))
        return Done(rows=len(old), mark=call.mark, is_all=len(old) < ROWS)

    return deal


def _reduce_events(session: Session, call: Call) -> Done:
    """Leave ids and sums of what happened, and no cookie; who somebody is stands elsewhere."""
    query = select(ContactEvent).where(ContactEvent.id > call.mark).order_by(ContactEvent.id)
    rows = session.scalars(query.limit(ROWS)).all()
    old = list(takewhile(lambda row: row.received_at < call.before, rows))
    for row in old:
        row.anonymous_id = None
        told = row.type in ("track", "page")
        row.properties = reduced(row.properties, keys=call.keys) if told else {}
    mark = old[-1].id if old else call.mark
    session.flush()
    return Done(rows=len(old), mark=mark, is_all=len(old) < ROWS)


def _remove_delivered(session: Session, call: Call) -> Done:
    """Remove what Temporal has had; what ends an enrollment that goes on is still a fact of it."""
    over = select(Enrollment.id).where(
        Enrollment.id == Delivery.enrollment_id, Enrollment.state == EnrollmentState.ENDED
    )
    is_old = Delivery.delivered_at < call.before, or_(~Delivery.urgent, over.exists())
    key = Delivery.enrollment_id, Delivery.seq
    old = _delete_oldest(session, key, Delivery.delivered_at, is_old)
    return Done(rows=len(old), mark=call.mark, is_all=len(old) < ROWS)


def _remove_stays(session: Session, call: Call) -> Done:
    """Remove stays that are over, and remember until when they are no longer known."""
    key = SegmentStay.contact_id, SegmentStay.segment, SegmentStay.since
    old = _delete_oldest(session, key, SegmentStay.until, [SegmentStay.until < call.before])
    mark = max([call.mark, *map(mark_of, old)])
    return Done(rows=len(old), mark=mark, is_all=len(old) < ROWS)


def _delete_oldest(
    session: Session, key: Sequence[Column], at: Column, where: Iterable[ColumnElement[bool]]
) -> list[datetime]:
    """Delete a few rows, the oldest first; tell the time of each."""
    query = select(*key, at).where(*where).order_by(at).limit(ROWS)
    rows = [tuple(row) for row in session.execute(query)]
    if rows:
        session.execute(delete(at.class_).where(tuple_(*key).in_([row[:-1] for row in rows])))
    return [row[-1] for row in rows]


#: What expires, in this order. Whoever adds a column with an IP address, hashed or not, adds a rule
#: for it: `Rule(name=…, setting="ip_days", deal=blanked(Table.id, Table.at, Table.ip_hash))`.
RULES: Final = (
    Rule(
        name="rejected_events",
        setting="rejected_event_days",
        deal=removed(
            RejectedEvent, RejectedEvent.id, select(RejectedEvent.id, RejectedEvent.received_at)
        ),
    ),
    Rule(
        name="visits",
        setting="visit_days",
        deal=removed(
            Visit,
            Visit.event_id,
            select(Visit.event_id, ContactEvent.received_at).join(
                ContactEvent, ContactEvent.id == Visit.event_id
            ),
        ),
    ),
    Rule(
        name="feedback.raw",
        setting="feedback_raw_days",
        deal=emptied(Feedback, Feedback.read_at, raw={}),
    ),
    Rule(
        name="consent_changes.ip_mark",
        setting="ip_days",
        deal=blanked(ConsentChange.id, ConsentChange.at, ConsentChange.ip_mark),
    ),
    Rule(
        name="engagement.visitor",
        setting="ip_days",
        deal=blanked(Engagement.id, Engagement.at, Engagement.visitor),
    ),
    Rule(
        name="send_time_choices",
        setting="send_time_choice_days",
        # By their shop time alone, which is never behind: those of one instant go together.
        deal=removed(
            SendTimeChoice,
            SendTimeChoice.chosen_on,
            select(SendTimeChoice.chosen_on, SendTimeChoice.chosen_on),
        ),
    ),
    Rule(name=SEGMENT_STAYS, setting="segment_stay_days", deal=_remove_stays),
    Rule(
        name="audit_log",
        setting="audit_log_days",
        deal=removed(AuditEntry, AuditEntry.id, select(AuditEntry.id, AuditEntry.at)),
    ),
    Rule(name="deliveries", setting="delivery_days", deal=_remove_delivered),
    Rule(name="events.properties", setting="event_properties_days", deal=_reduce_events),
)
