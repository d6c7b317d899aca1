"""Views: facts written out for one reader, which is all that an e-mail's source can reach.

Every view is plain and frozen. Texts are in the reader's locale, money and days are written, and
what is missing is None, to be guarded with `{% if %}`.
"""

from dataclasses import dataclass

from sekvens.messages.markdown import Prose
from sekvens.shop import Links


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
    vat_number: str

    @property
    def person(self) -> PersonView:
        """Who signs."""
        return self.people[0]


@dataclass(frozen=True, kw_only=True)
class ProductView:
    """One product, in a cart, an order or on its own."""

    name: str
    benefit: str | None
    care: str | None
    description: str | None
    price: str | None
    was_price: str | None  #: only when the price is reduced
    lowest_price: str | None  #: of the last 30 days, only when the price is reduced
    quantity: int
    url: str | None
    image_url: str | None
    category: str | None
    in_stock: bool
    reason: str | None = None  #: why it is next best; of those alone


@dataclass(frozen=True, kw_only=True)
class CartView:
    """The cart; it has at least one line."""

    lines: tuple[ProductView, ...]
    total: str | None
    restore_url: str

    @property
    def first(self) -> ProductView:
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
class OrderView:
    """An order; what the shop did not post is None."""

    number: str
    lines: tuple[ProductView, ...]
    total: str | None
    vat: str | None
    shipping: str | None
    discount: str | None
    placed_on: str
    payment: str | None
    is_paid: bool
    refunded: str | None  #: the amount that went back
    names: str | None  #: `Tröjan Dellen och Mössan Bengt`

    @property
    def first(self) -> ProductView | None:
        """The product named first."""
        return self.lines[0] if self.lines else None

    @property
    def more(self) -> int:
        """How many different products there are beside the first."""
        return max(0, len(self.lines) - 1)


@dataclass(frozen=True, kw_only=True)
class LastOrderView:
    """The newest order, seen from today."""

    placed_on: str
    months_ago: int
    names: str | None


@dataclass(frozen=True, kw_only=True)
class DeliveryView:
    """Where the parcel is; days where the reader lives."""

    carrier: str | None
    tracking_url: str | None
    expected_on: str | None
    pickup_place: str | None
    pickup_until: str | None
    delayed_until: str | None
    delay_reason: str | None


@dataclass(frozen=True, kw_only=True)
class OfferView:
    """What the step offers."""

    code: str | None  #: None for a gift that needs none
    percent: int
    amount: str | None
    free_shipping: bool
    gift: str | None
    guide: bool
    gives: str  #: in a few words: `10 % på hela köpet`
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
class StoryView:
    """A customer's case, told with their permission."""

    title: str
    text: Prose
    author: str
    picture_url: str | None
    picture_alt: str


@dataclass(frozen=True, kw_only=True)
class PressView:
    """What somebody wrote about the shop in public."""

    quote: str
    source: str
    url: str | None


@dataclass(frozen=True, kw_only=True)
class NewsView:
    """Something that happened at the shop."""

    title: str
    text: Prose
    url: str | None
    on: str


@dataclass(frozen=True, kw_only=True)
class CareView:
    """How to look after something they bought."""

    title: str
    text: Prose


@dataclass(frozen=True, kw_only=True)
class DropView:
    """Something that opens for sale."""

    title: str
    text: Prose
    url: str | None
    opens_on: str


@dataclass(frozen=True, kw_only=True)
class LevelView:
    """How far they have come among the shop's customers."""

    name: str
    next_name: str | None
    orders_to_next: int | None
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class ReferralView:
    """Their code for a friend, and what it brings both."""

    code: str
    friend_gets: str
    you_get: str


@dataclass(frozen=True, kw_only=True)
class AnswerView:
    """One answer that can be given by a click."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True)
class AskedView:
    """A question's answers; for a scale, what its ends mean."""

    answers: tuple[AnswerView, ...]
    ends: str | None


@dataclass(frozen=True, kw_only=True)
class LinksView:
    """Links that belong to the contact."""

    unsubscribe: str | None
    preferences: str | None = None
    confirm: str | None = None  #: for whoever has asked for our e-mails and not confirmed it yet


@dataclass(frozen=True, kw_only=True)
class TraitsView:
    """What a contact has told us in the quiz; what they did not tell is nothing."""

    where_cold: str | None
    when_worn: str | None
    wool_on_skin: str | None
