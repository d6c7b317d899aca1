"""What is next best for one contact now, with the reason in words, as an e-mail may show it.

Asked anew: what has sold out, been bought, sent back or refused since the run is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
from sekvens.next_best.refusals import refused_by
from sekvens.next_best.tables import NextBest, Why
from sekvens.products.facts import ProductFacts
from sekvens.products.queries import product_ids_of, products_by_id
from sekvens.products.tables import OrderLine
from sekvens.shop import Localized

_WORDS: Final[Mapping[Why, Localized]] = {
    Why.AGAIN: {"sv": "Snart dags igen", "en": "Time for it again soon"},
    Why.GOES_WITH: {"sv": "Passar till {product}", "en": "Goes with {product}"},
    Why.POPULAR: {"sv": "Många har den", "en": "Many have it"},
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One product, and why."""

    product: ProductFacts
    why: Why
    reason: Localized  #: by locale
    due_on: datetime | None = None  #: shop time at which they need it again, if they do


def wanted_next(session: Session, contact_id: str, *, now: datetime) -> tuple[Wanted, ...]:
    """List what is next best for a canonical contact, the best first. `now` is shop time.

    Products that the shop has not imported are left out: nothing can be shown of them.
    """
    rows = session.scalars(
        select(NextBest).where(NextBest.contact_id == contact_id).order_by(NextBest.place)
    ).all()
    if not rows:
        return ()
    ids = {each for row in rows for each in (row.product_id, row.because_of) if each}
    products = products_by_id(session, ids, now=now)
    since = min(row.computed_at for row in rows)
    out = unwanted(session, contact_id, bought_since=since, now=now)
    return tuple(
        Wanted(
            product=product,
            why=Why(row.why),
            reason=reason_of(Why(row.why), because_of=products.get(row.because_of or "")),
            due_on=row.due_on,
        )
        for row in rows
        if (product := products.get(row.product_id)) is not None
        and product.in_stock
        and row.product_id not in out
    )


def needs_again(
    session: Session, contact_id: str, *, now: datetime, ahead: timedelta, overdue: timedelta
) -> bool:
    """Tell whether a canonical contact needs something again about now (shop time).

    The day on which it is due lies at most `ahead` from now, and at most `overdue` back.
    """
    first, last = now - overdue, now + ahead
    due = select(NextBest.place).where(
        NextBest.contact_id == contact_id, NextBest.due_on >= first, NextBest.due_on <= last
    )
    if session.scalar(due.limit(1)) is None:
        return False
    return any(
        each.due_on is not None and first <= each.due_on <= last
        for each in wanted_next(session, contact_id, now=now)
    )


def unwanted(
    session: Session, contact_id: str, *, bought_since: datetime, now: datetime
) -> set[str]:
    """Name what a canonical contact is not to be shown: just bought, sent back, refused."""
    names = known_as(session, [contact_id])[contact_id]
    lines = select(OrderLine.product_id).where(
        OrderLine.contact_id.in_(names),
        OrderLine.ordered_at <= now,
        or_(OrderLine.ordered_at > bought_since, OrderLine.state != "completed"),
    )
    owners = dict.fromkeys(names, contact_id)
    refused = refused_by(session, owners, until=now).get(contact_id, set())
    return set(product_ids_of(session, {*session.scalars(lines), *refused}).values())


def reason_of(why: Why, *, because_of: ProductFacts | None = None) -> Localized:
    """Say why a product is next best; what goes with one that cannot be named is popular."""
    if why is Why.GOES_WITH and because_of is None:
        why = Why.POPULAR
    titles = because_of.title if because_of is not None else {}
    return {
        locale: words.format(product=titles.get(locale) or next(iter(titles.values()), ""))
        for locale, words in _WORDS[why].items()
    }
