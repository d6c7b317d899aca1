"""The hours that were chosen, so that it can be shown whether choosing them is worth it."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class SendTimeChoice(Base):
    """When one wait of one enrollment was to end, and by what that was chosen."""

    __tablename__ = "send_time_choices"

    enrollment_id: Mapped[str] = mapped_column(ForeignKey("enrollments.id"), primary_key=True)
    step_id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    cohort: Mapped[str | None]  #: `Cohort`; none: too little was known, and it was the fixed hour
    at: Mapped[datetime]  #: shop time at which the wait ends
    chosen_on: Mapped[datetime] = mapped_column(index=True)  #: shop time of the choice
