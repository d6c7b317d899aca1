"""What happens in the demo's shop, as a list of calls to Segment's API, each at its own day.

The orders, their days and their dollars are real; names, sign-ups, browsing, carts, parcels and
which of the sample shop's products somebody chose are invented around them. The same purchases
always give the same story.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sekvens.demo.calls import Call
from sekvens.demo.cast import Buyer, Role
from sekvens.demo.lookers import Looker
from sekvens.demo.newcomers import Newcomer
from sekvens.demo.past import Past
from sekvens.demo.products import Product


def tell(cast: Sequence[Buyer], products: Sequence[Product], *, opens_at: datetime) -> list[Call]:
    """Tell the whole story in the order of its days: the past, then day 0, with a sign-up.

    `opens_at` is the shop's time on day 0, from which dates (birthdays, deliveries) are counted.
    """
    calls: list[Call] = []
    seen = Counter[Role]()
    for buyer in cast:
        if buyer.role is Role.NEWCOMER:
            calls += Newcomer(buyer, products, opens_at=opens_at).calls()
        elif buyer.role is Role.LOOKER:
            calls += Looker(buyer, products, opens_at=opens_at).calls(seen[buyer.role])
        else:
            calls += Past(buyer, products, opens_at=opens_at).calls(seen[buyer.role])
        seen[buyer.role] += 1
    return sorted(calls, key=lambda call: (call.due, call.day))
