"""Products, their stock, what they cost over time, what goes with what, drops, and order lines.

A product's id is the one that events carry. What comes in sizes or colours is one product; the ids
of its variants lead to it.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, false
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base
from sekvens.events.tables import AutoId


class Product(Base):
    """A product. Texts are by locale; money is a decimal number as text, as orders keep it."""

    __tablename__ = "products"
    __table_args__ = (Index("ix_products_available_on", "available_on"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    titles: Mapped[dict[str, Any]]  #: locale -> text
    descriptions: Mapped[dict[str, Any]] = mapped_column(default=dict)  #: locale -> plain text
    benefits: Mapped[dict[str, Any]] = mapped_column(default=dict)  #: locale -> [text]
    cares: Mapped[dict[str, Any]] = mapped_column(default=dict)  #: locale -> text
    category: Mapped[str | None]  #: a key, the same in every locale
    brand: Mapped[str | None]
    price: Mapped[str | None]  #: what it costs now
    regular_price: Mapped[str | None]  #: what it costs when it is not reduced, if it is
    reduced_until: Mapped[datetime | None]  #: shop time; None: until the feed says otherwise
    currency: Mapped[str | None]
    url: Mapped[str | None]
    image_url: Mapped[str | None]
    in_stock: Mapped[bool] = mapped_column(default=True)  #: it can be ordered
    stock: Mapped[int | None]  #: how many are left, where the feed says
    #: shop time of the listing that told it sold out; None: it can be ordered, or nobody knows
    sold_out_on: Mapped[datetime | None]
    locale: Mapped[str]  #: the feed in this locale says price, stock and the rest
    first_seen_on: Mapped[datetime]  #: shop time of the listing that brought it
    #: shop time at which it came to the shop; None for what was there when we first looked
    available_on: Mapped[datetime | None]
    #: wall time at which it was so, by the clock of whoever told it, where they said: of `price`,
    #: of `stock`, and of each column beside them
    told_at: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")


class ProductVariant(Base):
    """Another id of a product: one of its sizes or colours, or its SKU."""

    __tablename__ = "product_variants"

    id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    #: it names the product itself, as another system does, and no size of it
    is_same: Mapped[bool] = mapped_column(default=False, server_default=false())


class VariantStock(Base):
    """How many there are of one size or colour that a platform counts by itself."""

    __tablename__ = "variant_stocks"

    item_id: Mapped[str] = mapped_column(primary_key=True)  #: what its counts go by
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), index=True)
    count: Mapped[int | None]  #: at all places; None: nobody counts, and it is always to be had
    sells_on: Mapped[bool]  #: it is sold though there are none
    told_at: Mapped[datetime]  #: wall time at which it was so, by the platform's clock


class PlaceStock(Base):
    """How many there are of one size or colour at one place; it may be known before the product."""

    __tablename__ = "place_stocks"

    item_id: Mapped[str] = mapped_column(primary_key=True)
    place_id: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    told_at: Mapped[datetime]  #: wall time at which it was so, by the platform's clock


class ProductPrice(Base):
    """What a product cost from an instant on: the evidence behind a reduced price."""

    __tablename__ = "product_prices"
    __table_args__ = (Index("ix_product_prices_product_id_at", "product_id", "at"),)

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    price: Mapped[str]
    regular_price: Mapped[str | None]
    currency: Mapped[str | None]
    at: Mapped[datetime]  #: shop time


class ChangeKind(StrEnum):
    """What about a product is news to whoever waits for it. Persisted: members stay."""

    BACK_IN_STOCK = "back_in_stock"  #: it was sold out for long enough, and can be ordered again
    PRICE_DROPPED = "price_dropped"  #: it costs enough less than at any time in 30 days


class ProductChange(Base):
    """News of a product, and how far those who wait for it have been told."""

    __tablename__ = "product_changes"
    __table_args__ = (
        Index("ix_product_changes_product_id_kind_at", "product_id", "kind", "at"),
        Index("ix_product_changes_told_at", "told_at"),
    )

    id: Mapped[int] = mapped_column(AutoId, primary_key=True, autoincrement=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"))
    kind: Mapped[str]  #: `ChangeKind`
    at: Mapped[datetime]  #: shop time of the listing that told it
    price: Mapped[str | None]  #: what it costs from then on; of a price that dropped alone
    lowest_price: Mapped[str | None]  #: the lowest of the 30 days before; of such a price alone
    cursor: Mapped[str | None]  #: the last contact who has been told
    contacts: Mapped[int] = mapped_column(default=0)  #: how many have been told
    told_at: Mapped[datetime | None]  #: wall time; None: somebody may be left to tell


class Pairing(Base):
    """Two products that somebody at the shop says go together; the ids are in sorted order."""

    __tablename__ = "pairings"

    product_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True)
    other_id: Mapped[str] = mapped_column(ForeignKey("products.id"), primary_key=True, index=True)
    created_at: Mapped[datetime]  #: wall time


class Drop(Base):
    """Something that goes on sale at an instant: a product, or what its title says."""

    __tablename__ = "drops"

    id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str | None] = mapped_column(ForeignKey("products.id"))
    titles: Mapped[dict[str, Any]] = mapped_column(default=dict)  #: locale -> text
    texts: Mapped[dict[str, Any]] = mapped_column(default=dict)  #: locale -> text
    url: Mapped[str | None]
    opens_on: Mapped[datetime] = mapped_column(index=True)  #: shop time
    early_access_on: Mapped[datetime | None]  #: shop time at which it opens for subscribers


class OrderLine(Base):
    """One product of one order, folded with the order: what bestsellers are counted from."""

    __tablename__ = "order_lines"
    __table_args__ = (
        Index("ix_order_lines_product_id_ordered_at", "product_id", "ordered_at"),
        # All that bestsellers need, so that the table itself is not read.
        Index("ix_order_lines_state_ordered_at", "state", "ordered_at", "product_id"),
    )

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(primary_key=True)  #: as the event carried it
    quantity: Mapped[int]
    ordered_at: Mapped[datetime]  #: shop time
    state: Mapped[str]  #: the order's: completed, refunded, cancelled
