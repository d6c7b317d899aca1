"""Conditions on a contact's dealings as SQL: one translation for everybody and for one contact.

Asked of a query over contacts with their summaries joined to them. What slides with time is decided
by the summary's dates where they can; where they leave it open, the orders themselves are added up,
of those few whom the summary has not ruled out.

Of a contact without a summary a clause is null, which finds nobody, as it should. Only where it may
be denied is it made false: that keeps a database from reading just the rows that fit.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias, assert_never

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    and_,
    false,
    func,
    not_,
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

_LooksBack: TypeAlias = Spent | Ordered | Viewed | ClickRate | Bounced


def is_said_by_sql(condition: Dealing) -> bool:
    """Tell whether SQL says all of it: what was looked at stands in the events' JSON."""
    return not (isinstance(condition, Viewed) and has_name(condition))


def stands_with_one(condition: Dealing) -> bool:
    """Tell whether all that is asked stays with the contact whom others were merged into."""
    return not isinstance(condition, ClickRate | Bounced)


def with_summary(query: Select[Any]) -> Select[Any]:
    """Join the summaries to a query over contacts, of whom some have none."""
    return query.outerjoin(ContactSummary, ContactSummary.contact_id == Contact.id)


def of_one_contact(query: Select[Any], contact_id: BindParameter[str]) -> Select[Any]:
    """Ask of one contact, who may have no summary, or be unknown: there is always an answer."""
    one = select(contact_id.label("id")).subquery()
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


@dataclass(frozen=True, kw_only=True)
class Dealings:
    """Translates for one contact, for those whom a query looks at, or for everybody there is."""

    ago: Callable[[timedelta], Any]  #: the instant so long before now (shop time)
    #: all ids of the one contact; None: of many
    known_as: BindParameter[str] | None = None
    #: everybody is asked about: what is added up is added up once, and not for each contact
    is_whole: bool = False
    is_denied: bool = True  #: a `not` may stand before what is said, so that nothing may be null

    def clause(self, condition: Dealing) -> ColumnElement[bool]:
        """Say a condition; of one that SQL cannot say all of, what must be so at the least."""
        match condition:
            case Spent():
                return self._sure(*self._spent(condition))
            case Ordered():
                return self._ordered(condition)
            case Viewed():
                return self._viewed(condition)
            case Breadth():
                if condition.categories <= 0:
                    return true()
                return self._sure(ContactSummary.categories >= condition.categories)
            case TopShare():
                named = ShopFigure.name == top_share(condition.share)
                least = select(ShopFigure.value).where(named).scalar_subquery()
                return self._sure(ContactSummary.orders >= 1, ContactSummary.spent >= least)
            case EngagementIs():
                return self._engagement(condition)
            case ClickRate():
                return self._clicks_enough(condition)
            case Bounced():
                return self._bounced(condition)
            case _:
                assert_never(condition)

    def _spent(self, condition: Spent) -> Iterator[ColumnElement[bool]]:
        summary, least = ContactSummary, condition.at_least
        yield summary.orders >= 1
        yield self._lately(summary.last_order_at, condition)
        match condition.measure:
            case "last":
                yield summary.last_amount >= least
            case "total":
                yield summary.spent >= least
                if condition.within is not None:
                    yield self._orders_come_to(func.sum(Order.amount), least, condition)
            case "average" if condition.within is None:
                yield summary.spent >= least * summary.orders
            case "average":
                yield self._orders_come_to(func.sum(Order.amount - least), 0, condition)

    def _ordered(self, condition: Ordered) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        newest = (
            ContactSummary.last_order_at,
            ContactSummary.last_but_one_order_at,
            ContactSummary.last_but_two_order_at,
        )
        # One of the two alone: that a thing is said twice is no news, but taken for rare.
        if condition.within is None:
            asked = [ContactSummary.orders >= condition.times]
        else:
            asked = [self._lately(newest[: condition.times][-1], condition)]
        if has_name(condition):
            asked.append(self._with_a_name(condition))
        elif condition.within is not None and condition.times > len(newest):
            asked.append(self._orders_come_to(func.count(), condition.times, condition))
        return self._sure(*asked)

    def _orders_come_to(
        self, asked: Any, least: int, condition: Spent | Ordered
    ) -> ColumnElement[bool]:
        stands = Order.state == "completed", *self._then(Order.ordered_at, condition)
        return self._come_to(select(asked).where(*stands), Order.contact_id, asked >= least)

    def _with_a_name(self, condition: Ordered) -> ColumnElement[bool]:
        count = func.count(OrderLine.order_id.distinct())
        wanted: ColumnElement[bool] = OrderLine.product_id.in_(_ids_of(condition))
        if (condition.category, condition.brand) == (None, None):  # a product we may not know
            wanted = or_(wanted, OrderLine.product_id == condition.product)
        stands = OrderLine.state == "completed", *self._then(OrderLine.ordered_at, condition)
        query = select(count).where(*stands, wanted)
        return self._come_to(query, OrderLine.contact_id, count >= condition.times)

    def _viewed(self, condition: Viewed) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        last = ContactSummary.last_viewed_at
        asked = [last.is_not(None), self._lately(last, condition)]
        if condition.times > 1:
            asked.append(self._count(PRODUCT_VIEWED, condition) >= condition.times)
        return self._sure(*asked)

    def _engagement(self, condition: EngagementIs) -> ColumnElement[bool]:
        first, last = ContactSummary.first_active_at, ContactSummary.last_active_at
        is_new, is_not_new = first >= self.ago(NEW_FOR), first < self.ago(NEW_FOR)
        is_active, is_there = last >= self.ago(ACTIVE_FOR), last >= self.ago(COOLING_FOR)
        match condition.level:
            case "new":
                return self._sure(is_new)
            case "active":
                return self._sure(is_active, is_not_new)
            case "cooling":
                return self._sure(is_there, not_(is_active), is_not_new)
            case "dormant":
                return not_(func.coalesce(is_there, false()))

    def _clicks_enough(self, condition: ClickRate) -> ColumnElement[bool]:
        ours = select(func.count()).where(
            Message.purpose == Purpose.MARKETING,
            Message.state == MessageState.ACCEPTED,
            *self._then(Message.sent_on, condition),
        )
        received = self._theirs(ours, Message.contact_id) + self._count(EMAIL_DELIVERED, condition)
        enough: ColumnElement[bool] = received >= condition.received
        if condition.at_least <= 0:
            return enough
        clicks = self._count(EMAIL_LINK_CLICKED, condition)
        clicked = clicks * 100 >= condition.at_least * received
        if condition.received <= 0:
            return and_(enough, clicked)
        lately = self._lately(ContactSummary.last_click_at, condition)
        return self._sure(lately, enough, clicked)

    def _bounced(self, condition: Bounced) -> ColumnElement[bool]:
        if condition.times <= 0:
            return true()
        came_back = select(func.count()).join(MessageFate, MessageFate.message_id == Message.id)
        query = came_back.select_from(Message).where(
            MessageFate.state == FateState.SOFT_BOUNCED, *self._then(Message.sent_on, condition)
        )
        return self._come_to(query, Message.contact_id, func.count() >= condition.times)

    def _count(self, name: str, condition: Viewed | ClickRate) -> Any:
        when = self._then(ContactEvent.occurred_at, condition)
        query = select(func.count()).where(ContactEvent.name == name, *when)
        return self._theirs(query, ContactEvent.contact_id)

    def _come_to(
        self, query: Select[Any], whose: Any, enough: ColumnElement[bool]
    ) -> ColumnElement[bool]:
        """Say what a contact's rows come to; `query` selects what `enough` is about."""
        if self.is_whole:
            # Once, whatever the plan: as a subquery, each parallel worker adds up all of it.
            those = query.with_only_columns(whose.label("id")).group_by(whose).having(enough)
            added_up = those.cte().prefix_with("MATERIALIZED")
            return Contact.id.in_(select(added_up.c.id))
        return func.coalesce(self._theirs(query.with_only_columns(enough), whose), false())

    def _theirs(self, query: Select[Any], whose: Any) -> Any:
        if self.known_as is not None:
            return query.where(whose.in_(self.known_as)).scalar_subquery()
        return query.where(whose == Contact.id).correlate(Contact).scalar_subquery()

    def _then(self, at: Any, condition: _LooksBack) -> Iterator[ColumnElement[bool]]:
        yield at <= self.ago(timedelta(0))
        if condition.within is not None:
            yield at >= self.ago(condition.within)

    def _lately(self, last: Any, condition: _LooksBack) -> ColumnElement[bool]:
        if condition.within is None:
            return true()
        lately: ColumnElement[bool] = last >= self.ago(condition.within)
        return lately

    def _sure(self, *clauses: ColumnElement[bool]) -> ColumnElement[bool]:
        """Join clauses; of a contact without a summary they are null, which is not so."""
        clause = and_(*clauses)
        return func.coalesce(clause, false()) if self.is_denied else clause


def _ids_of(condition: Ordered) -> Select[Any]:
    """List the ids of what a condition names, variants included."""
    kind = [
        column == value
        for column, value in (
            (Product.category, condition.category),
            (Product.brand, condition.brand),
        )
        if value is not None
    ]
    products = select(Product.id).where(*kind)
    variants = select(ProductVariant.id).join(Product, Product.id == ProductVariant.product_id)
    variants, name = variants.where(*kind), condition.product
    if name is not None:  # of a product, or of one of its variants
        products = products.where(Product.id == name)
        variants = variants.where(or_(Product.id == name, ProductVariant.id == name))
    named = products.union_all(variants).subquery()
    return select(named.c.id)
