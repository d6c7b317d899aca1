"""SES's own opens and clicks, where its tracking is on, become engagement.

Opens are kept and steer nothing. A click is settled as one of ours is, unless the message's links
lead through us: then the same click has come that way already. A report is kept once.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.engagement.clicks import SETTLING
from sekvens.engagement.machine import DELIVERY_MIN, Reason
from sekvens.engagement.reported import CLICK, OPEN
from sekvens.engagement.tables import Engagement, Kind, Source
from sekvens.flows.shop_time import ShopTime
from sekvens.messages.tables import Message, MessageLinks

if TYPE_CHECKING:
    from sekvens.feedback.reading import Report


def take_in(
    session: Session, reports: Sequence["Report"], *, now: datetime, shop_time: ShopTime
) -> None:
    """Keep what reports say of opens and clicks of our messages; `now` is wall time.

    Whether a contact allows it was asked when the message was sent: without, SES tracks nothing.
    """
    told = {each.id: each for each in reports if each.type in (OPEN, CLICK) and each.message_id}
    if not told:
        return
    ids = {each.message_id for each in told.values()}
    messages = {row.id: row for row in session.scalars(select(Message).where(Message.id.in_(ids)))}
    with_links = select(MessageLinks.message_id).where(MessageLinks.message_id.in_(ids))
    through_us = set(session.scalars(with_links))
    for report in told.values():
        message = messages.get(report.message_id or "")
        if message is not None:
            reason = report.machine or _too_soon(report, message, shop_time)
            steers = report.type == CLICK and reason is None and message.id not in through_us
            _keep(session, report, message, reason, settles_at=now + SETTLING if steers else None)


def _too_soon(report: "Report", message: Message, shop_time: ShopTime) -> Reason | None:
    if report.type != CLICK or message.sent_on is None:
        return None
    return Reason.TOO_SOON if shop_time.at(report.at) - message.sent_on < DELIVERY_MIN else None


def _keep(
    session: Session,
    report: "Report",
    message: Message,
    reason: Reason | None,
    *,
    settles_at: datetime | None,
) -> None:
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if is_sqlite else postgresql.insert
    session.execute(
        insert(Engagement)
        .values(
            kind=Kind.CLICK if report.type == CLICK else Kind.OPEN,
            source=Source.SES,
            report_id=report.id,
            message_id=message.id,
            contact_id=message.contact_id,
            link_id=report.link_id if report.type == CLICK else None,
            at=report.at,
            is_machine=reason is not None,
            reason=reason,
            settles_at=settles_at,
        )
        .on_conflict_do_nothing(index_elements=["report_id"])
    )
