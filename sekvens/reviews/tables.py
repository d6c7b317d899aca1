"""Reviews, each pending until somebody has read it.

Whether its author bought the product is not kept here: it is asked of the orders.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ReviewState(StrEnum):
    """Whether a review may be shown."""

    PENDING = "pending"  #: nobody has read it yet
    APPROVED = "approved"  #: may be shown
    REJECTED = "rejected"  #: must not be shown


class ReviewSource(StrEnum):
    """Where a review came from."""

    PRODUCT_REVIEWED = "product_reviewed"  #: the event
    IMPORT = "import"  #: a file


class Review(Base):
    """What somebody wrote about a product."""

    __tablename__ = "reviews"
    __table_args__ = (Index("ix_reviews_state_product_id", "state", "product_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)  #: the shop's, or made of what it says
    product_id: Mapped[str]  #: as the event or the file carried it
    contact_id: Mapped[str | None] = mapped_column(ForeignKey("contacts.id"), index=True)
    #: first name and an initial at the most; None: the contact's own
    author: Mapped[str | None]
    rating: Mapped[int]  #: 1 to 5
    text: Mapped[str]
    locale: Mapped[str | None]
    written_on: Mapped[datetime]  #: shop time
    source: Mapped[str]
    state: Mapped[str]
    changed_at: Mapped[datetime]  #: wall time of its last change
