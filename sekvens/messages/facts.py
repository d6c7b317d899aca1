"""Facts: what an e-mail says about a contact, as plain frozen values that nothing has written out.

Amounts, instants and the shop's own text as it was posted. How they read in a locale is decided by
`variables`. A fact that is missing is None or empty, never invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from sekvens.feeds.values import Answer
from sekvens.flows.steps import Purpose
from sekvens.next_best.reading import Wanted
from sekvens.products.facts import DropFacts, ProductFacts
from sekvens.shop import Localized, Offer


@dataclass(frozen=True, kw_only=True)
class Line:
    """One product in a cart or an order, as the shop posted it; `product` if the shop sells it."""

    name: str
    price: Decimal | None
    quantity: int
    benefit: str | None
    care: str | None
    url: str | None
    image_url: str | None
    product_id: str | None = None
    product: ProductFacts | None = None

    def as_product(self, currency: str | None) -> ProductFacts:
        """Tell the product: as the shop sells it, or what the line alone says of it."""
        return self.product or ProductFacts(
            product_id=self.product_id or self.name,
            title={"": self.name},  # in no locale that we know
            benefit={"": self.benefit} if self.benefit else {},
            care={"": self.care} if self.care else {},
            description={},
            category=None,
            price=self.price,
            was_price=None,
            lowest_price_30_days=None,
            currency=currency,
            url=self.url,
            image_url=self.image_url,
            in_stock=True,
            brand=None,
        )


@dataclass(frozen=True, kw_only=True)
class CartFacts:
    """A contact's cart; it has at least one line."""

    cart_id: str
    currency: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class OrderFacts:
    """An order; an amount that the shop did not post is None, and nothing is said of it."""

    order_id: str
    lines: tuple[Line, ...]
    currency: str | None
    total: Decimal | None
    vat: Decimal | None
    shipping: Decimal | None
    discount: Decimal | None
    payment: str | None
    is_paid: bool  #: the shop has not said that the payment is still on its way
    refunded: Decimal | None  #: what went back so far
    state: str  #: completed, refunded, cancelled
    placed_at: datetime  #: shop time
    number: str | None = None  #: what its buyer knows it by, if that is not its id


@dataclass(frozen=True, kw_only=True)
class DeliveryFacts:
    """Where a parcel is, from the events about one order."""

    carrier: str | None = None
    tracking_url: str | None = None
    expected_on: date | None = None
    pickup_place: str | None = None
    pickup_until: date | None = None
    delayed_until: date | None = None
    delay_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class TitledReview:
    """What a customer wrote about a product that we can name."""

    author: str  #: empty when unknown
    text: Localized
    product: Localized
    rating: int
    verified: bool  #: an order proves the purchase
    product_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class OfferFacts:
    """What a step offers, as it was claimed for this contact."""

    terms: Offer
    code: str | None  #: None: it is given without one
    last_day: date  #: where the contact lives


@dataclass(frozen=True, kw_only=True)
class ReferralFacts:
    """A contact's own code, and what it brings both."""

    code: str
    friend: Offer
    you: Offer


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that one e-mail to one contact says about them."""

    flow: str
    step_id: str
    purpose: Purpose
    first_name: str | None
    locale: str | None  #: as the shop gave it
    timezone: str  #: IANA name
    cart: CartFacts | None
    offer: OfferFacts | None
    started_at: datetime  #: shop time
    now: datetime  #: shop time
    unsubscribe_url: str | None  #: marketing only
    preferences_url: str | None = None
    view_url: str | None = None  #: None: no copy is kept
    confirm_url: str | None = None  #: where an address is confirmed; order mail needs none
    second_subject: bool = False  #: the e-mail is told again, under its other subject
    orders_count: int = 0
    level: str | None = None  #: key of the highest level that they are on
    level_is_new: bool = False  #: they have come to it in the last 30 days
    since: datetime | None = None  #: when they last ordered, or joined; shop time
    product: ProductFacts | None = None  #: which the enrollment is about
    order: OrderFacts | None = None  #: which the enrollment is about
    last_order: OrderFacts | None = None
    delivery: DeliveryFacts | None = None
    owned: tuple[ProductFacts, ...] = ()
    related: tuple[ProductFacts, ...] = ()
    bestsellers: tuple[ProductFacts, ...] = ()
    new_products: tuple[ProductFacts, ...] = ()
    next_best: tuple[Wanted, ...] = ()  #: the best first
    drops: tuple[DropFacts, ...] = ()
    reviews: tuple[TitledReview, ...] = ()  #: beside those in the settings
    referral: ReferralFacts | None = None
    times_used: int | None = None
    #: what they have told us by answering questions; None: not told
    traits: Mapping[str, str | None] = field(default_factory=dict)
    #: question -> answer -> where a click on it leads
    answer_urls: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    #: what feeds told, by their names; a feed that told nothing is not there
    feeds: Mapping[str, Answer] = field(default_factory=dict)

    @property
    def has_ordered(self) -> bool:
        """Whether any order of theirs stands."""
        return self.orders_count > 0

    @property
    def at_hand(self) -> tuple[ProductFacts, ...]:
        """The products that the e-mail is about: its own, its order's, its cart's, else owned."""
        lines = [*(self.order.lines if self.order else ()), *(self.cart.lines if self.cart else ())]
        own = (self.product,) if self.product else ()
        return (*own, *(line.as_product(None) for line in lines)) or self.owned
