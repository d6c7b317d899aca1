"""The statements by which days are counted: SQL over the facts and what people came to.

Each takes `since` and `until`, of shop time but for `UNSENT`, which is of wall time; those of
messages take `asking`, too. They are built once: building them took longer than a day's rows did.
"""

from typing import Any, Final

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

from sekvens.contacts.tables import Contact
from sekvens.db.base import UtcDateTime
from sekvens.engagement.tables import Engagement, Kind
from sekvens.enrollments.tables import Enrollment
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.metrics.dimensions import OF_A_MESSAGE
from sekvens.metrics.effects import LEFT, REVIEWED
from sekvens.metrics.tables import CartResult, ContactResult, MessageEffect, OrderResult

#: A message that was called spam had arrived.
_ARRIVED: Final = (FateState.DELIVERED, FateState.COMPLAINED)
DIMENSIONS: Final = tuple(OF_A_MESSAGE)


def _within(column: Any) -> ColumnElement[bool]:
    since, until = (bindparam(name, type_=UtcDateTime) for name in ("since", "until"))
    return and_(column >= since, column < until)


def _accepted() -> CTE:
    """Pick the messages that SES took, with what became of them."""
    dimensions = [column.label(name) for name, column in OF_A_MESSAGE.items()]
    return (
        select(
            Message.id,
            *dimensions,
            Message.template_digest,
            func.coalesce(Message.tracks_opens, false()).label("tracks_opens"),
            func.coalesce(Message.tracks_clicks, false()).label("tracks_clicks"),
            MessageFate.state.label("fate"),
        )
        .outerjoin(MessageFate, MessageFate.message_id == Message.id)
        .where(Message.state == MessageState.ACCEPTED, _within(Message.sent_on))
        .cte("accepted")
    )


def _dimensions_of(accepted: CTE) -> list[ColumnElement[Any]]:
    return [accepted.c[name] for name in DIMENSIONS]


def _messages(accepted: CTE) -> Select[*tuple[Any, ...]]:
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
    dimensions = _dimensions_of(accepted)
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


def _effects(accepted: CTE) -> Select[*tuple[Any, ...]]:
    """Count what delivered messages led to, by kind."""
    dimensions = _dimensions_of(accepted)
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


def _conversions(accepted: CTE) -> Select[*tuple[Any, ...]]:
    """Count the delivered messages that orders are owed to, and what these came to."""
    dimensions = _dimensions_of(accepted)
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


def _unsent() -> Select[*tuple[Any, ...]]:
    """Count the messages that were skipped, by reason, and those of which nobody knows yet."""
    columns = [OF_A_MESSAGE[name] for name in DIMENSIONS]
    dimensions = [column.label(name) for name, column in OF_A_MESSAGE.items()]
    skipped = Message.state == MessageState.SKIPPED
    name = case((skipped, "skipped"), else_="open")
    return (
        select(*dimensions, name.label("name"), Message.skip_reason.label("detail"),
               func.count().label("n"))
        .where(Message.state != MessageState.ACCEPTED, _within(Message.claimed_at))
        .group_by(*(column for column in columns if column is not OF_A_MESSAGE["variant"]),
                  name, Message.skip_reason)
    )  # fmt: skip


def _orders() -> Select[*tuple[Any, ...]]:
    """Count orders and what they came to, by the message that led to them, if one did."""
    of_a_message = [column.label(name) for name, column in OF_A_MESSAGE.items()]
    columns = [each for name, each in OF_A_MESSAGE.items() if name != "variant"]
    which = case((OrderResult.nth == 1, "first"), else_="repeat")
    name = case(
        (OrderResult.amount.is_(None), "order_unpriced"),
        (OrderResult.message_id.is_(None), "order"),
        else_="order_by_email",
    )
    return (
        select(
            *of_a_message,
            name.label("name"),
            which.label("detail"),
            func.count().label("n"),
            func.coalesce(func.sum(OrderResult.amount), 0).label("amount"),
        )
        .outerjoin(Message, Message.id == OrderResult.message_id)
        .where(_within(OrderResult.ordered_at))
        .group_by(*columns, name, which)
    )


def _firsts() -> Select[*tuple[Any, ...]]:
    """Count first orders by the whole days until the next one; none: there is none yet."""
    days = OrderResult.next_days
    name = case((days.is_(None), "no_second"), else_="second")
    return (
        select(name.label("name"), days.label("bucket"), func.count().label("n"))
        .where(OrderResult.nth == 1, _within(OrderResult.ordered_at))
        .group_by(days)
    )


def _carts() -> Select[*tuple[Any, ...]]:
    """Count carts, those left, and those recovered, by category and band."""
    counted = {
        "cart": CartResult.cart_id.is_not(None),
        "cart_left": CartResult.left_at.is_not(None),
        "cart_recovered": CartResult.recovered,
    }
    sums = [func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()]
    return (
        select(CartResult.category.label("detail"), CartResult.band.label("bucket"), *sums)
        .where(_within(CartResult.began_at))
        .group_by(CartResult.category, CartResult.band)
    )


def _exited() -> Select[*tuple[Any, ...]]:
    """Pick exits, each with since when its contact could be written to, and until when."""
    person = func.coalesce(Contact.merged_into, Contact.id)
    return (
        select(
            Enrollment.flow,
            Enrollment.flow_version,
            Enrollment.exit_reason,
            Enrollment.started_at,
            Enrollment.ended_at,
            ContactResult.joined_at,
            ContactResult.lost_at,
        )
        .join(Contact, Contact.id == Enrollment.contact_id)
        .outerjoin(ContactResult, ContactResult.contact_id == person)
        .where(_within(Enrollment.ended_at))
    )


_ACCEPTED: Final = _accepted()
MESSAGES: Final = _messages(_ACCEPTED)
EFFECTS: Final = _effects(_ACCEPTED)
CONVERSIONS: Final = _conversions(_ACCEPTED)
UNSENT: Final = _unsent()
ORDERS: Final = _orders()
FIRSTS: Final = _firsts()
CARTS: Final = _carts()
EXITS: Final = _exited()
JOINED: Final = select(ContactResult.joined_at, ContactResult.lost_at).where(
    _within(ContactResult.joined_at)
)
