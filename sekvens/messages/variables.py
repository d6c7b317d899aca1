"""The variables that an e-mail's source may use, written out for one reader.

This is the whole vocabulary of whoever writes e-mails. All values are plain and frozen.
What is missing for this contact is None; what the whole step lacks (a cart, an offer) is undefined,
so that using it is an error with a remedy instead of a hole in a letter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from jinja2 import StrictUndefined

from sekvens.messages.context import CartFacts, CartLine, Facts, last_day_of
from sekvens.messages.formats import day, money
from sekvens.messages.markdown import Prose
from sekvens.shop import Links, Localized, Person, Shop


@dataclass(frozen=True, kw_only=True)
class PersonView:
    """Somebody who works at the shop."""

    name: str
    role: str


@dataclass(frozen=True, kw_only=True)
class ShopView:
    """The shop, in the reader's locale."""

    name: str
    founded: int
    tagline: str
    story: Prose
    payment: Prose
    delivery: Prose
    support: Prose
    guarantee: Prose
    return_policy: Prose
    links: Links
    people: tuple[PersonView, ...]

    @property
    def person(self) -> PersonView:
        """Who signs."""
        return self.people[0]


@dataclass(frozen=True, kw_only=True)
class LineView:
    """One product in the cart."""

    name: str
    benefit: str | None
    care: str | None
    price: str | None
    quantity: int
    url: str
    image_url: str | None


@dataclass(frozen=True, kw_only=True)
class CartView:
    """The cart; it has at least one line."""

    lines: tuple[LineView, ...]
    total: str | None
    restore_url: str

    @property
    def first(self) -> LineView:
        """The product added first."""
        return self.lines[0]

    @property
    def count(self) -> int:
        """How many different products there are."""
        return len(self.lines)

    @property
    def more(self) -> int:
        """How many there are beside the first."""
        return len(self.lines) - 1


@dataclass(frozen=True, kw_only=True)
class OfferView:
    """What the step offers."""

    code: str
    percent: int
    free_shipping: bool
    ends_on: str  #: its last day where the reader lives
    days: int  #: that are left of it


@dataclass(frozen=True, kw_only=True)
class GuideView:
    """What the sign-up form promised."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class ReviewView:
    """What a customer wrote."""

    author: str
    text: str
    product: str
    rating: int
    verified: bool


@dataclass(frozen=True, kw_only=True)
class QuestionView:
    """A question with its answer."""

    question: str
    answer: Prose


@dataclass(frozen=True, kw_only=True)
class LinksView:
    """Links that belong to the contact."""

    unsubscribe: str | None


def variables(facts: Facts, *, shop: Shop, locale: str) -> Mapping[str, Any]:
    """Write the facts out for a reader of this locale."""
    guide = GuideView(
        title=_in(shop.guide.title, locale, shop), url=_in(shop.guide.url, locale, shop)
    )
    return {
        "first_name": facts.first_name,
        "has_ordered": facts.has_ordered,
        "shop": _shop(shop, locale),
        "cart": _cart(facts.cart, shop, locale) if facts.cart else _missing_cart(facts),
        "offer": _offer(facts, shop, locale) if facts.offer else _missing_offer(facts),
        "guide": guide,
        "reviews": tuple(
            ReviewView(
                author=review.author,
                text=_in(review.text, locale, shop),
                product=_in(review.product, locale, shop),
                rating=review.rating,
                verified=review.verified,
            )
            for review in shop.reviews
        ),
        "faq": tuple(
            QuestionView(
                question=_in(entry.question, locale, shop),
                answer=_prose(entry.answer, locale, shop),
            )
            for entry in shop.faq
        ),
        "links": LinksView(unsubscribe=facts.unsubscribe_url),
        "days_since_start": (facts.now - facts.started_at).days,
    }


def person_view(person: Person, locale: str, shop: Shop) -> PersonView:
    """Write a person out for a reader of this locale."""
    return PersonView(name=person.name, role=_in(person.role, locale, shop))


def _shop(shop: Shop, locale: str) -> ShopView:
    return ShopView(
        name=shop.name,
        founded=shop.founded,
        tagline=_in(shop.tagline, locale, shop),
        story=_prose(shop.story, locale, shop),
        payment=_prose(shop.payment, locale, shop),
        delivery=_prose(shop.delivery, locale, shop),
        support=_prose(shop.support, locale, shop),
        guarantee=_prose(shop.guarantee, locale, shop),
        return_policy=_prose(shop.return_policy, locale, shop),
        links=shop.links,
        people=tuple(person_view(person, locale, shop) for person in shop.people),
    )


def _cart(cart: CartFacts, shop: Shop, locale: str) -> CartView:
    # Without a currency of its own a cart is in the shop's.
    currency = cart.currency or shop.currency
    restore_url = shop.links.cart.replace("{cart_id}", quote(cart.cart_id, safe=""))
    prices = [line.price * line.quantity for line in cart.lines if line.price is not None]
    is_complete = len(prices) == len(cart.lines)
    return CartView(
        lines=tuple(_line(line, currency, restore_url, locale) for line in cart.lines),
        total=money(sum(prices, Decimal(0)), currency, locale=locale) if is_complete else None,
        restore_url=restore_url,
    )


def _line(line: CartLine, currency: str, restore_url: str, locale: str) -> LineView:
    return LineView(
        name=line.name,
        benefit=line.benefit,
        care=line.care,
        price=money(line.price, currency, locale=locale) if line.price is not None else None,
        quantity=line.quantity,
        url=line.url or restore_url,
        image_url=line.image_url,
    )


def _offer(facts: Facts, shop: Shop, locale: str) -> OfferView:
    assert facts.offer is not None  # noqa: S101  tells the type checker what the caller knows
    offer = shop.offers[facts.offer]
    last_day = last_day_of(offer, started_at=facts.started_at, timezone=facts.timezone)
    today = facts.now.astimezone(ZoneInfo(facts.timezone)).date()
    return OfferView(
        code=offer.code,
        percent=offer.percent,
        free_shipping=offer.free_shipping,
        ends_on=day(last_day, locale=locale),
        days=(last_day - today).days,
    )


def _missing_cart(facts: Facts) -> StrictUndefined:
    return StrictUndefined(
        hint=f"the cart is gone or empty, and {facts.flow}/{facts.step_id} speaks of it: skip the "
        "step, or end the enrollment"
    )


def _missing_offer(facts: Facts) -> StrictUndefined:
    return StrictUndefined(
        hint=f"{facts.flow}/{facts.step_id} makes no offer: name one in the flow, "
        f'send("{facts.step_id}", offer="…")'
    )


def _in(text: Localized, locale: str, shop: Shop) -> str:
    # A fact that was not translated is better read in the shop's language than not at all.
    return text.get(locale) or text.get(shop.default_locale) or next(iter(text.values()), "")


def _prose(text: Localized, locale: str, shop: Shop) -> Prose:
    return Prose(_in(text, locale, shop).strip())
