"""The variables that an e-mail's source may use, written out for one reader.

This is the whole vocabulary of whoever writes e-mails. All values are plain and frozen.
What is missing for this contact is None or empty; what the whole step lacks (a cart, an offer) is
undefined, so that using it is an error with a remedy instead of a hole in a letter.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from jinja2 import StrictUndefined

from sekvens.answers.traits import told
from sekvens.messages import views_of_shop as of_shop
from sekvens.messages.facts import Facts, OfferFacts, ReferralFacts
from sekvens.messages.reader import Reader
from sekvens.messages.views import (
    DropView,
    LinksView,
    OfferView,
    ProductView,
    ReferralView,
    TraitsView,
)
from sekvens.messages.views_of_orders import (
    cart_view,
    delivery_view,
    last_order_view,
    order_view,
    product_view,
    product_views,
)
from sekvens.next_best.reading import Wanted
from sekvens.next_best.tables import Why
from sekvens.products.facts import DropFacts
from sekvens.shop import Offer

Words = Mapping[str, Any]


def variables(facts: Facts, *, reader: Reader, words: Words) -> dict[str, Any]:
    """Write the facts out for a reader, in the layout's words where it has any."""
    return {
        **_of_contact(facts, reader, words),
        **_of_purchases(facts, reader, words),
        **_of_shop(facts, reader, words),
    }


def _of_contact(facts: Facts, reader: Reader, words: Words) -> dict[str, Any]:
    return {
        "first_name": facts.first_name,
        "has_ordered": facts.has_ordered,
        "orders_count": facts.orders_count,
        "offer": offer_view(facts.offer, reader, words) if facts.offer else _no_offer(facts),
        "referral": _referral(facts.referral, reader, words) if facts.referral else None,
        "level": of_shop.level_view(facts, reader),
        "times_used": facts.times_used,
        "traits": TraitsView(**told(facts.traits)),
        "days_since_start": (facts.now - facts.started_at).days,
        "links": LinksView(
            unsubscribe=facts.unsubscribe_url,
            preferences=facts.preferences_url,
            confirm=facts.confirm_url,
        ),
    }


def _of_purchases(facts: Facts, reader: Reader, words: Words) -> dict[str, Any]:
    more = words["names_more"]
    return {
        "cart": cart_view(facts.cart, reader) if facts.cart else _no_cart(facts),
        "product": product_view(facts.product, reader) if facts.product else None,
        "order": order_view(facts.order, reader, more) if facts.order else None,
        "last_order": last_order_view(facts.last_order, reader, more) if facts.last_order else None,
        "delivery": delivery_view(facts.delivery, reader) if facts.delivery else None,
        "owned": product_views(facts.owned, reader),
        "related": product_views(facts.related, reader),
        "bestsellers": product_views(facts.bestsellers, reader),
        "new_products": product_views(facts.new_products, reader),
        "next_best": _wanted(facts.next_best, reader),
        "needed_again": _wanted((w for w in facts.next_best if w.why is Why.AGAIN), reader),
        "goes_with": _wanted((w for w in facts.next_best if w.why is Why.GOES_WITH), reader),
        "drops": tuple(_drop(drop, reader) for drop in facts.drops),
    }


def _of_shop(facts: Facts, reader: Reader, words: Words) -> dict[str, Any]:
    return {
        "shop": of_shop.shop_view(reader),
        "guide": of_shop.guide_view(reader),
        "faq": of_shop.question_views(facts, reader),
        "reviews": of_shop.review_views(facts, reader, unnamed=words["a_customer"]),
        "story": of_shop.story_view(facts, reader),
        "press": of_shop.press_views(reader),
        "news": of_shop.news_views(facts.since, reader),
        "care": of_shop.care_views(facts, reader),
    }


def offer_view(offer: OfferFacts, reader: Reader, words: Words) -> OfferView:
    """Write out an offer."""
    terms = offer.terms
    return OfferView(
        code=offer.code,
        percent=terms.percent,
        amount=reader.money(terms.amount, None) if terms.amount else None,
        free_shipping=terms.free_shipping,
        gift=reader.text(terms.gift) or None,
        guide=terms.guide,
        gives=gives(terms, reader, words),
        ends_on=reader.day(offer.last_day),
        days=(offer.last_day - reader.today).days,
    )


def gives(terms: Offer, reader: Reader, words: Words) -> str:
    """Say in a few words what an offer gives: `10 % på hela köpet`."""
    if terms.percent:
        return str(words["percent_off"].format(percent=terms.percent))
    if terms.amount:
        return str(words["amount_off"].format(amount=reader.money(terms.amount, None)))
    if terms.free_shipping:
        return str(words["free_shipping"])
    return reader.text(terms.gift) or reader.text(reader.shop.guide.title)


def _referral(referral: ReferralFacts, reader: Reader, words: Words) -> ReferralView:
    return ReferralView(
        code=referral.code,
        friend_gets=gives(referral.friend, reader, words),
        you_get=gives(referral.you, reader, words),
    )


def _wanted(wanted: Iterable[Wanted], reader: Reader) -> tuple[ProductView, ...]:
    return tuple(
        replace(product_view(each.product, reader), reason=reader.text(each.reason))
        for each in wanted
    )


def _drop(drop: DropFacts, reader: Reader) -> DropView:
    return DropView(
        title=reader.text(drop.title),
        text=reader.prose(drop.text),
        url=drop.url,
        opens_on=reader.instant(drop.opens_on),
    )


def _no_cart(facts: Facts) -> StrictUndefined:
    return StrictUndefined(
        hint=f"the cart is gone or empty, and {facts.flow}/{facts.step_id} speaks of it: skip the "
        "step, or end the enrollment"
    )


def _no_offer(facts: Facts) -> StrictUndefined:
    return StrictUndefined(
        hint=f"{facts.flow}/{facts.step_id} makes no offer: name one in the flow, "
        f'send("{facts.step_id}", offer="…")'
    )
