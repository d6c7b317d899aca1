"""The statements by which days are counted: SQL over the facts and what people came to.

Each takes what `counting` gives: `since` and `until` (shop time), the same in wall time, the last
instant in between, `asking`. They are built once: building took longer than a day's rows did.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, case, func, select

from sekvens.contacts.tables import Contact
from sekvens.enrollments.tables import Enrollment
from sekvens.experiments.tables import EnrollmentVariant
from sekvens.messages.tables import Message
from sekvens.metrics.dimensions import OF_A_MESSAGE, VARIANT, Apart
from sekvens.metrics.message_statements import (
    accepted_messages,
    conversions,
    effects,
    labelled,
    messages,
    stays,
    unsent,
    within,
)
from sekvens.metrics.tables import CartResult, ContactResult, OrderResult
from sekvens.segments.tables import SegmentStay

#: All columns of `metric_counts` by which something is told apart.
DIMENSIONS: Final = tuple(dict.fromkeys(name for each in OF_A_MESSAGE.values() for name in each))


@dataclass(frozen=True, kw_only=True)
class Statements:
    """What counts a stretch of time, of one kind of rows; None: that is not counted so."""

    messages: Select[*tuple[Any, ...]]
    effects: Select[*tuple[Any, ...]]
    conversions: Select[*tuple[Any, ...]]
    unsent: Select[*tuple[Any, ...]]
    exits: Select[*tuple[Any, ...]]
    orders: Select[*tuple[Any, ...]] | None
    firsts: Select[*tuple[Any, ...]] | None
    carts: Select[*tuple[Any, ...]] | None


def _orders() -> Select[*tuple[Any, ...]]:
    """Count orders and what they came to, by the message that led to them, if one did."""
    columns = OF_A_MESSAGE[Apart.WHOLE].values()
    query = select(*labelled(Apart.WHOLE), *_of_orders())
    query = query.select_from(OrderResult).outerjoin(Message, Message.id == OrderResult.message_id)
    return query.where(within(OrderResult.ordered_at)).group_by(*columns, *_APART_ORDERS)


_APART_ORDERS: Final = (
    case(
        (OrderResult.amount.is_(None), "order_unpriced"),
        (OrderResult.message_id.is_(None), "order"),
        else_="order_by_email",
    ),
    case((OrderResult.nth == 1, "first"), else_="repeat"),
)


def _of_orders() -> list[Any]:
    name, which = _APART_ORDERS
    return [
        name.label("name"),
        which.label("detail"),
        func.count().label("n"),
        func.coalesce(func.sum(OrderResult.amount), 0).label("amount"),
    ]


def _orders_by_segment() -> Select[*tuple[Any, ...]]:
    """Count orders by what segments their contact was in."""
    in_force = stays(OrderResult.contact_id, OrderResult.ordered_at)
    return (
        select(SegmentStay.segment, *_of_orders())
        .join(OrderResult, in_force)
        .where(within(OrderResult.ordered_at))
        .group_by(SegmentStay.segment, *_APART_ORDERS)
    )


def _firsts(*apart: Any) -> Select[*tuple[Any, ...]]:
    """Count first orders by the whole days until the next one; none: there is none yet."""
    days = OrderResult.next_days
    name = case((days.is_(None), "no_second"), else_="second")
    query = select(*apart, name.label("name"), days.label("bucket"), func.count().label("n"))
    if apart:
        in_force = stays(OrderResult.contact_id, OrderResult.ordered_at)
        query = query.join(OrderResult, in_force)
    first = OrderResult.nth == 1, within(OrderResult.ordered_at)
    return query.where(*first).group_by(*apart, days)


def _carts(*apart: Any) -> Select[*tuple[Any, ...]]:
    """Count carts, those left, and those recovered, by category and band or by segment."""
    counted = {
        "cart": CartResult.cart_id.is_not(None),
        "cart_left": CartResult.left_at.is_not(None),
        "cart_recovered": CartResult.recovered,
    }
    sums = [func.sum(case((test, 1), else_=0)).label(name) for name, test in counted.items()]
    begun = within(CartResult.began_at)
    if apart:
        in_force = stays(CartResult.contact_id, CartResult.began_at)
        query = select(*apart, *sums).join(CartResult, in_force)
        return query.where(begun).group_by(*apart)
    told = CartResult.category, CartResult.band
    names = (column.label(name) for column, name in zip(told, ("detail", "bucket"), strict=True))
    return select(*names, *sums).where(begun).group_by(*told)


def _exited(apart: Apart) -> Select[*tuple[Any, ...]]:
    """Pick exits, each with since when its contact could be written to, and until when."""
    person = func.coalesce(Contact.merged_into, Contact.id)
    told: Mapping[Apart, Sequence[Any]] = {
        Apart.WHOLE: (Enrollment.flow_version,),
        Apart.VARIANT: (Enrollment.flow_version, VARIANT.label("variant")),
        Apart.SEGMENT: (SegmentStay.segment,),
    }
    query = (
        select(
            Enrollment.flow,
            *told[apart],
            Enrollment.exit_reason.label("detail"),
            Enrollment.started_at,
            Enrollment.ended_at,
            ContactResult.joined_at,
            ContactResult.lost_at,
        )
        .select_from(Enrollment)
        .join(Contact, Contact.id == Enrollment.contact_id)
        .outerjoin(ContactResult, ContactResult.contact_id == person)
        .where(within(Enrollment.ended_at))
    )
    if apart is Apart.VARIANT:
        return query.join(EnrollmentVariant, EnrollmentVariant.enrollment_id == Enrollment.id)
    if apart is Apart.SEGMENT:
        return query.join(SegmentStay, stays(Enrollment.contact_id, Enrollment.ended_at))
    return query


def _statements(apart: Apart) -> Statements:
    accepted, by_segment = accepted_messages(apart), apart is Apart.SEGMENT
    orders = {Apart.WHOLE: _orders, Apart.SEGMENT: _orders_by_segment}.get(apart)
    segment = (SegmentStay.segment,) if by_segment else ()
    return Statements(
        messages=messages(accepted, apart),
        effects=effects(accepted, apart),
        conversions=conversions(accepted, apart),
        unsent=unsent(apart),
        exits=_exited(apart),
        orders=orders() if orders else None,
        firsts=_firsts(*segment) if orders else None,
        carts=_carts(*segment) if orders else None,
    )


#: What counts each kind of rows.
STATEMENTS: Final = {apart: _statements(apart) for apart in Apart}
JOINED: Final = select(ContactResult.joined_at, ContactResult.lost_at).where(
    within(ContactResult.joined_at)
)
