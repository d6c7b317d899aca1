"""Sample facts: a believable contact for each e-mail, for previews and for the lint of e-mails.

Each flow's contact has what somebody in that flow would have, as the catalogue says: the cart,
order or product that it is about, and the offer that the step makes. Without a flow they have
everything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from sekvens.errors import TemplateError
from sekvens.feeds.values import Answer
from sekvens.flows.catalogue import CATALOGUE
from sekvens.flows.steps import Purpose
from sekvens.flows.survey import sends
from sekvens.messages.facts import (
    CartFacts,
    DeliveryFacts,
    Facts,
    Line,
    OfferFacts,
    OrderFacts,
    ReferralFacts,
)
from sekvens.messages.questions import QUESTIONS
from sekvens.messages.sample_products import PICTURES_PATH, line_of, sample_products
from sekvens.next_best.reading import Wanted, reason_of
from sekvens.next_best.tables import Why
from sekvens.products.facts import DropFacts, ProductFacts
from sekvens.segments.levels import ladder
from sekvens.shop import Offer, Shop

__all__ = ["PICTURES_PATH", "SAMPLE_FIRST_NAMES", "sample_facts"]

SAMPLE_FIRST_NAMES = {"sv": "Astrid", "en": "Hannah"}

_NEVER_ORDERED: Final = (
    "welcome", "cart-abandonment", "checkout-abandonment", "browse-abandonment", "sunset",
    "winback/you-signed-up-once",
)  # fmt: skip
_ANYTHING: Final = "anything"
_NO_FEEDS: Final[Mapping[str, Answer]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class _Sent:
    """How a flow sends an e-mail."""

    purpose: Purpose = Purpose.MARKETING
    about: str | None = _ANYTHING  #: the property that tells the flow's entries apart
    offer: str | None = None


def sample_facts(
    shop: Shop,
    *,
    name: str,
    locale: str,
    now: datetime,
    public_url: str = "https://post.hallgrensylle.example",
    products: int = 3,
    offer: str | None = None,
    feeds: Mapping[str, Answer] = _NO_FEEDS,
) -> Facts:
    """Make up a contact of this locale who is due the e-mail `name` (`welcome/hello`).

    The offer is the step's own unless one is named; `products` is how many lie in the cart, or were
    ordered; `feeds` is what feeds tell (`sekvens.feeds.reading.samples`).
    """
    flow, _, step_id = name.partition("/")
    sent = _sent(name)
    is_marketing = sent.purpose is Purpose.MARKETING
    sold = sample_products(public_url=public_url)
    lines = tuple(line_of(sold[n % len(sold)], locale=locale) for n in range(products))
    bought = {} if {flow, name} & set(_NEVER_ORDERED) else _purchases(lines, name=name, now=now)
    is_about_order = sent.about in ("order_id", _ANYTHING)
    return Facts(
        flow=flow,
        step_id=step_id,
        purpose=sent.purpose,
        first_name=SAMPLE_FIRST_NAMES.get(locale, "Alex"),
        locale=locale,
        timezone=shop.timezone,
        cart=_cart(lines) if sent.about in ("cart_id", _ANYTHING) else None,
        offer=_offer(offer or sent.offer, shop, now=now),
        started_at=now - timedelta(days=4),
        now=now,
        unsubscribe_url=f"{public_url}/u/sample" if is_marketing else None,
        preferences_url=f"{public_url}/p/sample",
        view_url=f"{public_url}/v/sample",
        confirm_url=f"{public_url}/confirm/sample" if flow == "double-opt-in" else None,
        since=_since(shop, now=now),
        product=sold[0] if sent.about in ("product_id", _ANYTHING) else None,
        order=bought["last_order"] if bought and is_about_order else None,
        delivery=_delivery(now, step_id) if is_about_order else None,
        **bought,
        **_shelf(sold, lines, now=now),
        referral=_referral(shop) if bought else None,
        **_level(shop, bought.get("orders_count", 0)),
        traits={"where_cold": "hands"},
        feeds=dict(feeds),
        answer_urls={
            name: {
                answer.value: f"{public_url}/a/sample-{name}-{answer.value}"
                for answer in question.answers
            }
            for name, question in QUESTIONS.items()
        },
    )


def _since(shop: Shop, *, now: datetime) -> datetime:
    """Tell when they were here last: long ago, and before the shop's last two pieces of news."""
    days = sorted(item.on for item in shop.news if item.on < now.date())[-2:]
    ago = now - timedelta(days=120)
    return min([ago, *(datetime.combine(day, time(), tzinfo=now.tzinfo) for day in days)])


def in_season(shop: Shop, season: str | None, *, now: datetime) -> tuple[Shop, datetime]:
    """Tell the shop and an instant of this year in a season; without one, the shop has no seasons.

    So an e-mail looks the same on every day of the year, and a variant can be looked at on any.

    Raises:
        TemplateError: the settings know no such season.
    """
    if not season:
        return msgspec.structs.replace(shop, seasons=()), now
    for known in shop.seasons:
        if known.name == season:
            first = date.fromisoformat(f"2000-{known.start}")
            only = msgspec.structs.replace(shop, seasons=(known,))
            return only, now.replace(month=first.month, day=first.day)
    names = ", ".join(known.name for known in shop.seasons) or "none"
    raise TemplateError(f"the settings know no season {season!r}; they know {names}")


def _sent(name: str) -> _Sent:
    """Tell how the catalogue's flow sends an e-mail, or what it has for a step of no name."""
    own = next((flow for flow in CATALOGUE if flow.name == name.partition("/")[0]), None)
    for flow in CATALOGUE:
        for step in sends(flow):
            if flow.template_of(step) == name:
                about, purpose = (own or flow).entry_key, flow.purpose_of(step)
                return _Sent(purpose=purpose, about=about, offer=step.offer)
    return _Sent(purpose=own.purpose, about=own.entry_key) if own else _Sent()


def _shelf(sold: Sequence[ProductFacts], lines: Sequence[Line], *, now: datetime) -> dict[str, Any]:
    """Tell what there is to show beside what the contact has chosen."""
    chosen = {line.product_id for line in lines}
    others = tuple(product for product in sold if product.product_id not in chosen)
    opens_on = now + timedelta(days=6)
    drops = DropFacts(
        drop_id="drop-1",
        product_id=None,
        title={"sv": "Tröjan Ängersjön", "en": "Ängersjön jumper"},
        text={
            "sv": "Fyrtio stycken i gråsvart ull. Sedan är ullen slut.",
            "en": "Forty of them, in charcoal wool. Then the wool is gone.",
        },
        url="https://hallgrensylle.example/p/trojan-angersjon",
        image_url=None,
        opens_on=opens_on,
        early_access_on=opens_on - timedelta(days=2),
    )
    wanted = [
        Wanted(product=product, why=why, reason=reason_of(why, because_of=sold[0]))
        for product, why in zip(
            (sold[0], *others), (Why.AGAIN, Why.GOES_WITH, Why.POPULAR), strict=False
        )
    ]
    return {
        "next_best": tuple(wanted),
        "related": others[:3],
        "bestsellers": others[1:4],
        "new_products": others[4:6],
        "drops": (drops,),
    }


def _cart(lines: tuple[Line, ...]) -> CartFacts | None:
    return CartFacts(cart_id="cart-2041", currency=None, lines=lines) if lines else None


def _purchases(lines: tuple[Line, ...], *, name: str, now: datetime) -> dict[str, Any]:
    """Tell what the contact bought; in winback it is long ago."""
    total = sum((line.price or Decimal(0) for line in lines), Decimal(59))
    flow = name.partition("/")[0]
    days_ago = {"winback": 130, "birthday": 200, "order-updates": 1}.get(flow, 21)
    order = OrderFacts(
        order_id="10482",
        lines=lines,
        currency="SEK",
        total=total,
        vat=total / 5,  # of which VAT at 25 per cent
        shipping=Decimal(59),
        discount=None,
        payment="Klarna",
        is_paid=True,
        refunded=lines[0].price if lines and name.endswith("-refunded") else None,
        state="completed",
        placed_at=now - timedelta(days=days_ago),
    )
    return {
        "orders_count": 1 if flow == "post-purchase-first" else 3,
        "last_order": order,
        "owned": tuple(line.product for line in lines if line.product),
        "times_used": None,
    }


def _delivery(now: datetime, step_id: str) -> DeliveryFacts:
    today = now.date()
    is_delayed = step_id == "order-delayed"
    is_waiting = step_id == "ready-for-pickup"
    return DeliveryFacts(
        carrier="Postnord",
        tracking_url="https://postnord.example/spara/00373500489530470000",
        expected_on=None if is_waiting else today + timedelta(days=2),
        pickup_place="Coop Delsbo" if is_waiting else None,
        pickup_until=today + timedelta(days=10) if is_waiting else None,
        delayed_until=today + timedelta(days=5) if is_delayed else None,
        delay_reason="Snö på riksväg 84" if is_delayed else None,
    )


def _offer(name: str | None, shop: Shop, *, now: datetime) -> OfferFacts | None:
    if name is None:
        return None
    terms = shop.offers.get(name) or Offer(days=14, percent=10, code="SAMPLE-CODE")
    has_code = bool(terms.code or terms.pattern or terms.pool)
    return OfferFacts(
        terms=terms,
        code=(terms.code or "DORIS-7K2MPX") if has_code else None,
        last_day=(now + timedelta(days=terms.days - 4)).date(),
    )


def _level(shop: Shop, orders: int) -> dict[str, Any]:
    """Tell the level that so many orders reach, whatever else it takes."""
    reached = [level for level in ladder(shop.levels) if level.orders_min <= orders]
    if not orders or not reached:
        return {}
    return {"level": reached[-1].key, "level_is_new": reached[-1].orders_min == orders}


def _referral(shop: Shop) -> ReferralFacts:
    named = shop.referral
    friend, you = (
        (shop.offers.get(named.friend), shop.offers.get(named.referrer)) if named else (None, None)
    )
    made_up = Offer(days=60, percent=15)
    return ReferralFacts(code="VAN-H4RD7Q", friend=friend or made_up, you=you or made_up)
