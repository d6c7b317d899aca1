"""What offers have cost: the codes of ours that orders carried, and what was taken off for them.

An order says itself what was taken off, where the shop posts it (`discount`); elsewhere that is
worked out from the offer. An order that was refunded or cancelled cost nothing.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.events.tables import Order
from sekvens.offers.tables import Redemption
from sekvens.shop import Offer


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one offer cost. Money is in the shop's currency."""

    redeemed: int = 0  #: codes that orders carried
    money: Decimal = Decimal(0)
    unknown: int = 0  #: codes of which nobody knows what they cost: a gift, free shipping

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            redeemed=self.redeemed + other.redeemed,
            money=self.money + other.money,
            unknown=self.unknown + other.unknown,
        )


@dataclass(frozen=True, kw_only=True)
class _Carried:
    """One code in one order, with how many there were in it."""

    offer: str
    codes: int
    total: str | None
    currency: str | None
    discount: str | None


def costs(
    session: Session,
    offers: Mapping[str, Offer],
    *,
    since: datetime,
    until: datetime,
    currency: str,
) -> dict[str, Cost]:
    """Tell what each offer cost that was redeemed from `since` until before `until` (shop time)."""
    found: defaultdict[str, Cost] = defaultdict(Cost)
    for each in _carried(session, since, until):
        money = _money(each, offers.get(each.offer), currency)
        found[each.offer] += Cost(
            redeemed=1, money=money or Decimal(0), unknown=1 if money is None else 0
        )
    return dict(found)


def _carried(session: Session, since: datetime, until: datetime) -> list[_Carried]:
    """List the codes in orders that stand; who was merged orders under the id that stayed."""
    person = func.coalesce(Contact.merged_into, Contact.id)
    query = (
        select(Redemption.offer, Redemption.order_id, Order)
        .join(Contact, Contact.id == Redemption.contact_id)
        .join(Order, and_(Order.contact_id == person, Order.order_id == Redemption.order_id))
        .where(
            Redemption.redeemed_at >= since,
            Redemption.redeemed_at < until,
            Order.state == "completed",
        )
    )
    rows = session.execute(query).all()
    codes: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        codes[row.order_id] += 1
    return [
        _Carried(
            offer=row.offer,
            codes=codes[row.order_id],
            total=row.Order.total,
            currency=row.Order.currency,
            discount=row.Order.details.get("discount"),
        )
        for row in rows
    ]


def _money(carried: _Carried, offer: Offer | None, currency: str) -> Decimal | None:
    """Tell what a code cost; of several in one order each has its part of what was taken off."""
    if carried.currency not in (None, currency):
        return None
    if carried.discount is not None:
        return abs(Decimal(carried.discount)) / carried.codes
    if offer is None:
        return None
    match offer.kind:
        case "amount":
            return offer.amount
        case "percent" if carried.total is not None and offer.percent < 100:
            return Decimal(carried.total) * offer.percent / (100 - offer.percent)
        case "guide":
            return Decimal(0)
        case _:
            return None
