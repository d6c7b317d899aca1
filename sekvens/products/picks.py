"""What somebody at the shop picks by hand: which products go together, and drops."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from sekvens.db.base import new_id
from sekvens.errors import SekvensError
from sekvens.products.queries import product_ids_of
from sekvens.products.tables import Drop, Pairing, Product


class UnknownProduct(SekvensError):
    """No product has this id. `starter.py products list` shows those that are known."""


class UnknownDrop(SekvensError):
    """No drop has this id. `starter.py products drop list` shows those to come."""


class NotADrop(SekvensError):
    """A drop needs a product, or a title and an address."""


def pair(session: Session, one: str, other: str, *, now: datetime) -> bool:
    """Say that two products go together; False if somebody has said so before. `now`: wall time.

    Raises:
        UnknownProduct: there is no such product, or both are the same.
    """
    first, second = sorted((_known(session, one), _known(session, other)))
    if first == second:
        raise UnknownProduct(f"{one!r} and {other!r} are one product: name two")
    if session.get(Pairing, (first, second)) is not None:
        return False
    session.add(Pairing(product_id=first, other_id=second, created_at=now))
    return True


def unpair(session: Session, one: str, other: str) -> bool:
    """Take a pairing back; False if there was none."""
    own = product_ids_of(session, (one, other))
    row = session.get(Pairing, tuple(sorted((own[one], own[other]))))
    if row is not None:
        session.delete(row)
    return row is not None


def add_drop(
    session: Session,
    *,
    opens_on: datetime,
    product_id: str | None = None,
    titles: Mapping[str, str] | None = None,
    texts: Mapping[str, str] | None = None,
    url: str | None = None,
    early_access_on: datetime | None = None,
) -> str:
    """Announce a drop; tell its id. Times are shop time.

    Raises:
        UnknownProduct: there is no such product.
        NotADrop: it says neither what it is nor where, or it opens for subscribers after all.
    """
    if product_id is None and not (titles and url):
        raise NotADrop("a drop without a product needs a title and an address")
    if early_access_on is not None and early_access_on >= opens_on:
        raise NotADrop("early access must begin before the drop opens for everybody")
    drop = Drop(
        id=new_id("d"),
        product_id=_known(session, product_id) if product_id is not None else None,
        titles=dict(titles or {}),
        texts=dict(texts or {}),
        url=url,
        opens_on=opens_on,
        early_access_on=early_access_on,
    )
    session.add(drop)
    return drop.id


def remove_drop(session: Session, drop_id: str) -> None:
    """Take a drop back.

    Raises:
        UnknownDrop: there is none of this id.
    """
    row = session.get(Drop, drop_id)
    if row is None:
        raise UnknownDrop(
            f"no drop has the id {drop_id!r}: `starter.py products drop list` shows those to come"
        )
    session.delete(row)


def _known(session: Session, product_id: str) -> str:
    own = product_ids_of(session, [product_id])[product_id]
    if session.get(Product, own) is None:
        raise UnknownProduct(
            f"no product has the id {product_id!r}: `starter.py products list` shows those known"
        )
    return own
