"""The facts that an e-mail is made from, read in one go and handed on as plain values.

Facts are raw: amounts, instants, ids' worth of text as the shop posted it. How they are written for
a reader is decided by `variables`, once the template has said which locales it has.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.tables import Contact
from sekvens.errors import TemplateError
from sekvens.events.tables import Cart, Order
from sekvens.flows.steps import Purpose
from sekvens.messages.facts import CartFacts, Facts, Line, OfferFacts
from sekvens.messages.formats import currency_code, price
from sekvens.messages.links import unsubscribe_url
from sekvens.messages.markdown import is_web_url
from sekvens.offers.claims import Claim
from sekvens.settings import ApiSettings
from sekvens.shop import Shop

#: A longer "first name" is something else that ended up in the field.
FIRST_NAME_CHARACTERS_MAX = 40
PRODUCT_TEXT_CHARACTERS_MAX = 200

#: Spammers sign strangers up under a name that is an invitation to their site.
_INVITATION = re.compile(r"://|www\.|@|\w{2,}\.[a-z]{2,}", re.IGNORECASE)


def gather(  # noqa: PLR0913  one read of everything, so one place that is told everything
    session: Session,
    *,
    contact_id: str,
    enrollment_id: str,
    flow: str,
    step_id: str,
    purpose: Purpose,
    claim: Claim | None = None,
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
        TemplateError: the contact is gone, or the claim's offer is.
        SettingsError: links cannot be signed.
    """
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise TemplateError(
            f"{flow}/{step_id}: contact {contact_id} of enrollment {enrollment_id} is gone; "
            "skip the step or end the enrollment"
        )
    is_marketing = purpose is Purpose.MARKETING
    return Facts(
        flow=flow,
        step_id=step_id,
        purpose=purpose,
        first_name=_first_name(contact.first_name),
        locale=contact.locale,
        timezone=contact.timezone or shop.timezone,
        orders_count=_orders_count(session, contact_id),
        cart=_cart(session.get(Cart, (contact_id, entry_key))) if entry_key else None,
        offer=_offer(claim, shop, timezone=contact.timezone or shop.timezone) if claim else None,
        started_at=started_at,
        now=now,
        unsubscribe_url=(
            unsubscribe_url(api, contact_id=contact_id, message_id=message_id)
            if is_marketing
            else None
        ),
    )


def read_line(posted: object) -> Line | None:
    """Read one line of a cart as posted; None if it does not even have a name."""
    if not isinstance(posted, Mapping):
        return None
    name = _text(posted, "name")
    if name is None:
        return None
    quantity = posted.get("quantity")
    return Line(
        name=name,
        price=price(posted.get("price")),
        quantity=quantity if isinstance(quantity, int) and quantity > 0 else 1,
        benefit=_text(posted, "benefit"),
        care=_text(posted, "care"),
        url=_url(posted, "url"),
        image_url=_url(posted, "image_url"),
    )


def _offer(claim: Claim, shop: Shop, *, timezone: str) -> OfferFacts:
    terms = shop.offers[claim.offer]
    return OfferFacts(terms=terms, code=claim.code, last_day=claim.last_day(timezone))


def _orders_count(session: Session, contact_id: str) -> int:
    count = select(func.count()).where(Order.contact_id == contact_id, Order.state != "cancelled")
    return session.scalar(count) or 0


def _cart(cart: Cart | None) -> CartFacts | None:
    lines = tuple(line for posted in (cart.lines if cart else ()) if (line := read_line(posted)))
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
