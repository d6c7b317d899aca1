"""What offers cost: discounts that orders carried, and gifts that went with them.

An order's total is what was paid, so a discount is off it already, and is told beside it. What an
offer costs beyond that (`cost` in the settings: the gift itself, its postage) is taken off.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.facts import chunks
from sekvens.offers.tables import OfferClaim, Redemption
from sekvens.shop import Shop


class Bought(NamedTuple):
    """One order that counts. Money is in the shop's currency."""

    contact_id: str
    order_id: str
    at: datetime  #: shop time
    total: float
    discount: float  #: whatever it was for


class Given(NamedTuple):
    """What a contact was given, in the shop's currency."""

    discount: float = 0.0  #: on orders that carried a code of ours; off their totals already
    cost: float = 0.0  #: of gifts and the like, which no total knows


def costs_of(shop: Shop) -> dict[str, Decimal]:
    """Tell what each of the shop's offers costs beyond what an order lacks, if it does."""
    return {name: offer.cost for name, offer in shop.offers.items() if offer.cost}


def given_with(
    session: Session, orders: Sequence[Bought], costs: Mapping[str, Decimal]
) -> dict[str, Given]:
    """Add up what contacts were given with their orders; who got nothing is left out."""
    discounts: defaultdict[str, float] = defaultdict(float)
    cost: defaultdict[str, float] = defaultdict(float)
    carried = _offers_of(session, orders)
    bought: defaultdict[str, list[Bought]] = defaultdict(list)
    for order in orders:
        bought[order.contact_id].append(order)
        offers = carried.get((order.contact_id, order.order_id), ())
        discounts[order.contact_id] += order.discount if offers else 0.0
        cost[order.contact_id] += sum(float(costs.get(offer, 0)) for offer in offers)
    for claim in _without_code(session, bought, costs):
        if any(_within(claim, order) for order in bought[claim.contact_id]):
            cost[claim.contact_id] += float(costs[claim.offer])
    return {
        whose: Given(discount=discounts[whose], cost=cost[whose])
        for whose in sorted(discounts.keys() | cost.keys())
        if discounts[whose] or cost[whose]
    }


def _offers_of(
    session: Session, orders: Sequence[Bought]
) -> dict[tuple[str, str], tuple[str, ...]]:
    """Tell whose codes of ours each order carried: the offers' names."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for some in chunks({order.order_id for order in orders}):
        rows = session.scalars(select(Redemption).where(Redemption.order_id.in_(some)))
        for row in rows:
            key = (row.contact_id, row.order_id)
            found[key] = (*found.get(key, ()), row.offer)
    return found


def _without_code(
    session: Session, contact_ids: Collection[str], costs: Mapping[str, Decimal]
) -> Iterator[OfferClaim]:
    """Find what was promised without a code, and told: it goes with the first order in time."""
    for some in chunks(contact_ids):
        yield from session.scalars(
            select(OfferClaim)
            .where(
                OfferClaim.contact_id.in_(some),
                OfferClaim.code.is_(None),
                OfferClaim.offer.in_(sorted(costs)),
                OfferClaim.sent_at.is_not(None),
            )
            .order_by(OfferClaim.id)
        )


def _within(claim: OfferClaim, order: Bought) -> bool:
    return claim.sent_at is not None and claim.sent_at <= order.at <= claim.expires_at
