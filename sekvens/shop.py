"""The brand facts: what every e-mail may say about the shop, in one place.

Text that a customer reads stands in every locale of the shop, as a table of locale to text.
"""

from typing import TypeAlias

import msgspec

#: Locale (`sv`, `en`) to text; short texts are plain, long ones are Markdown.
Localized: TypeAlias = dict[str, str]


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


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One frequently asked question with its answer (Markdown)."""

    question: Localized
    answer: Localized


class Guide(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The lead magnet: what the sign-up form promised."""

    title: Localized
    url: Localized


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A code that a flow may offer. It ends `days` after the enrollment started."""

    code: str
    days: int
    #: exactly one of the two says what it gives
    percent: int = 0
    free_shipping: bool = False


class Links(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where things are in the shop."""

    home: str
    #: restores the cart: `{cart_id}` is replaced
    cart: str
    returns: str
    contact: str
    privacy: str
    instagram: str = ""


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
    reviews: tuple[Review, ...]
    faq: tuple[Question, ...]
    #: accent colour of buttons and links, `#rrggbb`, readable on white
    colour: str = "#7a3b1d"
