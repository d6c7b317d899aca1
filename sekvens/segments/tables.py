"""Figures of the shop's own, worked out from all its contacts."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class ShopFigure(Base):
    """One figure, as last worked out."""

    __tablename__ = "shop_figures"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    computed_at: Mapped[datetime]  #: wall time
