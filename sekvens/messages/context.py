"""The facts that an e-mail is made from, read in one go and handed on as plain values.

Facts are raw: amounts, instants, ids' worth of text as the shop posted it. How they are written for
a reader is decided by `variables`, once the template has said which locales it has.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.errors import TemplateError
from sekvens.events.tables import Cart, Order
from sekvens.flows.steps import Purpose
from sekvens.messages.formats import currency_code, price
from sekvens.messages.links import unsubscribe_url
from sekvens.messages.markdown import is_web_url
from sekvens.settings import ApiSettings
from sekvens.shop import Offer, Shop

#: A longer "first name" is something else that ended up in the field.
FIRST_NAME_CHARACTERS_MAX = 40
PRODUCT_TEXT_CHARACTERS_MAX = 200

#: Spammers sign strangers up under a name that is an invitation to their site.
_INVITATION = re.compile(r"://|www\.|@|\w{2,}\.[a-z]{2,}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CartLine:
    """One product in a cart, as the shop posted it."""

    name: str
    price: Decimal | None
    quantity: int
    benefit: str | None
    care: str | None
    url: str | None
    image_url: str | None


@dataclass(frozen=True, kw_only=True)
class CartFacts:
    """A contact's cart; it has at least one line."""

    cart_id: str
    currency: str | None
    lines: tuple[CartLine, ...]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that one e-mail to one contact says about them."""

    flow: str
    step_id: str
    purpose: Purpose
    first_name: str | None
    locale: str | None  #: as the shop gave it
    timezone: str  #: IANA name
    has_ordered: bool
    cart: CartFacts | None
    offer: str | None  #: its name in `shop.offers`
    started_at: datetime  #: shop time
    now: datetime  #: shop time
    unsubscribe_url: str | None  #: marketing only


def gather(  # noqa: PLR0913  one read of everything, so one place that is told everything
    session: Session,
    *,
    contact_id: str,
    enrollment_id: str,
    flow: str,
    step_id: str,
    purpose: Purpose,
    offer: str | None,
    entry_key: str | None,
    started_at: datetime,
    now: datetime,
    shop: Shop,
    api: ApiSettings,
    message_id: str,
) -> Facts:
    """Read what the e-mail of one step says about one contact. Both times are shop time.

    A cart that is gone is no fault here: an e-mail that speaks of it is refused by `compose`.

    Raises:
        TemplateError: the contact is gone, or the offer is gone or over.
        SettingsError: links cannot be signed.
    """
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise TemplateError(
            f"{flow}/{step_id}: contact {contact_id} of enrollment {enrollment_id} is gone; "
            "skip the step or end the enrollment"
        )
    is_marketing = purpose is Purpose.MARKETING
    facts = Facts(
        flow=flow,
        step_id=step_id,
        purpose=purpose,
        first_name=_first_name(contact.first_name),
        locale=contact.locale,
        timezone=contact.timezone or shop.timezone,
        has_ordered=_has_ordered(session, contact_id),
        cart=_cart(session.get(Cart, (contact_id, entry_key))) if entry_key else None,
        offer=offer,
        started_at=started_at,
        now=now,
        unsubscribe_url=(
            unsubscribe_url(api, contact_id=contact_id, message_id=message_id)
            if is_marketing
            else None
        ),
    )
    _check_offer(facts, shop, enrollment_id)
    return facts


def cart_line(posted: object) -> CartLine | None:
    """Read one line of a cart as posted; None if it does not even have a name."""
    if not isinstance(posted, Mapping):
        return None
    name = _text(posted, "name")
    if name is None:
        return None
    quantity = posted.get("quantity")
    return CartLine(
        name=name,
        price=price(posted.get("price")),
        quantity=quantity if isinstance(quantity, int) and quantity > 0 else 1,
        benefit=_text(posted, "benefit"),
        care=_text(posted, "care"),
        url=_url(posted, "url"),
        image_url=_url(posted, "image_url"),
    )


def last_day_of(offer: Offer, *, started_at: datetime, timezone: str) -> date:
    """Tell the last day on which an offer holds, where the contact lives."""
    return (started_at + timedelta(days=offer.days)).astimezone(ZoneInfo(timezone)).date()


def _check_offer(facts: Facts, shop: Shop, enrollment_id: str) -> None:
    if facts.offer is None:
        return
    where = f"{facts.flow}/{facts.step_id}: the offer {facts.offer!r}"
    if facts.offer not in shop.offers:
        raise TemplateError(
            f"{where} is not in the settings any more; add [shop.offers.{facts.offer}], or skip "
            f"the step of enrollment {enrollment_id}"
        )
    last_day = last_day_of(
        shop.offers[facts.offer], started_at=facts.started_at, timezone=facts.timezone
    )
    if last_day < facts.now.astimezone(ZoneInfo(facts.timezone)).date():
        raise TemplateError(
            f"{where} is over for enrollment {enrollment_id}: the e-mail would promise what the "
            "checkout refuses; skip the step"
        )


def _has_ordered(session: Session, contact_id: str) -> bool:
    ordered = exists().where(Order.contact_id == contact_id)
    return bool(session.scalar(select(ordered)))


def _cart(cart: Cart | None) -> CartFacts | None:
    lines = tuple(line for posted in (cart.lines if cart else ()) if (line := cart_line(posted)))
    if cart is None or not lines:
        return None
    return CartFacts(cart_id=cart.cart_id, currency=currency_code(cart.currency), lines=lines)


def _first_name(given: str | None) -> str | None:
    name = " ".join((given or "").split())
    if not name or len(name) > FIRST_NAME_CHARACTERS_MAX or _INVITATION.search(name):
        return None
    return name


def _text(posted: Mapping[str, Any], key: str) -> str | None:
    value = posted.get(key)
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    if len(text) > PRODUCT_TEXT_CHARACTERS_MAX:
        text = f"{text[: PRODUCT_TEXT_CHARACTERS_MAX - 1]}…"
    return text or None


def _url(posted: Mapping[str, Any], key: str) -> str | None:
    value = posted.get(key)
    return value if isinstance(value, str) and is_web_url(value) else None
