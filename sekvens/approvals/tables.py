"""What people have said of messages that waited for them."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base


class Approval(Base):
    """A person's word on one message: it may leave, or never will. The newest counts."""

    __tablename__ = "approvals"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id"), primary_key=True)
    #: the text that was approved: another one, which a move may bring, has not been
    template_digest: Mapped[str]
    is_approved: Mapped[bool]  #: False: rejected
    by: Mapped[str]  #: who said so, as they are known on their machine
    note: Mapped[str | None]  #: why, in their words
    at: Mapped[datetime]  #: wall time
