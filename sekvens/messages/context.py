"""The facts that an e-mail is made from, read in one go and handed on as plain values.

Facts are raw: amounts, instants, ids' worth of text as the shop posted it. How they are written for
a reader is decided by `variables`, once the template has said which locales it has. Only what the
template speaks of is asked for.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sekvens.answers.traits import told
from sekvens.contacts.tables import Contact
from sekvens.contacts.zone import zone_of_row
from sekvens.errors import TemplateError
from sekvens.events.tables import Order
from sekvens.flows.steps import Purpose
from sekvens.messages import facts_of_orders as of_orders
from sekvens.messages import facts_of_products as of_products
from sekvens.messages.facts import Facts, OfferFacts, OrderFacts, ReferralFacts
from sekvens.messages.links import (
    answer_url,
    confirm_url,
    preferences_url,
    unsubscribe_url,
    view_url,
)
from sekvens.messages.needs import Needs
from sekvens.messages.questions import QUESTIONS
from sekvens.next_best.reading import unwanted
from sekvens.offers.claims import Claim
from sekvens.offers.referral import referral_code
from sekvens.products import queries
from sekvens.sections import ApiSettings
from sekvens.segments.levels import standing
from sekvens.shop import Shop

#: A longer "first name" is something else that ended up in the field.
FIRST_NAME_CHARACTERS_MAX = 40
#: Of somebody's purchases, the newest tell enough.
ORDERS_READ_MAX = 20

#: Spammers sign strangers up under a name that is an invitation to their site.
_INVITATION = re.compile(r"://|www\.|@|\w{2,}\.[a-z]{2,}", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What an enrollment is about: the event's property that the flow names, and its value."""

    name: str | None = None  #: `cart_id`, `order_id`, `product_id`; None: not known, try them all
    key: str | None = None

    def of(self, name: str) -> str | None:
        """Tell the value, if it is one of this property."""
        return self.key if self.name in (None, name) else None


def gather(  # noqa: PLR0913  one read of everything, so one place that is told everything
    session: Session,
    *,
    contact_id: str,
    enrollment_id: str,
    flow: str,
    step_id: str,
    purpose: Purpose,
    entry: Entry,
    needs: Needs,
    started_at: datetime,
    now: datetime,
    shop: Shop,
    api: ApiSettings,
    message_id: str,
    claim: Claim | None = None,
    second_subject: bool = False,
    has_copy: bool = True,
) -> Facts:
    """Read what the e-mail of one step says about one contact. Both times are shop time.

    A cart that is gone is no fault here: an e-mail that speaks of it is refused by `compose`.

    Raises:
        TemplateError: the contact is gone.
        SettingsError: links cannot be signed.
    """
    contact = session.get(Contact, contact_id)
    if contact is None:
        raise TemplateError(
            f"{flow}/{step_id}: contact {contact_id} of enrollment {enrollment_id} is gone; "
            "skip the step or end the enrollment"
        )
    timezone = zone_of_row(contact, shop.timezone).name
    facts = Facts(
        flow=flow,
        step_id=step_id,
        purpose=purpose,
        first_name=_first_name(contact.first_name),
        locale=contact.locale,
        timezone=timezone,
        cart=None,
        offer=_offer(claim, shop, timezone=timezone) if claim else None,
        started_at=started_at,
        now=now,
        **_links(api, contact, message_id, purpose=purpose, needs=needs),
        view_url=view_url(api, contact_id=contact_id, message_id=message_id) if has_copy else None,
        second_subject=second_subject,
        times_used=_times_used(contact),
        traits=told(contact.traits),
    )
    reading = _Reading(session=session, contact=contact, needs=needs, shop=shop)
    facts = reading.shelf(reading.entry(reading.purchases(facts, entry), entry))
    if "answers" in needs.blocks:
        facts = replace(facts, answer_urls=answer_urls(api, contact_id, message_id, facts))
    return facts


def answer_urls(
    api: ApiSettings, contact_id: str, message_id: str, facts: Facts
) -> dict[str, dict[str, str]]:
    """Make the links behind the answers to every question that this e-mail can ask.

    Raises:
        SettingsError: links cannot be signed.
    """
    rated = next((product.product_id for product in facts.at_hand), None)
    shown = next((wanted.product.product_id for wanted in facts.next_best), None)
    about = {
        name: rated if question.is_review else shown if question.is_refusal else None
        for name, question in QUESTIONS.items()
    }
    return {
        name: {
            answer.value: answer_url(
                api,
                contact_id=contact_id,
                message_id=message_id,
                question=name,
                answer=answer.value,
                product_id=about[name],
            )
            for answer in question.answers
        }
        for name, question in QUESTIONS.items()
        if about[name] or not (question.is_review or question.is_refusal)
    }


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """What is read for one contact: each part adds to the facts what the template speaks of."""

    session: Session
    contact: Contact
    needs: Needs
    shop: Shop

    def purchases(self, facts: Facts, entry: Entry) -> Facts:
        """Read what the contact has ordered before."""
        session, contact_id, needs = self.session, self.contact.id, self.needs
        changes: dict[str, Any] = {}
        if needs.any_of("has_ordered", "orders_count", "level"):
            changes["orders_count"] = of_orders.orders_count(session, contact_id)
        if needs.any_of("level"):
            stands = standing(session, self.shop.levels, contact_id=contact_id, now=facts.now)
            changes |= {"level": stands.level, "level_is_new": stands.is_new}
        # What is about nothing else is about what they own, and nobody is shown what they have.
        is_about_owned = needs.products_at_hand and entry.key is None
        owned = is_about_owned or needs.any_of(
            "owned", "last_order", "related", "bestsellers", "next_best"
        )
        if owned or needs.any_of("new_products", "news"):
            rows = of_orders.newest_orders(session, contact_id, limit=ORDERS_READ_MAX)
            orders = [of_orders.order_facts(row) for row in rows]
            orders = self._enriched(orders, facts.now) if owned else orders
            changes |= {
                "last_order": orders[0] if orders else None,
                "owned": of_products.bought(orders),
                "since": orders[0].placed_at if orders else self._joined(facts),
            }
        if self.needs.any_of("referral"):
            changes["referral"] = self._referral(facts.now)
        return replace(facts, **changes)

    def entry(self, facts: Facts, entry: Entry) -> Facts:
        """Read what the enrollment is about."""
        session, contact_id, now = self.session, self.contact.id, facts.now
        changes: dict[str, Any] = {}
        is_about_products = self.needs.products_at_hand
        cart_id, order_id = entry.of("cart_id"), entry.of("order_id")
        product_id = entry.of("product_id")
        if cart_id and (is_about_products or self.needs.any_of("cart")):
            cart = of_orders.cart_facts(session, contact_id=contact_id, cart_id=cart_id)
            if cart is not None:
                lines = of_products.enriched(session, cart.lines, now=now)
                changes["cart"] = replace(cart, lines=lines)
        if order_id and (is_about_products or self.needs.any_of("order")):
            changes["order"] = self._order(order_id, now)
        if order_id and self.needs.any_of("delivery"):
            changes["delivery"] = of_orders.delivery_facts(
                session, contact_id=contact_id, order_id=order_id, timezone=facts.timezone
            )
        if product_id and (is_about_products or self.needs.any_of("product")):
            changes["product"] = of_products.product_of(
                session, contact_id=contact_id, product_id=product_id, now=now
            )
        return replace(facts, **changes)

    def shelf(self, facts: Facts) -> Facts:
        """Read what there is to show beside, once it is known what the e-mail is about."""
        session, now, needs = self.session, facts.now, self.needs
        at_hand = {product.product_id for product in facts.at_hand}
        has_already = {product.product_id for product in facts.owned} | at_hand
        if needs.next_best or needs.any_of("related", "bestsellers"):
            has_already |= unwanted(session, self.contact.id, bought_since=now, now=now)
        limit = of_products.SHOWN_MAX
        changes: dict[str, Any] = {}
        if needs.any_of("related") and at_hand:
            changes["related"] = queries.related(
                session, to=at_hand, limit=limit, exclude=has_already, now=now
            )
        if needs.any_of("bestsellers"):
            since = now - of_products.BESTSELLERS_COUNT_FOR
            changes["bestsellers"] = queries.bestsellers(
                session, limit=limit, exclude=has_already, since=since, now=now
            )
        if needs.any_of("new_products"):
            changes["new_products"] = queries.new_since(
                session, since=facts.since or facts.started_at, limit=limit, now=now
            )
        if needs.next_best:
            changes["next_best"] = of_products.next_best(
                session,
                of=needs.next_best,
                contact_id=self.contact.id,
                exclude=has_already,
                now=now,
            )
        if needs.any_of("drops"):
            changes["drops"] = queries.drops(session, now=now, limit=of_products.DROPS_MAX)
        if needs.any_of("reviews"):
            language = (facts.locale or self.shop.default_locale)[:2].lower()
            changes["reviews"] = of_products.review_facts(
                session, facts.at_hand, locale=language, now=now
            )
        return replace(facts, **changes)

    def _enriched(self, orders: list[OrderFacts], now: datetime) -> list[OrderFacts]:
        """Put the shop's products to all lines of all orders at once."""
        lines = iter(
            of_products.enriched(
                self.session, [line for order in orders for line in order.lines], now=now
            )
        )
        return [replace(order, lines=tuple(next(lines) for _ in order.lines)) for order in orders]

    def _order(self, order_id: str, now: datetime) -> OrderFacts | None:
        row = self.session.get(Order, (self.contact.id, order_id))
        if row is None:
            return None
        refunded = of_orders.refunded(self.session, contact_id=self.contact.id, order_id=order_id)
        return self._enriched([of_orders.order_facts(row, refunded=refunded)], now)[0]

    def _joined(self, facts: Facts) -> datetime:
        # Wall time beside shop time: in a demo, whose days are short, the contact joined lately.
        return min(self.contact.created_at, facts.started_at)

    def _referral(self, now: datetime) -> ReferralFacts | None:
        named = self.shop.referral
        code = referral_code(self.session, contact_id=self.contact.id, now=now, shop=self.shop)
        if named is None or code is None:
            return None
        offers = self.shop.offers
        return ReferralFacts(code=code, friend=offers[named.friend], you=offers[named.referrer])


def _offer(claim: Claim, shop: Shop, *, timezone: str) -> OfferFacts:
    terms = shop.offers[claim.offer]  # it was claimed by what they say
    return OfferFacts(terms=terms, code=claim.code, last_day=claim.last_day(timezone))


def _links(
    api: ApiSettings, contact: Contact, message_id: str, *, purpose: Purpose, needs: Needs
) -> dict[str, Any]:
    whose = {"contact_id": contact.id, "message_id": message_id}
    is_marketing = purpose is Purpose.MARKETING
    confirms = not is_marketing and contact.email and needs.any_of("links")
    return {
        "unsubscribe_url": unsubscribe_url(api, **whose) if is_marketing else None,
        "preferences_url": preferences_url(api, **whose),
        "confirm_url": confirm_url(api, **whose, address=contact.email or "") if confirms else None,
    }


def _times_used(contact: Contact) -> int | None:
    used = contact.traits.get("times_used")
    return used if isinstance(used, int) and not isinstance(used, bool) and used > 0 else None


def _first_name(given: str | None) -> str | None:
    name = " ".join((given or "").split())
    if not name or len(name) > FIRST_NAME_CHARACTERS_MAX or _INVITATION.search(name):
        return None
    return name
