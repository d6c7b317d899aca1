"""The statements by which a day's messages are counted, and what they led to.

Where something is counted that overlaps, variants or segments, a message is there once for each.
"""

from typing import Any, Final, cast

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    false,
    func,
    or_,
    select,
)

from sekvens.db.base import UtcDateTime
from sekvens.engagement.tables import Engagement, Kind
from sekvens.experiments.tables import EnrollmentVariant
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.metrics.dimensions import OF_A_MESSAGE, Apart
from sekvens.metrics.effects import LEFT, REVIEWED
from sekvens.metrics.tables import MessageEffect, OrderResult
from sekvens.segments.tables import SegmentStay

#: A message that was called spam had arrived.
_ARRIVED: Final = (FateState.DELIVERED, FateState.COMPLAINED)


def instant(name: str) -> ColumnElement[Any]:
    return bindparam(name, type_=UtcDateTime)


def within(column: Any) -> ColumnElement[bool]:
    return and_(column >= instant("since"), column < instant("until"))


def stays(contact_id: Any, at: Any) -> ColumnElement[bool]:
    """Hold of the stays in segments of a contact, as they were at an instant of shop time."""
    over = SegmentStay.until
    return and_(
        SegmentStay.contact_id == contact_id,
        SegmentStay.since <= at,
        or_(over.is_(None), over > at),
    )


def _joined(query: Any, apart: Apart, at: Any) -> Any:
    """Join to messages what they are told apart by; `at` is the shop time that counts."""
    match apart:
        case Apart.VARIANT:
            return query.join(
                EnrollmentVariant,
                and_(
                    EnrollmentVariant.enrollment_id == Message.enrollment_id,
                    EnrollmentVariant.at <= Message.claimed_at,
                ),
            )
        case Apart.SEGMENT:
            return query.join(SegmentStay, stays(Message.contact_id, at))
        case _:
            return query


def labelled(apart: Apart) -> list[Any]:
    return [column.label(name) for name, column in OF_A_MESSAGE[apart].items()]


def accepted_messages(apart: Apart) -> CTE:
    """Pick the messages that SES took, with what became of them."""
    purpose = [] if "purpose" in OF_A_MESSAGE[apart] else [Message.purpose.label("purpose")]
    query = (
        select(
            Message.id,
            *labelled(apart),
            *purpose,
            Message.template_digest,
            func.coalesce(Message.tracks_opens, false()).label("tracks_opens"),
            func.coalesce(Message.tracks_clicks, false()).label("tracks_clicks"),
            MessageFate.state.label("fate"),
        )
        .select_from(Message)
        .outerjoin(MessageFate, MessageFate.message_id == Message.id)
        .where(Message.state == MessageState.ACCEPTED, within(Message.sent_on))
    )
    return cast("CTE", _joined(query, apart, Message.sent_on).cte(f"accepted_{apart}"))


def _dimensions_of(accepted: CTE, apart: Apart) -> list[ColumnElement[Any]]:
    return [accepted.c[name] for name in OF_A_MESSAGE[apart]]


def messages(accepted: CTE, apart: Apart) -> Select[*tuple[Any, ...]]:
    """Count messages and what became of them; people's opens and clicks apart from machines'."""
    done = _done_with(accepted)
    arrived = accepted.c.fate.in_(_ARRIVED)
    opens, clicks = and_(arrived, accepted.c.tracks_opens), and_(arrived, accepted.c.tracks_clicks)
    opened, clicked = (func.coalesce(done.c[name], 0) == 1 for name in ("opened", "clicked"))
    by_machine = {
        name: func.coalesce(done.c[name], 0) == 1 for name in ("machine_opened", "machine_clicked")
    }
    counted = {
        "sent": accepted.c.id.is_not(None),
        "delivered": arrived,
        "delivered_marketing": and_(arrived, accepted.c.purpose == Purpose.MARKETING),
        "bounced": accepted.c.fate == FateState.BOUNCED,
        "soft_bounced": accepted.c.fate == FateState.SOFT_BOUNCED,
        "complained": accepted.c.fate == FateState.COMPLAINED,
        "opens_allowed": opens,
        "opened": and_(opens, opened),
        "machine_opened": and_(opens, ~opened, by_machine["machine_opened"]),
        "clicks_allowed": clicks,
        "clicked": and_(clicks, clicked),
        "machine_clicked": and_(clicks, ~clicked, by_machine["machine_clicked"]),
        "opened_clicks_allowed": and_(opens, opened, clicks),
        "opened_clicked": and_(opens, opened, clicks, clicked),
        "asked_review": and_(arrived, _asks(accepted)),
    }
    sums = [func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()]
    dimensions = _dimensions_of(accepted, apart)
    joined = accepted.outerjoin(done, done.c.message_id == accepted.c.id)
    return select(*dimensions, *sums).select_from(joined).group_by(*dimensions)


def _asks(accepted: CTE) -> ColumnElement[bool]:
    """Hold of messages that ask for a review."""
    return accepted.c.template_digest.in_(bindparam("asking", expanding=True))


def _done_with(accepted: CTE) -> Any:
    """Tell of each message by whom it was opened and clicked."""
    is_open, is_click = Engagement.kind == Kind.OPEN, Engagement.kind == Kind.CLICK
    settled = Engagement.settles_at.is_(None)
    tests = {
        "opened": and_(is_open, ~Engagement.is_machine),
        "machine_opened": and_(is_open, Engagement.is_machine),
        "clicked": and_(is_click, ~Engagement.is_machine, settled),
        "machine_clicked": and_(is_click, Engagement.is_machine),
    }
    sums = [func.max(case((test, 1), else_=0)).label(name) for name, test in tests.items()]
    return (
        select(Engagement.message_id, *sums)
        .join(accepted, accepted.c.id == Engagement.message_id)
        .group_by(Engagement.message_id)
        .subquery("done")
    )


def effects(accepted: CTE, apart: Apart) -> Select[*tuple[Any, ...]]:
    """Count what delivered messages led to, by kind."""
    dimensions = _dimensions_of(accepted, apart)
    told = MessageEffect.kind, MessageEffect.value, MessageEffect.bucket
    names = [
        column.label(name) for column, name in zip(told, ("name", "detail", "bucket"), strict=True)
    ]
    return (
        select(*dimensions, *names, func.count().label("n"))
        .join(MessageEffect, MessageEffect.message_id == accepted.c.id)
        .where(
            accepted.c.fate.in_(_ARRIVED),
            # Of what is divided by fewer messages than all, only what those led to.
            or_(MessageEffect.kind != LEFT, accepted.c.purpose == Purpose.MARKETING),
            or_(MessageEffect.kind != REVIEWED, _asks(accepted)),
        )
        .group_by(*dimensions, *told)
    )


def conversions(accepted: CTE, apart: Apart) -> Select[*tuple[Any, ...]]:
    """Count the delivered messages that orders are owed to, and what these came to."""
    dimensions = _dimensions_of(accepted, apart)
    return (
        select(
            *dimensions,
            func.count(OrderResult.message_id.distinct()).label("converted"),
            func.coalesce(func.sum(OrderResult.amount), 0).label("amount"),
        )
        .join(OrderResult, OrderResult.message_id == accepted.c.id)
        .where(accepted.c.fate.in_(_ARRIVED))
        .group_by(*dimensions)
    )


def unsent(apart: Apart) -> Select[*tuple[Any, ...]]:
    """Count the messages that were skipped, by reason, and those of which nobody knows yet.

    They are due on a day of wall time; in segments is who is in them at the day's last instant.
    """
    name = case((Message.state == MessageState.SKIPPED, "skipped"), else_="open")
    query = (
        select(*labelled(apart), name.label("name"), Message.skip_reason.label("detail"),
               func.count().label("n"))
        .select_from(Message)
        .where(
            Message.state != MessageState.ACCEPTED,
            Message.claimed_at >= instant("wall_since"),
            Message.claimed_at < instant("wall_until"),
        )
        .group_by(*OF_A_MESSAGE[apart].values(), name, Message.skip_reason)
    )  # fmt: skip
    return cast("Select[*tuple[Any, ...]]", _joined(query, apart, instant("last")))
