"""What is next best for one contact now, with the reason in words, as an e-mail may show it.

Asked anew: what has sold out or been bought since the run is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import known_as
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
    since = _bought_since(session, contact_id, min(row.computed_at for row in rows))
    return tuple(
        Wanted(
            product=product,
            why=Why(row.why),
            reason=_reason(Why(row.why), products.get(row.because_of or "")),
        )
        for row in rows
        if (product := products.get(row.product_id)) is not None
        and product.in_stock
        and row.product_id not in since
    )


def _bought_since(session: Session, contact_id: str, at: datetime) -> set[str]:
    names = known_as(session, [contact_id])[contact_id]
    lines = select(OrderLine.product_id).where(
        OrderLine.contact_id.in_(names), OrderLine.ordered_at > at
    )
    return set(product_ids_of(session, set(session.scalars(lines))).values())


def _reason(why: Why, because_of: ProductFacts | None) -> Localized:
    """Say why; what goes with a product that cannot be named is said to be popular."""
    if why is Why.GOES_WITH and because_of is None:
        why = Why.POPULAR
    titles = because_of.title if because_of is not None else {}
    return {
        locale: words.format(product=titles.get(locale) or next(iter(titles.values()), ""))
        for locale, words in _WORDS[why].items()
    }
