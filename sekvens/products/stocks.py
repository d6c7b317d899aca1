"""Stock that a platform counts by size and by place, added up to whether a product can be ordered.

The counts of places are added up only where they came to what the platform said of all places:
whoever has not heard of each place yet knows no sum.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sekvens.products.listing import Counted, CountedVariant, PlaceCount, Stock
from sekvens.products.tables import PlaceStock, Product, VariantStock


def of_variants(session: Session, row: Product, counted: Counted) -> Stock | None:
    """Keep what is counted by sizes, and add it up; None: not enough is known to say.

    The product's row is stored, and its lock is held.
    """
    kept = {each.item_id: each for each in _variants(session, row.id)}
    told = {variant.item_id: variant for variant in counted.variants}
    gone = kept.keys() - told.keys() if counted.is_all else set()
    session.execute(delete(VariantStock).where(VariantStock.item_id.in_(sorted(gone))))
    known = {item_id: each for item_id, each in kept.items() if item_id not in gone}
    for item_id, variant in told.items():
        known[item_id] = _keep(session, row, variant, counted.at)
    stock = added_up(known.values())
    return stock if counted.is_all or stock.in_stock else None


def product_of(session: Session, said: PlaceCount) -> str | None:
    """Tell whose product's size is counted; None: nobody has told of it yet."""
    return session.scalar(
        select(VariantStock.product_id).where(VariantStock.item_id == said.item_id)
    )


def of_place(session: Session, said: PlaceCount) -> Stock | None:
    """Keep how many there are at a place, and add it up; None: that says nothing of the product.

    The lock of the product's row is held.
    """
    places = _places(session, said.item_id)
    before = {place_id: place.count for place_id, place in places.items()}
    place = places.get(said.place_id)
    if place is not None and said.at < place.told_at:
        return None  # a newer count of this place has overtaken it
    if place is None:
        place = PlaceStock(item_id=said.item_id, place_id=said.place_id)
        session.add(place)
    place.count, place.told_at = said.count, said.at
    variant = session.get(VariantStock, said.item_id)
    if variant is None or variant.count is None or said.at < variant.told_at:
        return None  # what was said of all places knows of it already, or nobody asks for a count
    if sum(before.values()) == variant.count:
        variant.count = sum((before | {said.place_id: said.count}).values())
    else:
        variant.count = max(variant.count, said.count)
    variant.told_at = said.at
    return added_up(_variants(session, variant.product_id))


def added_up(variants: Iterable[VariantStock]) -> Stock:
    """Tell whether any of a product's sizes can be ordered, and how many of all are left."""
    counts = [(each.count, each.sells_on) for each in variants]
    known = [max(0, count) for count, _ in counts if count is not None]
    return Stock(
        in_stock=any(count is None or count > 0 or sells_on for count, sells_on in counts),
        count=sum(known) if counts and len(known) == len(counts) else None,
    )


def _keep(session: Session, row: Product, variant: CountedVariant, at: datetime) -> VariantStock:
    newer = [each for each in _places(session, variant.item_id).values() if each.told_at > at]
    kept = session.get(VariantStock, variant.item_id) or VariantStock(item_id=variant.item_id)
    kept.product_id, kept.sells_on = row.id, variant.sells_on
    # Where a place has been counted since, that count stands.
    if kept.told_at is None or at >= kept.told_at:
        # Of places that overtook their product it is known that there are at least so many.
        counts = [each.count for each in newer]
        kept.count = None if variant.count is None else max([variant.count, *counts])
        kept.told_at = max([at, *(each.told_at for each in newer)])
    session.add(kept)
    return kept


def _variants(session: Session, product_id: str) -> Sequence[VariantStock]:
    query = select(VariantStock).where(VariantStock.product_id == product_id)
    return session.scalars(query.order_by(VariantStock.item_id)).all()


def _places(session: Session, item_id: str) -> dict[str, PlaceStock]:
    query = select(PlaceStock).where(PlaceStock.item_id == item_id).order_by(PlaceStock.place_id)
    return {each.place_id: each for each in session.scalars(query.with_for_update())}
