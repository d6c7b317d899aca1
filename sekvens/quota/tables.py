"""What SES said last of the account's limits: one row, for every process."""

from datetime import datetime
from typing import Final

from sqlalchemy.orm import Mapped, mapped_column

from sekvens.db.base import Base

#: An installation sends from one account, in one region.
THE_ACCOUNT: Final = 1


class SesQuota(Base):
    """The account's limits; a column is None until SES has answered once. All wall time."""

    __tablename__ = "ses_quota"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  #: `THE_ACCOUNT`
    asked_at: Mapped[datetime]  #: when SES was last asked, whatever it said: whose turn it is
    told_at: Mapped[datetime | None]  #: when it last answered: how old the figures are
    send_rate_max: Mapped[float | None]  #: messages (recipients) a second
    day_max: Mapped[float | None]  #: messages in 24 hours; -1: no limit
    sent_last_day: Mapped[float | None]  #: in the 24 hours before `told_at`, by SES's own count
    sending_enabled: Mapped[bool | None]  #: false: SES takes nothing until a person mends it
    paused_since: Mapped[datetime | None]  #: since when `sending_enabled` has been false
    full_since: Mapped[datetime | None]  #: since when marketing's share of the day is used up
