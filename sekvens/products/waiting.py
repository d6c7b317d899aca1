"""Who waits for news of a product: who asked to be told, put it into a cart, or looked at it.

Whoever has ordered the product since does not wait any more, nor who asked and then unsubscribed.
A request is answered once.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.orm import Session

from sekvens.contacts.aliases import canonical
from sekvens.events.facts import chunks
from sekvens.events.schema import (
    BACK_IN_STOCK_REQUESTED,
    PRODUCT_ADDED,
    PRODUCT_VIEWED,
    UNSUBSCRIBED,
)
from sekvens.events.tables import ContactEvent
from sekvens.flows.keys import key_of
from sekvens.products.section import ProductSettings
from sekvens.products.tables import ChangeKind, OrderLine, ProductChange, ProductVariant

ASKED, CARTED, VIEWED = "asked", "carted", "viewed"
#: What shows that somebody waits, and what it is told as.
INTEREST: Final[Mapping[str, str]] = {
    BACK_IN_STOCK_REQUESTED: ASKED,
    PRODUCT_ADDED: CARTED,
    "Product Added to Wishlist": CARTED,
    PRODUCT_VIEWED: VIEWED,
}
#: The strongest first.
_REASONS: Final = (ASKED, CARTED, VIEWED)
#: Of fewer products than these, the database itself looks for their ids in events.
_NAMED_MAX: Final = 20
_PLAIN: Final = re.compile(r"[A-Za-z0-9._:-]+")
_ROWS_AT_ONCE: Final = 1_000


class _Interest(NamedTuple):
    contact_id: str
    because: str
    product_id: str
    at: datetime  #: shop time


def who_waits(
    session: Session, changes: Sequence[ProductChange], *, news: ProductSettings
) -> dict[int, dict[str, str]]:
    """Find who waits for what has changed: by the change's id, contacts with the reason.

    Contacts are canonical. Events are read once for all changes.
    """
    by_product: defaultdict[str, list[ProductChange]] = defaultdict(list)
    for change in changes:
        by_product[change.product_id].append(change)
    answered = {change.id: _answered_until(session, change) for change in changes}
    found: dict[int, list[_Interest]] = {change.id: [] for change in changes}
    for interest in _interests(session, by_product, changes, news) if changes else ():
        for change in by_product[interest.product_id]:
            if _counts(change, interest, news, answered[change.id]):
                found[change.id].append(interest)
    return {change.id: _still_waiting(session, change, found[change.id]) for change in changes}


def _interests(
    session: Session,
    product_ids: Collection[str],
    changes: Sequence[ProductChange],
    news: ProductSettings,
) -> Iterator[_Interest]:
    """Read who showed interest in these products, as far back as any of it counts."""
    lasts = timedelta(days=max(news.asked_days, news.interest_days))
    query = select(
        ContactEvent.contact_id,
        ContactEvent.name,
        ContactEvent.properties,
        ContactEvent.occurred_at,
    ).where(
        ContactEvent.name.in_(sorted(INTEREST)),
        ContactEvent.occurred_at > min(each.at for each in changes) - lasts,
        ContactEvent.contact_id.is_not(None),
    )
    own = _ids_of(session, product_ids)
    if len(own) <= _NAMED_MAX and all(_PLAIN.fullmatch(each) for each in own):
        text = cast(ContactEvent.properties, String)
        query = query.where(or_(*(text.contains(each, autoescape=True) for each in own)))
    rows = session.execute(query.execution_options(yield_per=_ROWS_AT_ONCE))
    for whose, name, said, at in rows:
        named = said.get("product_id")
        product_id = own.get(key_of(named)) if named is not None else None
        if whose is not None and product_id is not None:
            yield _Interest(whose, INTEREST[name], product_id, at)


def _ids_of(session: Session, product_ids: Collection[str]) -> dict[str, str]:
    """Tell which ids of events lead to these products: their own, and those of their variants."""
    own = {each: each for each in product_ids}
    for some in chunks(product_ids):
        variants = select(ProductVariant.id, ProductVariant.product_id)
        rows = session.execute(variants.where(ProductVariant.product_id.in_(some)))
        own.update((variant, product_id) for variant, product_id in rows)
    return own


def _answered_until(session: Session, change: ProductChange) -> datetime | None:
    """Tell when the product was last told to be back, before a change."""
    return session.scalar(
        select(func.max(ProductChange.at)).where(
            ProductChange.product_id == change.product_id,
            ProductChange.kind == ChangeKind.BACK_IN_STOCK,
            ProductChange.id < change.id,
            ProductChange.contacts > 0,
        )
    )


def _counts(
    change: ProductChange, interest: _Interest, news: ProductSettings, answered: datetime | None
) -> bool:
    is_asked = interest.because == ASKED
    lasts = timedelta(days=news.asked_days if is_asked else news.interest_days)
    is_answered = is_asked and answered is not None and interest.at <= answered
    return change.at - lasts < interest.at <= change.at and not is_answered


def _still_waiting(
    session: Session, change: ProductChange, found: Sequence[_Interest]
) -> dict[str, str]:
    """Tell the strongest reason of each contact, of those that no order or unsubscribe ended."""
    everybody = {each.contact_id for each in found}
    stand: dict[str, str] = {}
    for some in chunks(everybody):
        stand |= canonical(session, some)
    ordered = _newest_orders(session, change.product_id, everybody)
    left = _newest_unsubscribes(session, {e.contact_id for e in found if e.because == ASKED})
    told: dict[str, str] = {}
    for each in sorted(found, key=lambda each: -_REASONS.index(each.because)):
        ends = [ordered.get(each.contact_id)]
        ends += [left.get(each.contact_id)] if each.because == ASKED else []
        if all(end is None or end < each.at for end in ends):
            told[stand[each.contact_id]] = each.because
    return told


def _newest_orders(
    session: Session, product_id: str, contact_ids: Collection[str]
) -> dict[str, datetime]:
    newest = select(OrderLine.contact_id, func.max(OrderLine.ordered_at)).where(
        OrderLine.product_id.in_(sorted(_ids_of(session, [product_id])))
    )
    found: dict[str, datetime] = {}
    for some in chunks(contact_ids):
        theirs = newest.where(OrderLine.contact_id.in_(some)).group_by(OrderLine.contact_id)
        found.update((whose, at) for whose, at in session.execute(theirs))
    return found


def _newest_unsubscribes(session: Session, contact_ids: Collection[str]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for some in chunks(contact_ids):
        newest = (
            select(ContactEvent.contact_id, func.max(ContactEvent.occurred_at))
            .where(ContactEvent.contact_id.in_(some), ContactEvent.name == UNSUBSCRIBED)
            .group_by(ContactEvent.contact_id)
        )
        rows = session.execute(newest)
        found.update((whose, at) for whose, at in rows if whose is not None)
    return found
