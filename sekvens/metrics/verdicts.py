"""The rows that people's facts come to: read for many at once, judged one by one."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.contacts.consent import MARKETING
from sekvens.contacts.suppression import key_of_address
from sekvens.contacts.tables import Consent, ConsentChange, ConsentStatus, Contact, Suppression
from sekvens.engagement.tables import Engagement, Kind
from sekvens.enrollments.tables import Enrollment, FlowVersion
from sekvens.events.facts import logs
from sekvens.events.schema import CART_EVENTS
from sekvens.events.tables import Order
from sekvens.messages.tables import Message, MessageState
from sekvens.metrics.attribution import Click, Sale, judged
from sekvens.metrics.carts import Cart, Reminder, carts_of, is_recovered, redeeming
from sekvens.metrics.rules import Rules
from sekvens.products.tables import Product, ProductVariant

if TYPE_CHECKING:
    from sekvens.metrics.people import People

Row: TypeAlias = dict[str, Any]

#: What reminders of carts led to; all other kinds come from events.
CART_REMINDER: Final = "cart_reminder"
CART_REDEEMED: Final = "cart_redeemed"
CART_KINDS: Final = (CART_REMINDER, CART_REDEEMED)
#: Entries of such flows are told apart by the cart.
_CART_KEY: Final = "cart_id"
_ALWAYS: Final = datetime(1, 1, 2, tzinfo=UTC)


def orders(session: Session, people: "People", rules: Rules) -> list[Row]:
    """Judge people's completed orders: those refunded or cancelled are none."""
    query = select(Order).where(Order.contact_id.in_(people.ids), Order.state == "completed")
    sales = people.by_owner(
        (
            row.contact_id,
            Sale(
                order_id=row.order_id,
                ordered_at=row.ordered_at,
                amount=rules.money(row.total, row.currency),
            ),
        )
        for row in session.scalars(query)
    )
    clicks = _clicks(session, people, rules) if sales else {}
    within = timedelta(days=rules.settings.attribution_days)
    return [
        {"contact_id": whose} | row
        for whose, theirs in sales.items()
        for row in judged(theirs, clicks.get(whose, ()), within=within)
    ]


def _clicks(session: Session, people: "People", rules: Rules) -> Mapping[str, Sequence[Click]]:
    columns = Engagement.contact_id, Engagement.at, Engagement.id, Engagement.message_id
    query = select(*columns).where(
        Engagement.contact_id.in_(people.ids),
        Engagement.kind == Kind.CLICK,
        ~Engagement.is_machine,
        Engagement.settles_at.is_(None),
    )
    return people.by_owner(
        (contact_id, Click(at=rules.shop_time.at(at), id=each, message_id=message_id))
        for contact_id, at, each, message_id in session.execute(query)
    )


def contacts(session: Session, people: "People", rules: Rules) -> list[Row]:
    """Judge since when people could be sent marketing, and until when."""
    theirs = set(people.owner.values())
    first = select(ConsentChange.contact_id, func.min(ConsentChange.at)).where(
        ConsentChange.contact_id.in_(theirs),
        ConsentChange.purpose == MARKETING,
        ConsentChange.status == ConsentStatus.SUBSCRIBED,
    )
    rows = session.execute(first.group_by(ConsentChange.contact_id)).all()
    joined = {row[0]: row[1] for row in rows}
    lost = _lost(session, joined, rules)
    return [
        {
            "contact_id": whose,
            "joined_at": at,
            "lost_at": max(at, lost[whose]) if whose in lost else None,
        }
        for whose, at in joined.items()
    ]


def _lost(session: Session, contact_ids: Mapping[str, Any], rules: Rules) -> dict[str, datetime]:
    """Tell since when those who cannot be sent marketing cannot."""
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    refused = select(Consent.contact_id, Consent.changed_at).where(
        Consent.contact_id.in_(contact_ids),
        Consent.purpose == MARKETING,
        Consent.status != ConsentStatus.SUBSCRIBED,
    )
    for contact_id, at in session.execute(refused):
        found[contact_id].append(at)
    keys: defaultdict[str, list[str]] = defaultdict(list)
    query = select(Contact.id, Contact.email, Contact.erased_at).where(Contact.id.in_(contact_ids))
    for contact_id, email, erased_at in session.execute(query):
        if erased_at is not None:
            found[contact_id].append(rules.shop_time.at(erased_at))
        if email is not None:
            keys[key_of_address(email)].append(contact_id)
    suppressed = select(Suppression).where(Suppression.address_hash.in_(keys))
    for row in session.scalars(suppressed):
        for contact_id in keys[row.address_hash]:
            found[contact_id].append(row.at)
    return {contact_id: min(ats) for contact_id, ats in found.items()}


def carts(
    session: Session, people: "People", rules: Rules, now: datetime
) -> tuple[list[Row], list[Row]]:
    """Judge people's carts, and what reminders of them led to. `now` is shop time."""
    erased = select(Contact.id).where(Contact.id.in_(people.ids), Contact.erased_at.is_not(None))
    standing = set(people.owner.values()) - set(session.scalars(erased))
    left_after = timedelta(hours=rules.settings.cart_left_hours)
    found = {
        whose: carts_of(facts, left_after=left_after, now=now)
        for whose, facts in logs(session, standing, CART_EVENTS, since=_ALWAYS).items()
        if facts
    }
    categories = _categories(session, [cart for theirs in found.values() for cart in theirs])
    reminders = _reminders(session, people) if found else {}
    rows, effects = [], []
    for whose, theirs in found.items():
        for cart in theirs:
            row = _row(whose, cart, rules, categories)
            rows.append(row)
            effects += _effects(cart, row, reminders.get(whose, ()), rules)
    return rows, effects


def _row(whose: str, cart: Cart, rules: Rules, categories: Mapping[str, str | None]) -> Row:
    within = timedelta(days=rules.settings.cart_days)
    left_after = timedelta(hours=rules.settings.cart_left_hours)
    is_open = cart.ended_at is None and cart.left_at is None
    told = (categories.get(product or "") or posted for product, posted in cart.products)
    return {
        "contact_id": whose,
        "cart_id": cart.cart_id,
        "began_at": cart.began_at,
        "left_at": cart.left_at,
        "ordered_at": cart.ordered_at,
        "recovered": is_recovered(cart, within=within),
        "category": next((name for name in told if name), None),
        "band": rules.band(rules.money(str(cart.value), cart.currency) or 0),
        "settles_at": cart.touched_at + left_after if is_open else None,
    }


def _effects(cart: Cart, row: Row, reminders: Sequence[Reminder], rules: Rules) -> list[Row]:
    about = [each for each in reminders if each.cart_id == cart.cart_id]
    about = [each for each in about if cart.holds(each.sent_on)]
    redeemed = redeeming(cart, about, within=timedelta(days=rules.settings.cart_days))
    told = {"value": row["category"], "bucket": row["band"]}
    effects: list[Row] = [
        {"message_id": each.message_id, "kind": CART_REMINDER, "at": each.sent_on} | told
        for each in about
    ]
    if redeemed is not None:
        done = {"kind": CART_REDEEMED, "at": cart.ordered_at}
        effects.append({"message_id": redeemed.message_id} | done | told)
    return effects


def _categories(session: Session, found: Sequence[Cart]) -> dict[str, str | None]:
    """Tell the categories of the products in carts, as the shop's feed has them."""
    ids = {product for cart in found for product, _ in cart.products if product}
    direct = select(Product.id, Product.category).where(Product.id.in_(ids))
    variants = (
        select(ProductVariant.id, Product.category)
        .join(Product, Product.id == ProductVariant.product_id)
        .where(ProductVariant.id.in_(ids))
    )
    return {
        each: category for query in (variants, direct) for each, category in session.execute(query)
    }


def _reminders(session: Session, people: "People") -> Mapping[str, Sequence[Reminder]]:
    """List the e-mails about carts that people were sent."""
    query = (
        select(Message.contact_id, Message.id, Enrollment.entry_key, Message.sent_on)
        .join(Enrollment, Enrollment.id == Message.enrollment_id)
        .where(
            Message.contact_id.in_(people.ids),
            Message.state == MessageState.ACCEPTED,
            Message.flow.in_(cart_flows(session)),
            Enrollment.entry_key.is_not(None),
            Message.sent_on.is_not(None),
        )
    )
    return people.by_owner(
        (contact_id, Reminder(message_id=each, cart_id=key or "", sent_on=sent_on))
        for contact_id, each, key, sent_on in session.execute(query)
        if sent_on is not None
    )


def cart_flows(session: Session) -> list[str]:
    """List the flows that are about carts: their entries are told apart by them."""
    query = select(FlowVersion.flow, FlowVersion.definition)
    return sorted(
        {flow for flow, said in session.execute(query) if said.get("entry_key") == _CART_KEY}
    )
