"""What offers have cost and brought: the orders that carried their codes, added up.

An order that was refunded or cancelled counts for nothing. One that carried codes of two offers
counts for both, for nobody can say which of them it was.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.events.tables import Order
from sekvens.offers.tables import Redemption

#: The state of an order that counts.
_COUNTS = "completed"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """What one offer has come to. Money is in the shop's currency."""

    orders: int = 0
    revenue: Decimal = Decimal(0)  #: of those in the shop's currency
    cost: Decimal = Decimal(0)  #: what the shop says it took off the price
    unpriced: int = 0  #: orders that do not say what was taken off


def earned(session: Session, *, currency: str) -> dict[str, Earned]:
    """Tell of each offer that was redeemed what its orders came to."""
    discount = Order.details["discount"].as_string()
    amounts = (discount, func.count(), func.sum(Order.amount))
    # Orders stand under the contact that theirs was merged into; one hop always finds it.
    whose = func.coalesce(Contact.merged_into, Contact.id)
    query = (
        select(Redemption.offer, *amounts)
        .join(Contact, Contact.id == Redemption.contact_id)
        .join(Order, (Order.contact_id == whose) & (Order.order_id == Redemption.order_id))
        .where(Order.state == _COUNTS, or_(Order.currency.is_(None), Order.currency == currency))
        .group_by(Redemption.offer, discount)
    )
    found: defaultdict[str, Earned] = defaultdict(Earned)
    for offer, taken_off, orders, hundredths in session.execute(query):
        each, before = _money(taken_off), found[offer]
        found[offer] = Earned(
            orders=before.orders + orders,
            revenue=before.revenue + Decimal(hundredths or 0) / 100,
            cost=before.cost + (each or Decimal(0)) * orders,
            unpriced=before.unpriced + (orders if each is None else 0),
        )
    return dict(found)


def _money(told: str | None) -> Decimal | None:
    try:
        amount = Decimal(told) if told else None
    except InvalidOperation:  # as it was posted, and no number
        return None
    return amount if amount is not None and amount.is_finite() else None
