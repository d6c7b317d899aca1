"""What contacts of a story may do: the sentences that a story is written in, and their events.

A sentence is a verb and a time: `buys on day 3`, `unsubscribes one minute before e-mail 4`. Which
order or cart an act is about is found out when it is done: the newest.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Final
from zoneinfo import available_timezones

from sekvens.send_time.dates import day_of_year
from sekvens.simulator.scenario import span
from sekvens.simulator.story import Act, When

#: Each verb with its sentence; `{}` stands for what it is about.
VERBS: Final = {
    "sign up": "signs up",
    "confirm": "confirms the sign-up",
    "subscribe at the checkout": "subscribes at the checkout",
    "subscribe": "subscribes",
    "unsubscribe": "unsubscribes",
    "look at the cart": "looks at the cart",
    "look": "looks at {}",
    "ask": "asks to be told of {}",
    "add": "puts {} into the cart",
    "empty": "empties the cart",
    "check out": "starts the checkout",
    "pay later": "chooses to pay later",
    "buy something": "buys",
    "buy": "buys {}",
    "ship": "the order ships",
    "pick up": "the order can be fetched",
    "delay": "the order is delayed",
    "arrive": "the order arrives",
    "cancel": "the order is cancelled",
    "refund": "the order is refunded",
    "return": "starts a return",
    "returned": "finishes the return",
    "complain": "complains",
    "settle": "the complaint is settled",
    "write": "writes back",
    "answered": "the reply is answered",
    "click": "clicks e-mail {}",
    "answer": "answers {}",
    "visit": "visits the shop",
    "need help": "asks for help with {}",
    "move": "moves to {}",
    "born": "tells the birthday {}",
    "fewer": "asks for fewer e-mails",
    "pause": "pauses for {} days",
    "leave out": "wants nothing about {}",
    "want": "wants to hear about {} again",
    "bounce": "bounces",
}
#: Which events of the newest order an act is; each carries its `order_id`.
_OF_ORDER: Final = {
    "ship": "Order Shipped",
    "pick up": "Order Ready for Pickup",
    "delay": "Order Delayed",
    "arrive": "Order Delivered",
    "cancel": "Order Cancelled",
    "refund": "Order Refunded",
    "return": "Return Started",
    "returned": "Return Completed",
}
_OF_CART: Final = {
    "look at the cart": "Cart Viewed",
    "empty": "Cart Emptied",
    "check out": "Checkout Started",
    "pay later": "Payment Pending",
}
_PLAIN: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "confirm": ("Email Subscribed", {"source": "form"}),
    "subscribe": ("Email Subscribed", {"source": "form"}),
    "subscribe at the checkout": ("Email Subscribed", {"source": "checkout"}),
    "unsubscribe": ("Unsubscribed", {}),
    "visit": ("page", {"name": "home"}),
    "fewer": ("Email Preferences Changed", {"fewer": True}),
    "bounce": ("Contact Suppressed", {"reason": "bounce"}),
}
#: What nobody named is this.
SOMETHING: Final = "a-product"
#: A click that names no time comes so long after its e-mail.
CLICKED_AFTER: Final = timedelta(minutes=30)
#: An act on a day that names no time of day is done at this one.
MIDDAY: Final = time(12)

_NUMBERS: Final = {
    word: number
    for number, words in enumerate(
        ["no", "one a an", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    )
    for word in words.split()
}
_COUNT = rf"(\d+|{'|'.join(_NUMBERS)})"
_SPAN = rf"{_COUNT} (minute|hour|day|week)s?"
#: How somebody may have meant to say when.
_TIMELY: Final = re.compile(r"(?:^| )(on|at|after|before|ago|in|within|every)(?: |$)")
_TIMES: Final = (
    "write “on day 3”, “on day 3 at 09:30”, “after 2d 3h”, “70 days ago” or “one minute before "
    "e-mail 4”"
)
_WHENS: Final = tuple(
    re.compile(rf"^(.*?) ?{pattern}$")
    for pattern in (
        r"on day (?P<day>\d+)(?: at (?P<at>\d\d:\d\d))?",
        r"after (?P<span>(?:\d+(?:\.\d+)?[dhm] ?)+)",
        rf"{_SPAN} (?P<side>before|after) e-mail (?P<email>\d+|[\w-]+/[\w-]+)",
        r"(?P<ago>\d+) days ago",
    )
)
_SENTENCES: Final = tuple(
    (verb, re.compile("^" + re.escape(said).replace(r"\{\}", "(.+)") + "$"))
    for verb, said in VERBS.items()
)


class NotUnderstood(ValueError):
    """A sentence of a story that says nothing that we know; the text says what to write."""


def read_act(sentence: str) -> Act:
    """Read one sentence of a story.

    Raises:
        NotUnderstood: it says nothing that a contact can do, or no time.
    """
    text = " ".join(sentence.split())
    said, when = _read_when(text)
    for verb, pattern in _SENTENCES:
        found = pattern.match(said)
        if found is None:
            continue
        about = found[1] if found.groups() else ""
        if verb == "click" and when is None:
            when = When(after=CLICKED_AFTER, email=_email(about))
        return Act(verb=verb, about=_about(verb, about), when=when or When(), text=text)
    begun = [known for known in VERBS.values() if said.startswith(f"{known} ")]
    rest = said.removeprefix(max(begun, key=len, default=said)).strip()
    if _TIMELY.search(rest):
        raise NotUnderstood(f"“{rest}” says when, but not so that we know: {_TIMES}")
    known = [said.replace("{}", "…") for said in VERBS.values()]
    near = difflib.get_close_matches(said, known, n=2, cutoff=0.4)
    hint = f"; did you mean “{'” or “'.join(near)}”?" if near else ""
    raise NotUnderstood(f"“{sentence}” is nothing that a contact does{hint}")


def _read_when(text: str) -> tuple[str, When | None]:
    for pattern in _WHENS:
        found = pattern.match(text)
        if found is not None:
            return found[1], _when(found)
    return text, None


def _when(found: re.Match[str]) -> When:
    given = found.groupdict()
    if given.get("day") is not None:
        days = timedelta(days=int(given["day"]))
        if not days and given["at"] is None:
            return When()
        return When(after=days, at=clock_of(given["at"]) if given["at"] else MIDDAY)
    if given.get("span"):
        return When(after=span(given["span"]))
    if given.get("ago"):
        return When(after=-timedelta(days=int(given["ago"])))
    count = int(found[2]) if found[2].isdigit() else _NUMBERS[found[2]]
    away = timedelta(**{f"{found[3]}s": count})
    return When(after=-away if given["side"] == "before" else away, email=_email(given["email"]))


def clock_of(text: str) -> time:
    """Read a time of day.

    Raises:
        NotUnderstood: it is none.
    """
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"“{text}” is no time of day: write it like 09:30") from None


def _email(text: str) -> int | str:
    if text.isdigit() and int(text):
        return int(text)
    if text.isdigit():
        raise NotUnderstood("e-mails are counted from 1: the first is e-mail 1")
    if "/" not in text:
        raise NotUnderstood(f"“{text}” is no e-mail: write its number, or its name (welcome/hello)")
    return text


def _about(verb: str, about: str) -> str:
    if verb == "move":
        return zone_called(about)
    if verb in ("look", "add", "buy") and about in ("a product", "something"):
        return SOMETHING
    if verb in ("look", "ask", "add", "buy", "need help") and _TIMELY.search(about):
        raise NotUnderstood(f"“{about}” says when, but not so that we know: {_TIMES}")
    if verb == "born" and day_of_year(about) is None:
        raise NotUnderstood(f"“{about}” is no birthday: write month and day, 03-20")
    if verb == "pause" and not about.isdigit():
        raise NotUnderstood(f"“pauses for {about} days” names no number of days")
    if verb == "answer" and " with " not in about:
        raise NotUnderstood(f"“answers {about}” lacks the answer: answers still-interested with no")
    return about


def zone_called(place: str) -> str:
    """Find the time zone of a place: an IANA name, or its last part (`New York`).

    Raises:
        NotUnderstood: no zone is called so.
    """
    wanted = place.replace(" ", "_").casefold()
    zones = sorted(available_timezones())
    for zone in zones:
        if zone.casefold() == wanted or zone.rpartition("/")[2].casefold() == wanted:
            return zone
    near = difflib.get_close_matches(place, [zone.rpartition("/")[2] for zone in zones], n=1)
    hint = f"; did you mean {near[0]}?" if near else ": write it like Europe/Stockholm"
    raise NotUnderstood(f"no time zone is called “{place}”{hint}")


@dataclass
class Belongings:
    """What a contact has with the shop: their carts and orders, counted."""

    carts: int = 1
    orders: list[str] = field(default_factory=list)
    in_cart: list[str] = field(default_factory=list)
    requests: int = 0

    def events_of(self, act: Act, *, whose: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Tell the events of an act, by name and properties; none, if it is about no order."""
        cart = f"{whose}-cart-{self.carts}"
        match act.verb:
            case verb if verb in _PLAIN:
                name, properties = _PLAIN[verb]
                yield name, dict(properties)
            case verb if verb in _OF_CART:
                if verb == "empty":
                    self.in_cart.clear()
                yield _OF_CART[verb], {"cart_id": cart}
            case verb if verb in _OF_ORDER:
                if self.orders:
                    yield _OF_ORDER[verb], {"order_id": self.orders[-1]}
            case "look" | "ask":
                name = "Product Viewed" if act.verb == "look" else "Back In Stock Requested"
                yield name, {"product_id": act.about}
            case "add":
                self.in_cart.append(act.about)
                yield "Product Added", {"cart_id": cart, "product_id": act.about, "quantity": 1}
            case "buy" | "buy something":
                yield self._order(act.about, whose, cart)
            case _:
                yield from self._said(act, whose)

    def _order(self, about: str, whose: str, cart: str) -> tuple[str, dict[str, Any]]:
        order_id = f"{whose}-order-{len(self.orders) + 1}"
        bought = [about] if about else self.in_cart or [SOMETHING]
        products = [{"product_id": product, "quantity": 1} for product in bought]
        self.orders.append(order_id)
        self.carts, self.in_cart = self.carts + 1, []
        return "Order Completed", {"order_id": order_id, "cart_id": cart, "products": products}

    def _said(self, act: Act, whose: str) -> Iterator[tuple[str, dict[str, Any]]]:
        match act.verb:
            case "sign up":
                self.requests += 1
                named = {"request_id": f"{whose}-request-{self.requests}"}
                yield "Email Confirmation Requested", named
            case "complain" | "settle":
                name = "Complaint Opened" if act.verb == "complain" else "Complaint Resolved"
                yield name, {"case_id": f"{whose}-complaint"}
            case "write" | "answered":
                name = "Email Replied" if act.verb == "write" else "Reply Answered"
                yield name, {"case_id": f"{whose}-reply"}
            case "answer":
                question, _, answer = act.about.partition(" with ")
                yield "Question Answered", {"question": question, "answer": answer}
            case "need help":
                yield "page", {"category": "support", "product_id": act.about}
            case "leave out" | "want":
                topics = {act.about: act.verb == "want"}
                yield "Email Preferences Changed", {"topics": topics}
            case "pause":
                yield "Email Preferences Changed", {"pause_days": int(act.about)}
