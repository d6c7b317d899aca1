"""The counts of some days, by SQL over the facts and what people came to.

A message belongs to the day on which SES took it, and so does all that it led to, however late that
comes. An order, a cart, a sign-up and an exit belong to their own day.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    select,
)
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.engagement.tables import Engagement, Kind
from sekvens.enrollments.tables import Enrollment
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.steps import Purpose
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.tables import Message, MessageState, Template
from sekvens.metrics.dimensions import OF_A_MESSAGE
from sekvens.metrics.rules import Rules, whole_days
from sekvens.metrics.tables import (
    CartResult,
    ContactResult,
    MessageEffect,
    MetricCount,
    OrderResult,
)

Row: TypeAlias = dict[str, Any]
#: A condition on instants, made of the column that they stand in.
Span: TypeAlias = tuple[datetime, datetime]

#: A message that was called spam had arrived.
_ARRIVED: Final = (FateState.DELIVERED, FateState.COMPLAINED)
_DIMENSIONS: Final = tuple(OF_A_MESSAGE)
_NONE: Final[Row] = dict.fromkeys(_DIMENSIONS)


def count_day(session: Session, day: date, rules: Rules) -> None:
    """Count a day anew, in place of what was counted of it before."""
    rows = [row for row in counts(session, rules.span(day), rules.wall_span(day)) if row["n"]]
    session.execute(delete(MetricCount).where(MetricCount.day == day))
    if rows:
        blank: Row = {"day": day, "detail": None, "bucket": None, "amount": 0} | _NONE
        session.execute(insert(MetricCount), [blank | row for row in rows])


def counts(session: Session, span: Span, wall: Span) -> Iterator[Row]:
    """Count what belongs to a stretch of time: `span` is shop time, `wall` the same in wall time.

    Each count has its `name`, `n`, and what it can be told apart by; money is in hundredths.
    """
    accepted = _accepted(span)
    yield from _apart(session, messages(accepted, _asking(session)))
    yield from _plain(session, effects(accepted))
    yield from _apart(session, conversions(accepted))
    yield from _plain(session, _unsent(wall))
    yield from _plain(session, orders(span))
    yield from _plain(session, _firsts(span))
    yield from _carts(session, span)
    yield from _joined(session, span)
    yield from _exits(session, span)


def _within(column: Any, span: Span) -> ColumnElement[bool]:
    return and_(column >= span[0], column < span[1])


def _accepted(span: Span) -> CTE:
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
        .where(Message.state == MessageState.ACCEPTED, _within(Message.sent_on, span))
        .cte("accepted")
    )


def _dimensions_of(accepted: CTE) -> list[ColumnElement[Any]]:
    return [accepted.c[name] for name in _DIMENSIONS]


def messages(accepted: CTE, asking: Sequence[str]) -> Select[*tuple[Any, ...]]:
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
        "asked_review": and_(arrived, accepted.c.template_digest.in_(asking)),
    }
    sums = [func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()]
    dimensions = _dimensions_of(accepted)
    joined = accepted.outerjoin(done, done.c.message_id == accepted.c.id)
    return select(*dimensions, *sums).select_from(joined).group_by(*dimensions)


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


def effects(accepted: CTE) -> Select[*tuple[Any, ...]]:
    """Count what delivered messages led to, by kind."""
    dimensions = _dimensions_of(accepted)
    told = MessageEffect.kind, MessageEffect.value, MessageEffect.bucket
    names = [
        column.label(name) for column, name in zip(told, ("name", "detail", "bucket"), strict=True)
    ]
    return (
        select(*dimensions, *names, func.count().label("n"))
        .join(MessageEffect, MessageEffect.message_id == accepted.c.id)
        .where(accepted.c.fate.in_(_ARRIVED))
        .group_by(*dimensions, *told)
    )


def conversions(accepted: CTE) -> Select[*tuple[Any, ...]]:
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


def _unsent(wall: Span) -> Select[*tuple[Any, ...]]:
    """Count the messages that were skipped, by reason, and those of which nobody knows yet."""
    columns = [OF_A_MESSAGE[name] for name in _DIMENSIONS]
    dimensions = [column.label(name) for name, column in OF_A_MESSAGE.items()]
    skipped = Message.state == MessageState.SKIPPED
    name = case((skipped, "skipped"), else_="open")
    return (
        select(*dimensions, name.label("name"), Message.skip_reason.label("detail"),
               func.count().label("n"))
        .where(Message.state != MessageState.ACCEPTED, _within(Message.claimed_at, wall))
        .group_by(*(column for column in columns if column is not OF_A_MESSAGE["variant"]),
                  name, Message.skip_reason)
    )  # fmt: skip


def orders(span: Span) -> Select[*tuple[Any, ...]]:
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
        .where(_within(OrderResult.ordered_at, span))
        .group_by(*columns, name, which)
    )


def _firsts(span: Span) -> Select[*tuple[Any, ...]]:
    """Count first orders by the whole days until the next one; none: there is none yet."""
    days = OrderResult.next_days
    name = case((days.is_(None), "no_second"), else_="second")
    return (
        select(name.label("name"), days.label("bucket"), func.count().label("n"))
        .where(OrderResult.nth == 1, _within(OrderResult.ordered_at, span))
        .group_by(days)
    )


def _carts(session: Session, span: Span) -> Iterator[Row]:
    """Count carts, those left, and those recovered, by category and band."""
    was_left = CartResult.left_at.is_not(None)
    columns = CartResult.category, CartResult.band
    counted = {"cart": CartResult.cart_id.is_not(None), "cart_left": was_left,
               "cart_recovered": CartResult.recovered}  # fmt: skip
    sums = [func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()]
    query = select(CartResult.category.label("detail"), CartResult.band.label("bucket"), *sums)
    yield from _apart(session, query.where(_within(CartResult.began_at, span)).group_by(*columns))


def _joined(session: Session, span: Span) -> Iterator[Row]:
    """Count sign-ups, by the whole days until we could not write to them any more."""
    query = select(ContactResult.joined_at, ContactResult.lost_at)
    found = session.execute(query.where(_within(ContactResult.joined_at, span)))
    days = Counter(None if lost is None else whole_days(at, lost) for at, lost in found)
    for bucket, n in days.items():
        yield {"name": "kept" if bucket is None else "lost", "bucket": bucket, "n": n}


def _exits(session: Session, span: Span) -> Iterator[Row]:
    """Count exits by reason and whole days in the flow.

    Of contacts whom we could write to when it began, also by the whole days from the exit until we
    could not any more.
    """
    person = func.coalesce(Contact.merged_into, Contact.id)
    query = (
        select(Enrollment, Enrollment.ended_at, ContactResult.joined_at, ContactResult.lost_at)
        .join(Contact, Contact.id == Enrollment.contact_id)
        .outerjoin(ContactResult, ContactResult.contact_id == person)
        .where(_within(Enrollment.ended_at, span))
    )
    found: Counter[tuple[Any, ...]] = Counter()
    for row, ended, joined, lost in session.execute(query):
        if ended is None:
            continue  # the span has none of these
        whose = row.flow, row.flow_version, row.exit_reason
        found["exited", *whose, whole_days(row.started_at, ended)] += 1
        if joined is not None and joined <= ended and (lost is None or lost > row.started_at):
            name = "kept_after" if lost is None else "lost_after"
            found[name, *whose, None if lost is None else whole_days(ended, lost)] += 1
    names = "name", "flow", "flow_version", "detail", "bucket"
    for key, n in found.items():
        yield dict(zip(names, key, strict=True)) | {"n": n}


def _asking(session: Session) -> list[str]:
    """List the digests of the templates that ask for a review."""
    asked = [f'answers("{name}")' for name, question in QUESTIONS.items() if question.is_review]
    query = select(Template.digest, Template.sources)
    return sorted(
        digest
        for digest, sources in session.execute(query)
        if any(block in text for text in sources.values() for block in asked)
    )


def _plain(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[Row]:
    for row in session.execute(query):
        yield dict(row._mapping)  # noqa: SLF001  its public name


def _apart(session: Session, query: Select[*tuple[Any, ...]]) -> Iterator[Row]:
    """Make a count of its own of each column that is no dimension."""
    kept = {*_DIMENSIONS, "detail", "bucket", "amount"}
    for row in _plain(session, query):
        shared: Mapping[str, Any] = {key: value for key, value in row.items() if key in kept}
        for name in row.keys() - kept:
            yield {**shared, "name": name, "n": int(row[name])}
