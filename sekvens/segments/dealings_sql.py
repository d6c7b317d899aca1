"""Conditions on a contact's dealings as SQL: one translation for everybody and for one contact.

Asked of a query over contacts with their summaries joined to them. What slides with time is decided
by the summary's dates where they can; where they leave it open, the orders themselves are added up,
of those few whom the summary has not ruled out. No clause is ever null, so it may be denied.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    false,
    func,
    literal,
    or_,
    outerjoin,
    select,
    true,
)
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.events.facts import chunks
from sekvens.events.schema import EMAIL_DELIVERED, EMAIL_LINK_CLICKED, PRODUCT_VIEWED
from sekvens.events.tables import ContactEvent, Order
from sekvens.feedback.fates import FateState
from sekvens.feedback.tables import MessageFate
from sekvens.flows.dealings import (
    ACTIVE_FOR,
    COOLING_FOR,
    NEW_FOR,
    Bounced,
    Breadth,
    ClickRate,
    Dealing,
    EngagementIs,
    Ordered,
    Spent,
    TopShare,
    Viewed,
)
from sekvens.flows.keys import key_of
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.products.tables import OrderLine, Product, ProductVariant
from sekvens.segments.dealings import Goods, has_name, how_many_views
from sekvens.segments.figures import top_share
from sekvens.segments.tables import ContactSummary, ShopFigure

_ORDERS: Final = func.coalesce(ContactSummary.orders, 0)


def is_said_by_sql(condition: Dealing) -> bool:
    """Tell whether SQL says all of it: what was looked at stands in the events' JSON."""
    return not (isinstance(condition, Viewed) and has_name(condition))


def stands_with_one(condition: Dealing) -> bool:
    """Tell whether all that is asked stays with the contact whom others were merged into."""
    return not isinstance(condition, ClickRate | Bounced)


def with_summary(query: Select[Any]) -> Select[Any]:
    """Join the summaries to a query over contacts, of whom some have none."""
    return query.outerjoin(ContactSummary, ContactSummary.contact_id == Contact.id)


def of_one_contact(query: Select[Any], contact_id: str) -> Select[Any]:
    """Ask of one contact, who may have no summary, or be unknown: there is always an answer."""
    one = select(literal(contact_id).label("id")).subquery()
    joined = outerjoin(one, ContactSummary, ContactSummary.contact_id == one.c.id)
    return query.select_from(joined)


def has_looked(
    session: Session, condition: Viewed, known_as: tuple[str, ...], *, now: datetime
) -> bool:
    """Tell whether somebody has looked at what a condition names; the events' JSON says at what."""
    query = select(ContactEvent.properties).where(
        ContactEvent.contact_id.in_(known_as),
        ContactEvent.name == PRODUCT_VIEWED,
        ContactEvent.occurred_at <= now,
    )
    if condition.within is not None:
        query = query.where(ContactEvent.occurred_at >= now - condition.within)
    looks = session.scalars(query).all()
    keys = {key_of(look["product_id"]) for look in looks if look.get("product_id") is not None}
    return how_many_views(condition, looks, goods_of(session, keys)) >= condition.times


def goods_of(session: Session, keys: Collection[str]) -> dict[str, Goods]:
    """Tell what products the ids of events are, as far as we know them."""
    product = select(Product.id, Product.id, Product.category, Product.brand)
    variant = select(ProductVariant.id, Product.id, Product.category, Product.brand)
    variant = variant.join(Product, Product.id == ProductVariant.product_id)
    found: dict[str, Goods] = {}
    for some in chunks(keys):
        for query in (
            variant.where(ProductVariant.id.in_(some)),
            product.where(Product.id.in_(some)),
        ):
            for key, product_id, category, brand in session.execute(query):
                found[key] = Goods(product_id, category, brand)
    return found


@dataclass(frozen=True)
class Dealings:
    """Translates; `known_as` are the ids of the one contact, None: everybody is asked about."""

    now: datetime
    known_as: tuple[str, ...] | None = None

    def clause(self, condition: Dealing) -> ColumnElement[bool]:
        """Say a condition; of one that SQL cannot say all of, what must be so at the least."""
        match condition:
            case Spent():
                return self._spent(condition)
            case Ordered():
                return self._ordered(condition)
            case Viewed():
                return self._viewed(condition)
            case Breadth():
                return func.coalesce(ContactSummary.categories, 0) >= condition.categories
            case TopShare():
                named = ShopFigure.name == top_share(condition.share)
                least = select(ShopFigure.value).where(named).scalar_subquery()
                return and_(_ORDERS >= 1, _sure(ContactSummary.spent >= least))
            case EngagementIs():
                return self._engagement(condition)
            case ClickRate():
                return self._clicks_enough(condition)
            case Bounced():
                return self._bounced(condition)
            case _:
                assert_never(condition)

    def _spent(self, condition: Spent) -> ColumnElement[bool]:
        summary, least = ContactSummary, condition.at_least
        ruled_in = [_ORDERS >= 1, self._lately(summary.last_order_at, condition)]
        match condition.measure:
            case "last":
                return and_(*ruled_in, _sure(summary.last_amount >= least))
            case "total" if condition.within is None:
                return and_(*ruled_in, summary.spent >= least)
            case "average" if condition.within is None:
                return and_(*ruled_in, summary.spent >= least * _ORDERS)
            case "total":
                spent = self._of_orders(func.sum(Order.amount), condition)
                return and_(*ruled_in, summary.spent >= least, _sure(spent >= least))
            case "average":
                over = self._of_orders(func.sum(Order.amount - least), condition)
                return and_(*ruled_in, _sure(over >= 0))

    def _ordered(self, condition: Ordered) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        ruled_in = [
            condition.times <= _ORDERS,
            self._lately(ContactSummary.last_order_at, condition),
        ]
        if has_name(condition):
            return and_(*ruled_in, self._with_a_name(condition) >= condition.times)
        if condition.within is None or condition.times == 1:
            return and_(*ruled_in)
        return and_(*ruled_in, self._of_orders(func.count(), condition) >= condition.times)

    def _of_orders(self, asked: Any, condition: Spent | Ordered) -> Any:
        query = select(asked).select_from(Order)
        stands = Order.state == "completed"
        return self._theirs(query.where(stands), Order.contact_id, Order.ordered_at, condition)

    def _with_a_name(self, condition: Ordered) -> Any:
        query = select(func.count(OrderLine.order_id.distinct()))
        stands = OrderLine.state == "completed"
        wanted: ColumnElement[bool] = OrderLine.product_id.in_(_ids_of(condition))
        if (condition.category, condition.brand) == (None, None):  # a product we may not know
            wanted = or_(wanted, OrderLine.product_id == condition.product)
        query = query.where(stands, wanted)
        return self._theirs(query, OrderLine.contact_id, OrderLine.ordered_at, condition)

    def _viewed(self, condition: Viewed) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        lately = self._lately(ContactSummary.last_viewed_at, condition)
        ever = and_(ContactSummary.last_viewed_at.is_not(None), lately)
        if condition.times == 1:
            return ever
        return and_(ever, self._count(PRODUCT_VIEWED, condition) >= condition.times)

    def _engagement(self, condition: EngagementIs) -> ColumnElement[bool]:
        first, last = ContactSummary.first_active_at, ContactSummary.last_active_at
        is_new = _sure(first >= self.now - NEW_FOR)
        is_active = _sure(last >= self.now - ACTIVE_FOR)
        is_there = _sure(last >= self.now - COOLING_FOR)
        match condition.level:
            case "new":
                return is_new
            case "active":
                return and_(is_active, ~is_new)
            case "cooling":
                return and_(is_there, ~is_active, ~is_new)
            case "dormant":
                return ~is_there

    def _clicks_enough(self, condition: ClickRate) -> ColumnElement[bool]:
        query = select(func.count()).select_from(Message)
        ours = self._theirs(
            query.where(
                Message.purpose == Purpose.MARKETING, Message.state == MessageState.ACCEPTED
            ),
            Message.contact_id,
            Message.sent_on,
            condition,
        )
        received = ours + self._count(EMAIL_DELIVERED, condition)
        enough: ColumnElement[bool] = received >= condition.received
        if condition.at_least <= 0:
            return enough
        clicks = self._count(EMAIL_LINK_CLICKED, condition)
        clicked = clicks * 100 >= condition.at_least * received
        if condition.received <= 0:
            return and_(enough, clicked)
        return and_(self._lately(ContactSummary.last_click_at, condition), enough, clicked)

    def _bounced(self, condition: Bounced) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        back = select(Message.contact_id).join(MessageFate, MessageFate.message_id == Message.id)
        back = back.where(MessageFate.state == FateState.SOFT_BOUNCED, Message.sent_on <= self.now)
        if condition.within is not None:
            back = back.where(Message.sent_on >= self.now - condition.within)
        if self.known_as is not None:
            theirs = back.where(Message.contact_id.in_(self.known_as)).subquery()
            count: Any = select(func.count()).select_from(theirs).scalar_subquery()
            came_back: ColumnElement[bool] = count >= condition.times
            return came_back
        # Few of many: asked once for everybody, and not of each contact.
        grouped = back.group_by(Message.contact_id).having(func.count() >= condition.times)
        return Contact.id.in_(grouped)

    def _count(self, name: str, condition: Viewed | ClickRate) -> Any:
        query = select(func.count()).select_from(ContactEvent).where(ContactEvent.name == name)
        return self._theirs(query, ContactEvent.contact_id, ContactEvent.occurred_at, condition)

    def _theirs(
        self,
        query: Select[Any],
        whose: Any,
        at: Any,
        condition: Spent | Ordered | Viewed | ClickRate,
    ) -> Any:
        query = query.where(at <= self.now)
        if condition.within is not None:
            query = query.where(at >= self.now - condition.within)
        if self.known_as is not None:
            return query.where(whose.in_(self.known_as)).scalar_subquery()
        return query.where(whose == Contact.id).correlate(Contact).scalar_subquery()

    def _lately(
        self, last: Any, condition: Spent | Ordered | Viewed | ClickRate
    ) -> ColumnElement[bool]:
        if condition.within is None:
            return true()
        return _sure(last >= self.now - condition.within)


def _ids_of(condition: Ordered) -> Select[Any]:
    """List the ids of what a condition names, variants included."""
    wanted = [
        column == value
        for column, value in (
            (Product.id, condition.product),
            (Product.category, condition.category),
            (Product.brand, condition.brand),
        )
        if value is not None
    ]
    products = select(Product.id).where(*wanted)
    variants = select(ProductVariant.id).join(Product, Product.id == ProductVariant.product_id)
    named = products.union_all(variants.where(*wanted)).subquery()
    return select(named.c.id)


def _sure(clause: ColumnElement[bool]) -> ColumnElement[bool]:
    """Turn what is unknown, of a contact without a summary, into what is not so."""
    return func.coalesce(clause, false())
