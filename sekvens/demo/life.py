"""What everybody in the story does: look, fill a cart, go to the checkout, order."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sekvens.demo.calls import HOUR, Call, Voice
from sekvens.demo.cast import Buyer
from sekvens.demo.orders import cart_id, order_id, order_properties
from sekvens.demo.parcels import Placed, follow
from sekvens.demo.products import Product
from sekvens.demo.purchases import Purchase

#: One order in so many waits for its payment first.
PENDING_EVERY = 10


class Life:
    """One buyer's part in the story, the same each time."""

    def __init__(self, buyer: Buyer, products: Sequence[Product], *, opens_at: datetime) -> None:
        self.buyer = buyer
        self.opens_at = opens_at  #: shop time at day 0
        self.voice = Voice(user_id=buyer.user_id, language=buyer.person.locale[:2])
        self.products = products
        # Not for secrets: the story must be the same each time.
        self.random = random.Random(buyer.user_id)  # noqa: S311

    def traits(self, *, birthday: float | None = None) -> dict[str, Any]:
        """Write what the shop knows about them; `birthday` is a day of the story."""
        person = self.buyer.person
        known = {
            "email": person.email,
            "firstName": person.first_name,
            "lastName": person.last_name,
            "locale": person.locale,
            "timezone": person.timezone,
            "address": {"country": person.country},
        }
        if birthday is None:
            return known
        on = (self.opens_at + timedelta(days=birthday)).date()
        return known | {"birthday": f"{1950 + self.buyer.number % 40}-{on:%m-%d}"}

    def identify(self, day: float, *, birthday: float | None = None) -> Call:
        """Tell who they are."""
        return Call(
            day=day,
            type="identify",
            user_id=self.buyer.user_id,
            data=self.traits(birthday=birthday),
        )

    def click(self, day: float, flow: str, step: str) -> Call:
        """Click in an e-mail."""
        return self.voice.click(day, self.buyer.person.email, flow, step)

    def answer(self, day: float, flow: str, step: str, answer: str) -> Call:
        """Answer the question of an e-mail."""
        return self.voice.answer(day, self.buyer.person.email, flow, step, answer=answer)

    def choose(self, count: int) -> list[Product]:
        """Choose so many products."""
        return self.random.sample(list(self.products), k=max(1, count))

    def look(self, day: float, product: Product) -> Call:
        """Look at a product."""
        return self.voice.track(day, "Product Viewed", product.properties(self.voice.language))

    def fill_cart(self, day: float, cart: str, chosen: Sequence[Product]) -> list[Call]:
        """Come to the shop, look at each product and put it into the cart."""
        page = {"url": chosen[0].url, "title": chosen[0].name_in(self.voice.language)}
        calls = [self.voice.page(day - 0.02, page)]
        for index, product in enumerate(chosen):
            put = {**product.properties(self.voice.language), "cart_id": cart, "quantity": 1}
            calls.append(self.look(day - 0.01 + index * 0.004, product))
            calls.append(self.voice.track(day + index * 0.004, "Product Added", put))
        return calls

    def leave_checkout(self, day: float, cart: str) -> list[Call]:
        """Fill a cart, begin to pay, and go away."""
        chosen = self.choose(self.random.randint(1, 2))
        lines = [{**product.properties(self.voice.language), "quantity": 1} for product in chosen]
        checkout = {"cart_id": cart, "checkout_id": f"checkout-{cart}", "products": lines}
        begun = self.voice.track(day + HOUR, "Checkout Started", checkout | {"currency": "SEK"})
        return [*self.fill_cart(day, cart, chosen), begun]

    def past_order(self, purchase: Purchase, day: int) -> list[Call]:
        """Have ordered, long ago."""
        chosen = self.choose(min(purchase.quantity, 2))
        order = order_properties(purchase, chosen, language=self.voice.language)
        about = {"order_id": order["order_id"]}
        return [
            self.voice.track(day + 0.5, "Order Completed", order),
            self.voice.track(day + 3.5, "Order Delivered", about),
        ]

    def order(
        self,
        purchase: Purchase,
        day: int,
        *,
        nth: int,
        not_before: float = 0.0,
        agrees: bool = False,
    ) -> list[Call]:
        """Order what the data set says, from a cart that was filled hours or days before.

        `nth` counts the buyer's orders from 0; `agrees`: they tick the box for e-mails.
        """
        at = day + self.random.uniform(0.4, 0.9)
        at_once = self.random.random() < 0.55
        thought_for = self.random.uniform(1, 3) * HOUR if at_once else self.random.uniform(0.4, 3)
        filled = max(at - thought_for, not_before)
        chosen = self.choose(min(purchase.quantity, 3))
        order = order_properties(purchase, chosen, language=self.voice.language)
        number = self.buyer.number + 7 * nth
        calls = self.fill_cart(filled, cart_id(purchase), chosen)
        calls += self._checkout(at, filled, order, is_pending=number % PENDING_EVERY == 4)
        if agrees:
            asked = {"source": "checkout", "locale": self.buyer.person.locale}
            calls.append(self.voice.track(at - 0.003, "Email Subscribed", asked))
        placed = Placed(
            number=number,
            order_id=order_id(purchase),
            day=at,
            products=chosen,
            paid={"total": order["total"], "currency": order["currency"]},
        )
        return [
            *calls,
            self.voice.track(at, "Order Completed", order),
            *follow(self.voice, placed, opens_at=self.opens_at),
        ]

    def _checkout(
        self, at: float, filled: float, order: dict[str, Any], *, is_pending: bool
    ) -> list[Call]:
        if is_pending:  # the money is on its way for some hours
            begun = max(at - 0.3, filled + 0.01)
            pending = {"order_id": order["order_id"], "cart_id": order["cart_id"]}
            return [
                self.voice.track(begun, "Checkout Started", order),
                self.voice.track(begun + 0.01, "Payment Pending", pending | {"method": "invoice"}),
            ]
        if self.random.random() < 0.5:
            return [self.voice.track(at - 0.01, "Checkout Started", order)]
        return []  # the others pay in one step, and the shop sees no checkout
