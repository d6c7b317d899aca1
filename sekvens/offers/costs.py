"""What offers have come to: the orders that carried codes of ours, and what was taken off for them.

An order says itself what was taken off, where the shop posts it (`discount`); elsewhere that is
worked out from the offer. What an offer costs beyond that (`cost`: the gift, its postage) is added.
An order that was refunded or cancelled counts for nothing; one that carried codes of two offers
counts for both, and each has its part of what was taken off.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.events.tables import Order
from sekvens.offers.tables import Redemption
from sekvens.shop import Offer

_NONE = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Came:
    """What one offer came to. Money is in the shop's currency."""

    redeemed: int = 0  #: codes that orders carried
    revenue: Decimal = _NONE  #: of these orders, as paid
    cost: Decimal = _NONE
    unknown: int = 0  #: codes of which nobody knows what they cost: a gift, foreign money

    def __add__(self, other: "Came") -> "Came":
        return Came(
            redeemed=self.redeemed + other.redeemed,
            revenue=self.revenue + other.revenue,
            cost=self.cost + other.cost,
            unknown=self.unknown + other.unknown,
        )


class _Alike(NamedTuple):
    """Codes of one offer in orders of which the same was taken off."""

    offer: str
    is_ours: bool  #: paid in the shop's currency
    discount: str | None  #: as it was posted
    codes: int  #: in each of these orders
    times: int  #: how often a code was carried so
    paid: Decimal  #: all of them together


def came_to(
    session: Session,
    offers: Mapping[str, Offer],
    *,
    currency: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Came]:
    """Tell what each offer came to that was redeemed from `since` until before `until`.

    Both are shop time; None: of all time.
    """
    found: defaultdict[str, Came] = defaultdict(Came)
    for row in session.execute(_alike(currency, since, until)):
        offer, is_ours, discount, codes, times, hundredths = row
        paid = Decimal(hundredths or 0) / 100
        alike = _Alike(offer, is_ours, discount, codes, times, paid)
        cost = _cost(alike, offers.get(alike.offer))
        found[alike.offer] += Came(
            redeemed=alike.times,
            revenue=alike.paid if alike.is_ours else _NONE,
            cost=cost or _NONE,
            unknown=alike.times if cost is None else 0,
        )
    return dict(found)


def _alike(currency: str, since: datetime | None, until: datetime | None) -> Select[Any]:
    # Orders stand under the contact that theirs was merged into; one hop always finds it.
    whose = func.coalesce(Contact.merged_into, Contact.id)
    query = (
        select(
            Redemption.offer,
            or_(Order.currency.is_(None), Order.currency == currency).label("is_ours"),
            Order.details["discount"].as_string().label("discount"),
            func.count().over(partition_by=(whose, Redemption.order_id)).label("codes"),
            Order.amount,
        )
        .join(Contact, Contact.id == Redemption.contact_id)
        .join(Order, (Order.contact_id == whose) & (Order.order_id == Redemption.order_id))
        .where(Order.state == "completed")
    )
    if since is not None:
        query = query.where(Redemption.redeemed_at >= since)
    if until is not None:
        query = query.where(Redemption.redeemed_at < until)
    each = query.subquery()
    kinds = (each.c.offer, each.c.is_ours, each.c.discount, each.c.codes)
    return select(*kinds, func.count(), func.sum(each.c.amount)).group_by(*kinds)


def _cost(alike: _Alike, offer: Offer | None) -> Decimal | None:
    """Tell what codes cost; None: nobody knows."""
    if not alike.is_ours:
        return None
    own = (offer.cost if offer else _NONE) * alike.times
    told = _money(alike.discount)
    if told is not None:
        return abs(told) / alike.codes * alike.times + own
    if offer is None:
        return None
    match offer.kind:
        case "amount":
            return offer.amount * alike.times + own
        case "percent" if offer.percent < 100:
            return alike.paid * offer.percent / (100 - offer.percent) + own
        case "guide":
            return own
        case _:
            return own or None


def _money(told: str | None) -> Decimal | None:
    try:
        amount = Decimal(told) if told else None
    except InvalidOperation:  # as it was posted, and no number
        return None
    return amount if amount is not None and amount.is_finite() else None
