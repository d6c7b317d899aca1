"""What happens in the demo's shop, as a list of calls to Segment's API, each at its own day.

The orders, their days and their dollars are real; names, sign-ups, browsing, carts and which of
the sample shop's products somebody chose are invented around them. The same purchases always give
the same story.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sekvens.demo.people import Person, invent_people
from sekvens.demo.products import Product
from sekvens.demo.purchases import Purchase

#: Day 0 of the story; the data set's purchases begin on the first of January.
STARTS_ON = date(1996, 12, 28)
#: The first purchases of the cast lie on these many days, two customers a day.
FIRST_PURCHASE_DAYS = 25
#: Every so many-th customer never asks for e-mails …
SILENT_EVERY = 9
#: … signs up long before the first order, so that they hear the whole welcome …
EARLY_EVERY = 4
#: … or has enough of the e-mails after a few days.
UNSUBSCRIBES_EVERY = 13
HOUR = 1 / 24


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a shop's backend: `data` are the traits of an identify, else the properties."""

    day: float  #: days of shop time since the story began
    type: Literal["identify", "track", "page"]
    data: Mapping[str, Any]
    event: str | None = None
    user_id: str | None = None
    anonymous_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Customer:
    """One of the cast: an invented person with somebody's real purchases."""

    number: int
    person: Person
    purchases: tuple[Purchase, ...]

    @property
    def user_id(self) -> str:
        """What the shop calls them."""
        return f"customer-{self.purchases[0].customer_id}"


def choose_cast(purchases: Sequence[Purchase]) -> list[Customer]:
    """Choose fifty customers who bought early: each day one who returned, and one who did not."""
    by_customer: dict[str, list[Purchase]] = defaultdict(list)
    for purchase in purchases:
        if purchase.dollars > 0:  # a few lines of the data set are gifts
            by_customer[purchase.customer_id].append(purchase)
    first_of_kind: dict[tuple[date, bool], list[Purchase]] = {}
    for bought in by_customer.values():
        first_of_kind.setdefault((bought[0].day, len(bought) > 1), bought)
    days = sorted({day for day, _ in first_of_kind})[:FIRST_PURCHASE_DAYS]
    kinds = [(day, returned) for day in days for returned in (True, False)]
    chosen = [first_of_kind[kind] for kind in kinds if kind in first_of_kind]
    return [
        Customer(number=number, person=person, purchases=tuple(bought))
        for number, (person, bought) in enumerate(zip(invent_people(), chosen, strict=False))
    ]


def tell(cast: Sequence[Customer], products: Sequence[Product]) -> list[Call]:
    """Tell the whole story, in the order of its days; it begins at day 0 with a sign-up."""
    calls = [call for customer in cast for call in _Life(customer, products).calls()]
    return sorted(calls, key=lambda call: call.day)


class _Life:
    """Writes one customer's calls; what is invented comes from a generator seeded by their id."""

    def __init__(self, customer: Customer, products: Sequence[Product]) -> None:
        self._customer = customer
        self._products = products
        self._locale = customer.person.locale[:2]
        # Not for secrets: the story must be the same each time.
        self._random = random.Random(customer.user_id)  # noqa: S311
        self._days = [(purchase.day - STARTS_ON).days for purchase in customer.purchases]
        self._signs_up = self._sign_up_day()

    def calls(self) -> list[Call]:
        calls = self._sign_up()
        if self._customer.number % UNSUBSCRIBES_EVERY == UNSUBSCRIBES_EVERY - 1:
            calls.append(self._track(self._signs_up + 2.6, "Unsubscribed", {}))
        for number, purchase in enumerate(self._customer.purchases):
            calls.extend(self._order(purchase, number))
        return calls + self._abandoned_carts()

    def _sign_up_day(self) -> float:
        number = self._customer.number
        if number == 0:
            return 0.0
        lead = (14, 17) if number % EARLY_EVERY == EARLY_EVERY - 1 else (0.6, 6)
        return max(number * HOUR, self._days[0] - self._random.uniform(*lead))

    def _sign_up(self) -> list[Call]:
        """Look around as a visitor, become known, and ask for the e-mails."""
        person, visitor = self._customer.person, f"visitor-{self._customer.number}"
        looked_at = self._random.choice(self._products)
        traits = {
            "email": person.email,
            "firstName": person.first_name,
            "lastName": person.last_name,
            "locale": person.locale,
            "timezone": person.timezone,
            "address": {"country": person.country},
        }
        visit = Call(
            day=max(0.0, self._signs_up - HOUR),
            type="track",
            event="Product Viewed",
            anonymous_id=visitor,
            data=looked_at.properties(self._locale),
        )
        known = Call(
            day=self._signs_up,
            type="identify",
            user_id=self._customer.user_id,
            anonymous_id=visitor,
            data=traits,
        )
        if self._customer.number % SILENT_EVERY == SILENT_EVERY - 1:
            return [visit, known]
        asked = {"source": "footer form", "locale": person.locale}
        return [visit, known, self._track(self._signs_up, "Email Subscribed", asked)]

    def _order(self, purchase: Purchase, number: int) -> list[Call]:
        """Order what the data set says, from a cart that was filled hours or days before."""
        order_id = f"order-{purchase.customer_id}-{purchase.day:%Y%m%d}"
        day = (purchase.day - STARTS_ON).days + self._random.uniform(0.4, 0.9)
        at_once = self._random.random() < 0.55
        thought_for = self._random.uniform(1, 3) * HOUR if at_once else self._random.uniform(0.4, 3)
        filled = max(day - thought_for, self._signs_up + HOUR if number == 0 else 0)
        chosen = self._choose(min(purchase.quantity, 3))
        cart_id = f"cart-{purchase.customer_id}-{purchase.day:%Y%m%d}"
        order = {
            "order_id": order_id,
            "cart_id": cart_id,
            "total": float(purchase.dollars),
            "currency": "USD",
            # No prices: the total is somebody's real one, and belongs to other goods.
            "products": [
                {"product_id": p.product_id, "name": p.name_in(self._locale), "quantity": 1}
                for p in chosen
            ],
        }
        calls = self._fill_cart(filled, cart_id, chosen)
        if self._random.random() < 0.5:  # the others pay in one step, and the shop sees no checkout
            calls.append(self._track(day - 0.01, "Checkout Started", order))
        return [*calls, self._track(day, "Order Completed", order)]

    def _abandoned_carts(self) -> list[Call]:
        """Fill a cart now and then, and never come back to it."""
        calls: list[Call] = []
        starts = (
            [self._signs_up + self._random.uniform(0.1, 2)] if self._customer.number % 2 else []
        )
        # Some of those who came to buy look in again some weeks later.
        starts += [day + self._random.uniform(12, 20) for day in self._days[:1]]
        for index, day in enumerate(starts):
            cart_id = f"cart-{self._customer.purchases[0].customer_id}-left-{index}"
            calls += self._fill_cart(day, cart_id, self._choose(self._random.randint(1, 2)))
            if self._random.random() < 0.3:
                looked = {"cart_id": cart_id}
                calls.append(self._track(day + self._random.uniform(1, 3), "Cart Viewed", looked))
        return calls

    def _choose(self, count: int) -> list[Product]:
        return self._random.sample(list(self._products), k=max(1, count))

    def _fill_cart(self, day: float, cart_id: str, chosen: Sequence[Product]) -> list[Call]:
        page = {"url": chosen[0].url, "title": chosen[0].name_in(self._locale)}
        user_id = self._customer.user_id
        calls = [Call(day=day - 0.02, type="page", user_id=user_id, data=page)]
        for index, product in enumerate(chosen):
            seen = product.properties(self._locale)
            put = {**seen, "cart_id": cart_id, "quantity": 1}
            calls.append(self._track(day - 0.01 + index * 0.004, "Product Viewed", seen))
            calls.append(self._track(day + index * 0.004, "Product Added", put))
        return calls

    def _track(self, day: float, event: str, properties: Mapping[str, Any]) -> Call:
        return Call(
            day=day,
            type="track",
            event=event,
            user_id=self._customer.user_id,
            data=properties,
        )
