"""Those who hear of the shop in the days of the story, up to their first order and beyond."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sekvens.demo.calls import HOUR, Call
from sekvens.demo.cast import Buyer
from sekvens.demo.life import Life
from sekvens.demo.products import Product

#: Every so many-th newcomer does not ask for e-mails when they sign up; half of these tick the box
#: when they pay …
SILENT_EVERY = 9
#: … signs up long before the first order, so that they hear the whole welcome …
EARLY_EVERY = 4
#: … and comes back to one product, again and again …
LOOKS_EVERY = 8
#: … leaves a checkout …
CHECKOUT_EVERY = 6
#: … tells us their birthday …
BIRTHDAY_EVERY = 5
#: … clicks in the first e-mail …
CLICKS_EVERY = 3
#: … is asked whether the address is theirs, and confirms it …
CONFIRMS_EVERY = 7
#: … when the e-mail has had time to come (days) …
CONFIRMS_AFTER = 0.5
#: … or has enough of the e-mails after a few days.
UNSUBSCRIBES_EVERY = 13
#: What those who are asked how it was say by turns, so many days after their first order.
SAY = ("10", "9", "", "7", "10", "3", "", "8")
SAY_AFTER = 8


class Newcomer(Life):
    """A newcomer's part."""

    def __init__(self, buyer: Buyer, products: Sequence[Product], *, opens_at: datetime) -> None:
        super().__init__(buyer, products, opens_at=opens_at)
        self._signs_up = self._sign_up_day()
        self._is_silent = self._is_every(SILENT_EVERY)
        self._is_looking = buyer.number % LOOKS_EVERY == EARLY_EVERY - 1

    def calls(self) -> list[Call]:
        """Tell all that they do."""
        calls = self._sign_up() + self._abandoned_carts()
        if self._is_looking:
            calls += self._looks()
        if self._is_every(UNSUBSCRIBES_EVERY):
            calls.append(self.voice.track(self._signs_up + 2.6, "Unsubscribed", {}))
        days = self.buyer.days
        said = SAY[self.buyer.number % len(SAY)]
        if said:
            calls.append(
                self.answer(days[0] + SAY_AFTER, "post-purchase-first", "how-was-it", said)
            )
        for nth, (purchase, day) in enumerate(zip(self.buyer.purchases, days, strict=True)):
            calls += self.order(
                purchase,
                day,
                nth=nth,
                not_before=self._signs_up + HOUR if nth == 0 else 0.0,
                agrees=nth == 0 and self._is_silent and self.buyer.number % 2 == 0,
            )
        return calls

    def _is_every(self, count: int) -> bool:
        return self.buyer.number % count == count - 1

    def _sign_up_day(self) -> float:
        number = self.buyer.number
        if number == 0:
            return 0.0
        lead = (16, 18) if self._is_every(EARLY_EVERY) else (0.6, 6)
        return max(number * HOUR, self.buyer.days[0] - self.random.uniform(*lead))

    def _agree(self, asked: dict[str, Any]) -> list[Call]:
        if not self._is_every(CONFIRMS_EVERY):
            return [self.voice.track(self._signs_up, "Email Subscribed", asked)]
        request = {**asked, "request_id": f"request-{self.buyer.number}"}
        return [
            self.voice.track(self._signs_up, "Email Confirmation Requested", request),
            self.voice.track(self._signs_up + CONFIRMS_AFTER, "Email Subscribed", asked),
        ]

    def _sign_up(self) -> list[Call]:
        """Look around as a visitor, become known, and ask for the e-mails."""
        visitor = f"visitor-{self.buyer.number}"
        looked_at = self.choose(1)[0]
        has_birthday = self._is_every(BIRTHDAY_EVERY)
        birthday = self._signs_up + 4 if has_birthday else None
        visit = Call(
            day=max(0.0, self._signs_up - HOUR),
            type="track",
            event="Product Viewed",
            anonymous_id=visitor,
            data=looked_at.properties(self.voice.language),
        )
        known = Call(
            day=self._signs_up,
            type="identify",
            user_id=self.buyer.user_id,
            anonymous_id=visitor,
            data=self.traits(birthday=birthday),
        )
        if self._is_silent:
            return [visit, known]
        asked = {"source": "footer form", "locale": self.buyer.person.locale}
        calls = [visit, known, *self._agree(asked)]
        if self._is_every(CLICKS_EVERY):
            agrees = calls[-1].day
            calls.append(self.voice.track(agrees, "Tracking Allowed", asked))
            calls.append(self.click(agrees + 0.4, "welcome", "hello"))
        return calls

    def _looks(self) -> list[Call]:
        """Come back to one product three times, and after the first e-mails once or twice more."""
        product = self.choose(1)[0]
        return [self.look(self._signs_up + after, product) for after in (1.2, 1.7, 2.3, 4.6, 6.2)]

    def _abandoned_carts(self) -> list[Call]:
        """Fill a cart now and then, and never come back to it; or leave at the checkout."""
        number, first = self.buyer.number, self.buyer.days[0]
        name = f"cart-{self.buyer.purchases[0].customer_id}-left"
        if number % CHECKOUT_EVERY == 2:
            day = self._signs_up + 0.4 if number % 4 == 2 else first + 9.4
            return self.leave_checkout(day, f"{name}-at-checkout")
        calls: list[Call] = []
        starts = [self._signs_up + self.random.uniform(0.1, 2)] if number % 2 else []
        # Some of those who came to buy look in again some weeks later.
        starts += [first + self.random.uniform(12, 20)] if number % 4 < 2 else []
        for index, day in enumerate(starts[1:] if self._is_looking else starts):
            calls += self.fill_cart(day, f"{name}-{index}", self.choose(self.random.randint(1, 2)))
            if self.random.random() < 0.3:
                looked = {"cart_id": f"{name}-{index}"}
                calls.append(
                    self.voice.track(day + self.random.uniform(1, 3), "Cart Viewed", looked)
                )
        return calls
