"""What becomes of an order: its parcel, and now and then a delay, a return or a complaint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sekvens.demo.calls import Call, Voice
from sekvens.demo.products import Product

#: Name, and where a parcel can be followed; the domain is reserved, so that no link leads anywhere.
CARRIERS = (
    ("Postnord", "https://sparning.postnord.example/{}"),
    ("Instabox", "https://sparning.instabox.example/{}"),
)
PICKUP_PLACE = {"sv": "Instabox, Ica Nära vid torget", "en": "Instabox, Ica Nära by the square"}
DELAY_REASON = {
    "sv": "Garnet till muddarna kom en dag för sent från spinneriet.",
    "en": "The yarn for the cuffs came a day late from the mill.",
}
REVIEWS: dict[str, tuple[tuple[int, str], ...]] = {
    "sv": (
        (5, "Varm, och luktar får på ett bra sätt. Barnbarnet har redan lagt beslag på den."),
        (4, "Lite större än jag trodde, men det är jag också. Fint gjort."),
        (5, "Kom snabbt och såg ut som på bilden. Det är mer än man är van vid."),
        (3, "Bra ylle. Färgen var brunare än på min skärm."),
    ),
    "en": (
        (5, "Warm, and smells of sheep in a good way. A grandchild has claimed it already."),
        (4, "A little larger than I thought, but then so am I. Nicely made."),
        (5, "It came quickly and looked like the picture, which is more than one is used to."),
        (3, "Good wool. The colour was browner than on my screen."),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Placed:
    """An order that somebody has placed."""

    number: int  #: decides what becomes of it
    order_id: str
    day: float
    products: Sequence[Product]
    paid: Mapping[str, Any]  #: the total and its currency

    @property
    def about(self) -> dict[str, Any]:
        """Which order it is."""
        return {"order_id": self.order_id}


def follow(voice: Voice, order: Placed, *, opens_at: datetime) -> list[Call]:
    """Tell what comes after an order; about as often as it does in a shop that is well run.

    One order in twelve is late, one in four is picked up, one in fifteen comes back, one in
    eighteen is to come back and never leaves, one in twenty gives cause for complaint, one in
    thirty is cancelled at once.
    """
    if order.number % 30 == 29:
        return [voice.track(order.day + 0.2, "Order Cancelled", order.about)]
    is_late = order.number % 12 == 3
    shipped = order.day + (2.9 if is_late else 0.8)
    delivered = shipped + 1.2 + 0.6 * (order.number % 3)
    calls = _delay(voice, order, shipped, opens_at) if is_late else []
    calls += _parcel(voice, order, shipped, delivered, opens_at)
    calls += _return(voice, order, delivered)
    if order.number % 20 == 11:
        case = order.about | {"case_id": f"case-{order.order_id}"}
        calls += [
            voice.track(delivered + 1.4, "Complaint Opened", case),
            voice.track(delivered + 3.2, "Complaint Resolved", case),
        ]
    if order.number % 4 == 0:
        calls.append(_review(voice, order, delivered + 9.3))
    return calls + _visits(voice, order, delivered)


def _delay(voice: Voice, order: Placed, shipped: float, opens_at: datetime) -> list[Call]:
    late = {
        "delayed_until": _date(opens_at, shipped + 2),
        "reason": DELAY_REASON[voice.language],
    }
    return [voice.track(order.day + 0.9, "Order Delayed", order.about | late)]


def _parcel(
    voice: Voice, order: Placed, shipped: float, delivered: float, opens_at: datetime
) -> list[Call]:
    is_picked_up = order.number % 4 == 2
    carrier, tracking = CARRIERS[is_picked_up]
    parcel = {
        "carrier": carrier,
        "tracking_url": tracking.format(f"HY{order.number:03}{int(order.day) + 400:04}SE"),
        "expected_on": _date(opens_at, delivered),
    }
    calls = [voice.track(shipped, "Order Shipped", order.about | parcel)]
    if is_picked_up:
        place = {
            "pickup_place": PICKUP_PLACE[voice.language],
            "pickup_until": _date(opens_at, delivered + 6),
        }
        calls.append(voice.track(delivered - 0.6, "Order Ready for Pickup", order.about | place))
    return [*calls, voice.track(delivered, "Order Delivered", order.about)]


def _return(voice: Voice, order: Placed, delivered: float) -> list[Call]:
    """Send something back, or mean to and never do it."""
    back = order.about | {"products": [{"product_id": order.products[0].product_id}]}
    begun = voice.track(delivered + 1.1, "Return Started", back)
    if order.number % 18 == 5:
        return [begun]
    if order.number % 15 != 7:
        return []
    return [
        begun,
        voice.track(delivered + 3.0, "Return Completed", order.about),
        voice.track(delivered + 3.6, "Order Refunded", back | dict(order.paid)),
    ]


def _review(voice: Voice, order: Placed, day: float) -> Call:
    rating, text = REVIEWS[voice.language][order.number // 4 % len(REVIEWS[voice.language])]
    review = {
        "product_id": order.products[0].product_id,
        "review_id": f"review-{order.order_id}",
        "rating": rating,
        "review_body": text,
    }
    return voice.track(day, "Product Reviewed", review)


def _visits(voice: Voice, order: Placed, delivered: float) -> list[Call]:
    """Come back to what they own: its warranty, its support page, or what was written of it."""
    if order.number % 6 != 1:
        return []
    category = ("warranty", "support", "press")[order.number // 6 % 3]
    product = order.products[0]
    page = {
        "category": category,
        "product_id": product.product_id,
        "url": f"{product.url}/{category}",
        "title": product.name_in(voice.language),
    }
    return [voice.page(delivered + 4.3, page)]


def _date(opens_at: datetime, day: float) -> str:
    return (opens_at + timedelta(days=day)).date().isoformat()
