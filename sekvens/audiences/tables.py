"""How far each rule of expiry has come, so that the next round does not begin anew."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class Expiry(Base):
    """One rule's mark: the rows up to this id have been dealt with."""

    __tablename__ = "expiries"

    rule: Mapped[str] = mapped_column(primary_key=True)
    through_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]  #: wall time of the last change
