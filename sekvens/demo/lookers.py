"""Those who sign up, fill a cart and never buy: of them an experiment of the cart's is made.

All of it is invented: a data set of purchases says nothing of people who did not buy.
"""

from sekvens.demo.calls import Call
from sekvens.demo.life import Life
from sekvens.demo.shelf import ASKED_ON, CHEAPER, SCARCE

#: They come by turns, so many days apart, from the first day on.
DAYS_APART = 0.35
#: The first few ask to be told when what has sold out is back, and some look at what costs less
#: later, though their carts are long forgotten by then.
ASK_FIRST = 2
LOOK_AT_CHEAPER = (0, 1, 2)
#: Every so many-th clicks in the reminder of the cart …
CLICKS_EVERY = 3
#: … and every so many-th looks at the cart again, and is not in the experiment.
LOOKS_AGAIN_EVERY = 7


class Looker(Life):
    """The part of somebody who looks."""

    def calls(self, nth: int) -> list[Call]:
        """Tell all that they do; `nth` counts them."""
        comes = 0.05 + nth * DAYS_APART
        cart = f"cart-{self.buyer.number}-looked-at"
        asked = {"source": "footer form", "locale": self.buyer.person.locale}
        calls = [
            self.identify(comes),
            self.voice.track(comes + 0.01, "Email Subscribed", asked),
            self.voice.track(comes + 0.01, "Tracking Allowed", asked),
            *self.fill_cart(comes + 0.1, cart, self.choose(self.random.randint(1, 2))),
        ]
        if nth < ASK_FIRST:
            asked_for = {"product_id": SCARCE}
            calls.append(self.voice.track(ASKED_ON, "Back In Stock Requested", asked_for))
        if nth in LOOK_AT_CHEAPER:
            cheaper = next(each for each in self.products if each.product_id == CHEAPER)
            calls.append(self.look(comes + 0.02, cheaper))
        if nth % CLICKS_EVERY == 0:
            calls.append(self.click(comes + 0.5, "cart-abandonment", "your-cart-misses-you"))
        if nth % LOOKS_AGAIN_EVERY == LOOKS_AGAIN_EVERY - 1:
            calls.append(self.voice.track(comes + 3.2, "Cart Viewed", {"cart_id": cart}))
        return calls
