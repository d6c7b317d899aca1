"""Open cases: while a delay, a return, a complaint or a reply is not settled, nothing is offered.

A case that its shop forgot to close must not silence a contact for ever, so it stops counting.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from sekvens.events.tables import CaseKind, OpenCase

#: A return has 14 days to be announced, 14 to be sent and 14 to be refunded: what is older than
#: that, with some weeks to spare, has been settled by people who did not tell us.
COUNTS_FOR: Final = timedelta(days=60)
#: Help desks close what they answered without telling anybody; a week without an answer is rude,
#: and no reason to be silent for two months.
REPLY_COUNTS_FOR: Final = timedelta(days=7)


def open_cases(
    session: Session, contact_ids: Collection[str], *, now: datetime
) -> tuple[CaseKind, ...]:
    """Tell what kinds of cases are open for a person, by all their ids. `now` is shop time."""
    query = (
        select(OpenCase.kind)
        .where(
            OpenCase.contact_id.in_(contact_ids),
            OpenCase.opened_at > now - COUNTS_FOR,
            or_(OpenCase.kind != CaseKind.REPLY, OpenCase.opened_at > now - REPLY_COUNTS_FOR),
            or_(OpenCase.closed_at.is_(None), OpenCase.closed_at < OpenCase.opened_at),
        )
        .distinct()
        .order_by(OpenCase.kind)
    )
    return tuple(CaseKind(kind) for kind in session.scalars(query))
