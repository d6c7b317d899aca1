"""What each contact is likely to want next, in order, with the reason."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class Why(StrEnum):
    """Why a product is next best; rows hold these values."""

    AGAIN = "again"  #: they buy it at a rhythm of their own, and it is time
    GOES_WITH = "goes_with"  #: who has `because_of` buys it too
    POPULAR = "popular"  #: most have it; nothing more is known


class NextBest(Base):
    """One product that is likely to be wanted by one contact."""

    __tablename__ = "next_best"

    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True)  #: 1 is the best
    product_id: Mapped[str]
    why: Mapped[str]  #: `Why`
    because_of: Mapped[str | None]  #: a product that they have
    due_on: Mapped[datetime | None] = mapped_column(index=True)  #: shop time; of `again` alone
    version: Mapped[int] = mapped_column(ForeignKey("prediction_models.id"), index=True)
    computed_at: Mapped[datetime]  #: shop time
