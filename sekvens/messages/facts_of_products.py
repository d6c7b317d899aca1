"""What is known of products, read from the database as plain values, for one contact.

What the shop has imported comes first; of a product that it has not, the events say what they say.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.events.tables import ContactEvent
from sekvens.flows.keys import key_of
from sekvens.messages.facts import Line, OrderFacts, TitledReview
from sekvens.messages.facts_of_orders import read_line, text_of
from sekvens.messages.formats import currency_code
from sekvens.next_best.reading import Wanted, reason_of, wanted_next
from sekvens.next_best.tables import Why
from sekvens.products import queries
from sekvens.products.facts import ProductFacts
from sekvens.reviews.queries import approved

#: A letter shows a handful: more is a catalogue.
SHOWN_MAX: Final = 5
DROPS_MAX: Final = 3
REVIEWS_MAX: Final = 6
#: What sold long ago is no bestseller.
BESTSELLERS_COUNT_FOR: Final = timedelta(days=90)
#: Views read to find the newest of one product: it is what they were looking at.
VIEWS_READ: Final = 50

_PRODUCT_VIEWED: Final = "Product Viewed"


def enriched(session: Session, lines: Sequence[Line], *, now: datetime) -> tuple[Line, ...]:
    """Put to each line the product that it names, if the shop has imported it."""
    ids = {line.product_id for line in lines if line.product_id}
    known = queries.products_by_id(session, ids, now=now) if ids else {}
    return tuple(
        replace(line, product=known.get(line.product_id)) if line.product_id else line
        for line in lines
    )


def product_of(
    session: Session, *, contact_id: str, product_id: str, now: datetime
) -> ProductFacts | None:
    """Tell a product; if the shop has not imported it, as the contact's newest view told it."""
    known = queries.products_by_id(session, [product_id], now=now).get(product_id)
    return known or _viewed(session, contact_id, product_id)


def bought(orders: Iterable[OrderFacts]) -> tuple[ProductFacts, ...]:
    """Tell what a contact has and kept, each product once, in the order of the orders."""
    products = (
        line.as_product(order.currency)
        for order in orders
        if order.state == "completed"
        for line in order.lines
    )
    return tuple({product.product_id: product for product in products}.values())


def review_facts(
    session: Session, at_hand: Collection[ProductFacts], *, locale: str, now: datetime
) -> tuple[TitledReview, ...]:
    """Tell reviews in the reader's language that may be shown, of the products at hand first."""
    ids = [product.product_id for product in at_hand]
    found = approved(session, product_ids=ids, limit=REVIEWS_MAX, locale=locale)
    products = queries.products_by_id(session, {review.product_id for review in found}, now=now)
    return tuple(
        TitledReview(
            author=review.author,
            text={locale: review.text},
            product=products[review.product_id].title,
            rating=review.rating,
            verified=review.verified,
            product_id=products[review.product_id].product_id,
        )
        for review in found
        if review.product_id in products and review.text
    )


def next_best(
    session: Session,
    *,
    of: Collection[Why],
    contact_id: str,
    exclude: Collection[str],
    now: datetime,
) -> tuple[Wanted, ...]:
    """Tell what is next best for a canonical contact, for some reasons; else what is popular.

    What is popular is shown where nothing is known of them, if that is one of the reasons; what is
    to be left out of it is in `exclude`.
    """
    known = wanted_next(session, contact_id, now=now)
    if known or Why.POPULAR not in of:
        return tuple(each for each in known if each.why in of)
    since = now - BESTSELLERS_COUNT_FOR
    popular = queries.bestsellers(session, limit=SHOWN_MAX, exclude=exclude, since=since, now=now)
    reason = reason_of(Why.POPULAR)
    return tuple(Wanted(product=each, why=Why.POPULAR, reason=reason) for each in popular)


def _viewed(session: Session, contact_id: str, product_id: str) -> ProductFacts | None:
    views = select(ContactEvent).where(
        ContactEvent.contact_id == contact_id, ContactEvent.name == _PRODUCT_VIEWED
    )
    newest = views.order_by(ContactEvent.occurred_at.desc()).limit(VIEWS_READ)
    for event in session.scalars(newest):
        said = event.properties
        if key_of(said.get("product_id")) != product_id:
            continue
        line = read_line(said)
        if line is not None:
            product = line.as_product(currency_code(said.get("currency")))
            return replace(product, category=text_of(said, "category"))
    return None
