"""How far each rule of expiry has come, so that the next round does not begin anew."""

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, Session, mapped_column

from sekvens.db.base import Base

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Expiry(Base):
    """One rule's mark: the rows up to this id, or this instant, have been dealt with."""

    __tablename__ = "expiries"

    rule: Mapped[str] = mapped_column(primary_key=True)
    through_id: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[datetime]  #: wall time of the last change


def mark_of(at: datetime) -> int:
    """Write an instant as a mark."""
    return (at - _EPOCH) // _MICROSECOND


def instant_of(mark: int) -> datetime:
    """Read the instant of a mark; of one that has not moved yet, long ago."""
    return _EPOCH + mark * _MICROSECOND


def dealt_with_until(session: Session, rule: str) -> datetime:
    """Tell up to which instant a rule has come, that goes by instants.

    It comes no further before this transaction is over.
    """
    mark = session.get(Expiry, rule, with_for_update={"read": True})
    return instant_of(mark.through_id if mark else 0)
