"""Taking reports in: kept once, and what a Send event says becomes a fact of the ledger.

All of a batch is one transaction, and a message is deleted from its queue only after the commit. So
a crash repeats work and loses nothing, and whoever sees one report of a batch sees all of them.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.engagement import from_feedback
from sekvens.feedback.reading import SEND, UNREADABLE, Report
from sekvens.feedback.tables import Feedback, FeedbackQueue, Probe
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import settling
from sekvens.messages.settling import Told
from sekvens.messages.tables import Message

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What came of a batch."""

    #: ids of reports that must come again: a sender is at that very message
    too_early: frozenset[str]


def take_in(
    session: Session, reports: Sequence[Report], *, now: datetime, shop_time: ShopTime
) -> Intake:
    """Keep reports, and settle the messages that Send events tell of; `now` is wall time."""
    # Everybody's order, so that two who take in the same reports do not wait for one another.
    reports = sorted(reports, key=lambda report: (report.message_id or "", report.id))
    tagged = {report.message_id for report in reports if report.message_id}
    ours = _ours(session, tagged)
    new = {report.id for report in reports if _keep(session, report, ours, now=now)}
    too_early = set()
    for report in reports:
        if report.type == UNREADABLE and report.id in new:
            extra = {"action": "feedback_unreadable", "feedback_id": report.id}
            logger.warning("a message in the queue is no report of SES", extra=extra)
        if report.type != SEND or report.message_id not in ours:
            continue
        told = settling.told_by_ses(
            session,
            str(report.message_id),
            ses_message_id=report.ses_message_id,
            at=report.at,
            sent_on=shop_time.at(report.at),
            now=now,
        )
        if told is Told.TOO_EARLY:
            too_early.add(report.id)
        if told in (Told.SETTLED, Told.CORRECTED):
            _log_settled(report, told)
    from_feedback.take_in(session, [report for report in reports if report.id in new], now=now,
                          shop_time=shop_time)  # fmt: skip
    _log_duplicates(session, [report for report in reports if report.id in new])
    return Intake(too_early=frozenset(too_early))


def caught_up(session: Session, url: str, *, at: datetime) -> None:
    """Record that all that lay in a queue at an instant (wall time) has been read."""
    insert = _insert(session)(FeedbackQueue).values(url=url, caught_up_at=at)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["url"],
            set_={"caught_up_at": at},
            where=FeedbackQueue.caught_up_at < at,
        )
    )


def _ours(session: Session, ids: set[str]) -> set[str]:
    """Tell which of these ids are messages of our ledger, or probes."""
    messages = session.scalars(select(Message.id).where(Message.id.in_(ids)))
    probes = session.scalars(select(Probe.id).where(Probe.id.in_(ids)))
    return {*messages, *probes}


def _keep(session: Session, report: Report, ours: set[str], *, now: datetime) -> bool:
    """Write a report down; false if it was there already."""
    row = session.execute(
        _insert(session)(Feedback)
        .values(
            id=report.id,
            type=report.type,
            message_id=report.message_id,
            ses_message_id=report.ses_message_id,
            is_ours=report.message_id in ours,
            at=report.at,
            read_at=now,
            raw=report.raw,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(Feedback.id)
    )
    return row.scalar_one_or_none() is not None


def _insert(session: Session) -> Any:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _log_settled(report: Report, told: Told) -> None:
    if told is Told.CORRECTED:
        logger.warning(
            "SES took message %s, which the ledger had given up",
            report.message_id,
            extra={"action": "message_corrected", "message_id": report.message_id},
        )
    else:
        logger.info(
            "SES took message %s, whose answer was lost",
            report.message_id,
            extra={"action": "message_settled", "message_id": report.message_id},
        )


def _log_duplicates(session: Session, reports: Sequence[Report]) -> None:
    """Say of each message that SES has taken twice: that is never to be silent."""
    ids = {report.message_id for report in reports if report.type == SEND and report.message_id}
    query = (
        select(Feedback.message_id, Message.resent_in_doubt)
        .join(Message, Message.id == Feedback.message_id)
        .where(Feedback.message_id.in_(ids), Feedback.type == SEND)
        .group_by(Feedback.message_id, Message.resent_in_doubt)
        .having(func.count(Feedback.ses_message_id.distinct()) > 1)
    )
    for message_id, flagged in session.execute(query):
        logger.warning(
            "SES took message %s twice%s",
            message_id,
            ", as its flag says may be" if flagged else " and nobody had decided that",
            extra={"action": "message_sent_twice", "message_id": message_id, "flagged": flagged},
        )
