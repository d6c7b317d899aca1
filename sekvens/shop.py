"""The brand facts: what every e-mail may say about the shop, in one place.

Text that a customer reads stands in every locale of the shop, as a table of locale to text.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from sekvens.offers.patterns import CODE_CHARACTERS_MAX, is_writable, pattern_problem

#: Locale (`sv`, `en`) to text; short texts are plain, long ones are Markdown.
Localized: TypeAlias = dict[str, str]

#: What an offer may give, by the field of `Offer` that says so.
OFFER_KINDS: Final = ("percent", "amount", "free_shipping", "gift", "guide")
#: Where its code comes from, by the field that says so; none of them: it is given without one.
CODE_SOURCES: Final = ("code", "pattern", "pool")

_SEASON_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody who works there and signs e-mails."""

    name: str
    role: Localized
    picture_url: str = ""


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who the e-mails come from."""

    #: display name: `Maja på Hallgrens Ylle`
    name: Localized
    #: a verified SES identity
    address: str
    reply_to: str = ""


class Review(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a customer wrote. `verified` only where an order proves the purchase."""

    author: str
    text: Localized
    product: Localized
    rating: int
    verified: bool = False
    #: shown first to those whom the e-mail reaches about this product
    product_id: str = ""


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One frequently asked question with its answer (Markdown).

    One about a product or a category is shown only to those whom it concerns, and first.
    """

    question: Localized
    answer: Localized
    product_id: str = ""
    category: str = ""


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer's case: what somebody did with what they bought (Markdown)."""

    title: Localized
    text: Localized
    author: str
    #: when and how they agreed to being shown; a story without it is not told
    permission: str
    picture_url: str = ""
    #: what the picture shows, for those who do not see it
    picture_alt: Localized = {}
    product_id: str = ""
    category: str = ""


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What somebody wrote about the shop in public."""

    quote: Localized
    source: str
    url: str = ""


class News(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Something that happened at the shop (Markdown)."""

    title: Localized
    text: Localized
    on: date
    url: str = ""


class Care(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How to look after things (Markdown): of one product, of a category, or all the shop sells."""

    title: Localized
    text: Localized
    product_id: str = ""
    category: str = ""


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A step on the shop's ladder of loyalty, reached by so many orders, so much spent, or both."""

    name: Localized
    orders_min: int = 0
    #: in the shop's currency
    spent_min: float = 0
    #: only what lies so many days back counts, so that the level can lapse; 0: all of it
    within_days: int = 0
    #: what events call it, and never changes; by default its name in the first locale
    id: str = ""

    @property
    def key(self) -> str:
        """What events and memberships call it."""
        return self.id or next(iter(self.name.values()), "")

    def __post_init__(self) -> None:
        """Refuse a level that everybody is on, or that nothing leads to."""
        if self.orders_min <= 0 and self.spent_min <= 0:
            raise ValueError(f"the level {self.key!r} takes nothing: set orders_min or spent_min")
        if min(self.orders_min, self.spent_min, self.within_days) < 0:
            raise ValueError(f"the level {self.key!r} takes less than nothing")


class Season(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Days of every year in which an e-mail's seasonal variant is used, both ends included."""

    #: as in the file name: `your-cart-misses-you.black-week.sv.md`
    name: str
    #: month and day, such as 11-23; a season that ends before it begins spans New Year
    start: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")

    def __post_init__(self) -> None:
        """Refuse a day that no year has, or a name that cannot stand in a file name."""
        for day in (self.start, self.end):
            try:
                date.fromisoformat(f"2000-{day}")
            except ValueError:
                raise ValueError(f"{day!r} is no month and day such as 11-23") from None
        if not _SEASON_NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} is no name such as black-week")

    def holds_on(self, day: date) -> bool:
        """Tell whether a day lies within the season."""
        today = f"{day:%m-%d}"
        if self.start <= self.end:
            return self.start <= today <= self.end
        return today >= self.start or today <= self.end


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The lead magnet: what the sign-up form promised."""

    title: Localized
    url: Localized


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a flow may promise a contact. It ends `days` after the first e-mail that carries it.

    Exactly one of `percent`, `amount`, `free_shipping`, `gift` and `guide` says what it gives. At
    most one of `code`, `pattern` and `pool` says where its code comes from; without any it is
    given without a code.
    """

    days: int
    percent: int = 0
    #: off the price, in the shop's currency
    amount: Decimal = Decimal(0)
    free_shipping: bool = False
    #: what is laid in the parcel
    gift: Localized = {}
    #: the shop's guide
    guide: bool = False
    #: what it costs the shop each time it is taken up, beyond what the order's total lacks by it
    cost: Decimal = Decimal(0)
    #: one code for everybody
    code: str = ""
    #: a code for each contact, made when it is claimed: `DORIS-{6}` has six random characters.
    #: Once codes were generated ahead for the checkout (`offers generate`), only those are given.
    pattern: str = ""
    #: a code for each contact, imported (`offers import`)
    pool: bool = False

    @property
    def kind(self) -> str:
        """What it gives, in a word: the name of the one field that is set."""
        return next(kind for kind in OFFER_KINDS if getattr(self, kind))

    @property
    def has_code(self) -> bool:
        """Whether it is given by a code, rather than unprompted."""
        return any(getattr(self, source) for source in CODE_SOURCES)

    def problem(self) -> str | None:
        """Tell what is wrong with it; None if nothing is."""
        kinds = [kind for kind in OFFER_KINDS if getattr(self, kind)]
        sources = [source for source in CODE_SOURCES if getattr(self, source)]
        if len(kinds) != 1:
            given = " and ".join(kinds) or "none of them"
            return f"it must give exactly one of {', '.join(OFFER_KINDS)}, and has {given}"
        if len(sources) > 1:
            given = " and ".join(sources)
            return f"its code comes from at most one of {', '.join(CODE_SOURCES)}, not {given}"
        if self.days < 1:
            return f"days is {self.days}, and it must last a day at least"
        if not 0 <= self.percent <= 100 or self.amount < 0 or self.cost < 0:
            return "percent is between 1 and 100, amount more than 0, and cost not less than 0"
        if self.code and not is_writable(self.code):
            return f"code must be one word of at most {CODE_CHARACTERS_MAX} characters"
        wrong = pattern_problem(self.pattern) if self.pattern else None
        return f"its pattern is {self.pattern!r}: {wrong}" if wrong else None


class Referrals(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A code of their own that contacts pass on, and what both sides get. Both name offers."""

    #: what the friend's code gives; the offer has no code source of its own
    friend: str
    #: the reward for the contact whose code it was
    referrer: str
    #: how the codes are made: `VAN-{6}`
    pattern: str


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where things are in the shop."""

    home: str
    #: restores the cart: `{cart_id}` is replaced
    cart: str
    returns: str
    contact: str
    privacy: str
    instagram: str = ""
    tiktok: str = ""
    youtube: str = ""


class Shop(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The brand facts of one shop."""

    name: str
    legal_name: str
    organisation_number: str
    postal_address: str
    founded: int
    currency: str
    timezone: str
    #: the locale of a contact who has none, or one that the shop does not write in
    default_locale: str
    locales: tuple[str, ...]
    tagline: Localized
    #: one or two sentences on what it is and why it exists
    story: Localized
    sender: Sender
    #: the first one signs
    people: tuple[Person, ...]
    links: Links
    payment: Localized
    delivery: Localized
    support: Localized
    guarantee: Localized
    return_policy: Localized
    guide: Guide
    #: by name, as flows refer to them: `welcome`, `nudge`
    offers: dict[str, Offer]
    referral: Referrals | None = None
    reviews: tuple[Review, ...]
    faq: tuple[Question, ...]
    #: accent colour of buttons and links, `#rrggbb`, readable on white
    colour: str = "#7a3b1d"
    #: registration number for VAT, shown below what an order cost
    vat_number: str = ""
    stories: tuple[Story, ...] = ()
    press: tuple[Press, ...] = ()
    news: tuple[News, ...] = ()
    care: tuple[Care, ...] = ()
    levels: tuple[Level, ...] = ()
    seasons: tuple[Season, ...] = ()

    def __post_init__(self) -> None:
        """Refuse offers that say too much or too little, by their names."""
        for name, offer in self.offers.items():
            wrong = offer.problem()
            if wrong:
                raise ValueError(f"shop.offers.{name}: {wrong}")
        if self.referral is not None:
            self._check_referral(self.referral)
        keys = [level.key for level in self.levels]
        if len(set(keys)) < len(keys):
            raise ValueError("two of shop.levels have the same id, or the same name and no id")

    def _check_referral(self, referral: Referrals) -> None:
        for role in ("friend", "referrer"):
            name = getattr(referral, role)
            if name not in self.offers:
                raise ValueError(f"shop.referral.{role} names {name!r}, which shop.offers lacks")
        if self.offers[referral.friend].has_code:
            raise ValueError(
                f"shop.offers.{referral.friend}: it is what shop.referral gives a friend, by the "
                "code of the contact who knows them; take its own code source away"
            )
        wrong = pattern_problem(referral.pattern)
        if wrong:
            raise ValueError(f"shop.referral.pattern is {referral.pattern!r}: {wrong}")
