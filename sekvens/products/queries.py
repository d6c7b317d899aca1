"""Named questions about products. Nothing is written.

`now` is shop time, and optional: with it, a reduction whose end the feed told is over in time.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session, aliased

from sekvens.events.facts import chunks
from sekvens.products.facts import DropFacts, ProductFacts, decimal, drop_facts, product_facts
from sekvens.products.prices import Charged, Reduction, reduction
from sekvens.products.tables import (
    Drop,
    OrderLine,
    Pairing,
    Product,
    ProductPrice,
    ProductVariant,
)

#: What is bought together is learnt from so many of a product's newest orders.
ORDERS_READ: Final = 500
#: Products of one order belong together more than those of one contact's two orders.
SAME_ORDER_WEIGHT: Final = 3
#: A drop is news for so long after it opened.
DROP_IS_NEW: Final = timedelta(days=14)

#: So many bestsellers may be sold out or unknown before there are fewer than asked for.
SOLD_OUT_MAX: Final = 50

_COMPLETED: Final = "completed"


def products_by_id(
    session: Session, ids: Collection[str], *, now: datetime | None = None
) -> dict[str, ProductFacts]:
    """Find products, by the ids that were asked for; those of variants lead to their product."""
    own = product_ids_of(session, ids)
    found = {facts.product_id: facts for facts in _facts(session, set(own.values()), now=now)}
    return {asked: found[own[asked]] for asked in ids if own.get(asked) in found}


def all_products(
    session: Session, *, limit: int, now: datetime | None = None
) -> tuple[ProductFacts, ...]:
    """List products by their ids."""
    ids = session.scalars(select(Product.id).order_by(Product.id).limit(limit)).all()
    return _in_order(session, ids, now=now)


def known_ids(session: Session) -> frozenset[str]:
    """Tell every id that leads to a product."""
    return frozenset(
        [*session.scalars(select(Product.id)), *session.scalars(select(ProductVariant.id))]
    )


def product_ids_of(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Tell which product each id means: its own, or that of the variant; unknown ones stay."""
    own = {asked: asked for asked in ids}
    for some in chunks(set(ids)):
        variants = select(ProductVariant.id, ProductVariant.product_id)
        found = session.execute(variants.where(ProductVariant.id.in_(some)))
        own.update((variant, product_id) for variant, product_id in found)
    return own


def in_stock(session: Session, product_ids: Collection[str]) -> dict[str, bool]:
    """Tell which products can be ordered; one that we do not know counts as in stock."""
    own = product_ids_of(session, product_ids)
    gone: set[str] = set()
    for some in chunks(set(own.values())):
        sold_out = select(Product.id).where(Product.id.in_(some), Product.in_stock.is_(False))
        gone.update(session.scalars(sold_out))
    return {asked: own[asked] not in gone for asked in product_ids}


def sold_out(session: Session) -> frozenset[str]:
    """Tell every id that leads to a product which cannot be ordered."""
    gone = set(session.scalars(select(Product.id).where(Product.in_stock.is_(False))))
    variants = select(ProductVariant.id).join(Product, ProductVariant.product_id == Product.id)
    return frozenset(gone.union(session.scalars(variants.where(Product.in_stock.is_(False)))))


def bestsellers(
    session: Session,
    *,
    limit: int,
    exclude: Collection[str] = (),
    since: datetime,
    now: datetime | None = None,
) -> tuple[ProductFacts, ...]:
    """List the products in stock that were in most orders since an instant of shop time.

    Orders that were refunded or cancelled do not count. Two variants in one order count as two.
    """
    left_out = set(_own(session, exclude))
    # Grouped by the bare column, SQLite walks the index on products and with it every order line
    # there is; by an expression, only the lines since then.
    sold_id = func.coalesce(OrderLine.product_id, "").label("product_id")
    bought = (
        select(sold_id, func.count().label("orders"))
        .where(OrderLine.state == _COMPLETED, OrderLine.ordered_at >= since)
        .group_by(sold_id)
        .subquery()
    )
    own_id = func.coalesce(ProductVariant.product_id, bought.c.product_id)
    ranked = session.scalars(
        select(own_id)
        .select_from(bought)
        .outerjoin(ProductVariant, ProductVariant.id == bought.c.product_id)
        .group_by(own_id)
        .order_by(func.sum(bought.c.orders).desc(), own_id)
        .limit(limit + len(left_out) + SOLD_OUT_MAX)
    )
    # Joining the products only now spares the database to read those that nobody will see.
    found = _in_order(session, _wanted(ranked.all(), left_out), now=now)
    return tuple(facts for facts in found if facts.in_stock)[:limit]


def new_since(
    session: Session,
    *,
    since: datetime,
    limit: int,
    exclude: Collection[str] = (),
    now: datetime | None = None,
) -> tuple[ProductFacts, ...]:
    """List the products in stock that came to the shop after an instant, the newest first.

    What was there when the shop's products were first imported is new to nobody.
    """
    came = select(Product.id).where(
        Product.available_on > since, Product.in_stock, Product.id.not_in(_own(session, exclude))
    )
    if now is not None:
        came = came.where(Product.available_on <= now)
    newest = session.scalars(came.order_by(Product.available_on.desc(), Product.id).limit(limit))
    return _in_order(session, newest.all(), now=now)


def related(
    session: Session,
    *,
    to: Collection[str],
    limit: int,
    exclude: Collection[str] = (),
    now: datetime | None = None,
) -> tuple[ProductFacts, ...]:
    """List products in stock that go with some: hand-picked ones first, then bought together.

    With `now`, the products of drops that have just opened stand between the two.
    """
    mine = set(_own(session, to))
    left_out = mine | set(_own(session, exclude))
    picked = _paired(session, mine) + (_dropped(session, now) if now else [])
    first = _in_order(session, _wanted(picked, left_out), now=now)
    ahead = [facts for facts in first if facts.in_stock][:limit]
    if len(ahead) == limit:
        return tuple(ahead)
    left_out |= {facts.product_id for facts in ahead}
    bought = _bought_together(session, mine, limit=limit + len(left_out))
    rest = _wanted(bought, left_out)[: limit - len(ahead)]
    return (*ahead, *_in_order(session, rest, now=now))


def drops(session: Session, *, now: datetime, limit: int) -> tuple[DropFacts, ...]:
    """List the drops that have not opened yet, the next one first. `now` is shop time."""
    rows = session.execute(
        select(Drop, Product)
        .outerjoin(Product, Product.id == Drop.product_id)
        .where(Drop.opens_on > now)
        .order_by(Drop.opens_on, Drop.id)
        .limit(limit)
    )
    return tuple(drop_facts(drop, product) for drop, product in rows)


def lowest_price_30_days(session: Session, product_id: str, *, now: datetime) -> Decimal | None:
    """Tell the lowest price of the 30 days before a product was reduced.

    None if it is not reduced at `now` (shop time), or if no price is known from that far back.
    """
    found = products_by_id(session, [product_id], now=now).get(product_id)
    return found.lowest_price_30_days if found else None


def _own(session: Session, ids: Collection[str]) -> list[str]:
    """List the products that ids mean, each id itself too."""
    return sorted({*ids, *product_ids_of(session, ids).values()})


def _wanted(ids: Sequence[str], left_out: Collection[str]) -> list[str]:
    """Leave out some, and what was named before."""
    return [product_id for product_id in dict.fromkeys(ids) if product_id not in left_out]


def _paired(session: Session, product_ids: Collection[str]) -> list[str]:
    ids = sorted(product_ids)
    pairs = session.execute(
        select(Pairing.product_id, Pairing.other_id)
        .where(Pairing.product_id.in_(ids) | Pairing.other_id.in_(ids))
        .order_by(Pairing.created_at, Pairing.product_id, Pairing.other_id)
    )
    return [other if one in product_ids else one for one, other in pairs]


def _dropped(session: Session, now: datetime) -> list[str]:
    opened = select(Drop.product_id).where(
        Drop.product_id.is_not(None), Drop.opens_on <= now, Drop.opens_on > now - DROP_IS_NEW
    )
    return [found for found in session.scalars(opened.order_by(Drop.opens_on.desc())) if found]


def _bought_together(session: Session, product_ids: Collection[str], *, limit: int) -> list[str]:
    variants = select(ProductVariant.id).where(ProductVariant.product_id.in_(sorted(product_ids)))
    ids = sorted({*product_ids, *session.scalars(variants)})
    theirs = (
        select(OrderLine.contact_id, OrderLine.order_id)
        .where(OrderLine.product_id.in_(ids), OrderLine.state == _COMPLETED)
        .order_by(OrderLine.ordered_at.desc())
        .limit(ORDERS_READ)
        .subquery()
    )
    line = aliased(OrderLine)
    own_id = func.coalesce(ProductVariant.product_id, line.product_id)
    weight = func.sum(case((line.order_id == theirs.c.order_id, SAME_ORDER_WEIGHT), else_=1))
    rows = session.scalars(
        select(Product.id)
        .select_from(theirs)
        .join(line, line.contact_id == theirs.c.contact_id)
        .outerjoin(ProductVariant, ProductVariant.id == line.product_id)
        .join(Product, Product.id == own_id)
        .where(line.state == _COMPLETED, Product.in_stock)
        .group_by(Product.id)
        .order_by(weight.desc(), Product.id)
        .limit(limit)
    )
    return list(rows)


def _in_order(
    session: Session, ids: Sequence[str], *, now: datetime | None
) -> tuple[ProductFacts, ...]:
    found = {facts.product_id: facts for facts in _facts(session, set(ids), now=now)}
    return tuple(found[product_id] for product_id in ids if product_id in found)


def _facts(
    session: Session, ids: Collection[str], *, now: datetime | None
) -> Iterable[ProductFacts]:
    for some in chunks(ids):
        rows = session.scalars(select(Product).where(Product.id.in_(some))).all()
        reduced = _reductions(session, [row.id for row in rows if row.regular_price is not None])
        for row in rows:
            yield product_facts(row, reduction=reduced.get(row.id), now=now)


def _reductions(session: Session, ids: Collection[str]) -> Mapping[str, Reduction | None]:
    found = price_histories(session, ids)
    return {product_id: reduction(history) for product_id, history in found.items()}


def price_histories(session: Session, ids: Collection[str]) -> Mapping[str, Sequence[Charged]]:
    """Read what products have cost, each the oldest price first."""
    histories: dict[str, list[Charged]] = {}
    for some in chunks(ids):
        asked = select(ProductPrice).where(ProductPrice.product_id.in_(some))
        for row in session.scalars(asked.order_by(ProductPrice.at, ProductPrice.id)):
            charged = Charged(
                price=Decimal(row.price),
                regular_price=decimal(row.regular_price),
                currency=row.currency,
                at=row.at,
            )
            histories.setdefault(row.product_id, []).append(charged)
    return histories
