"""Taking reports in: kept once, and what they say becomes facts of the ledger and of the contact.

All of a batch is one transaction, and a message is deleted from its queue only after the commit. So
a crash repeats work and loses nothing, and whoever sees one report of a batch sees all of them.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.engagement import from_feedback
from sekvens.feedback.consequences import Consequences, Heard
from sekvens.feedback.fates import record_fate
from sekvens.feedback.kinds import OF_A_TAKEN_MESSAGE, ReportKind
from sekvens.feedback.reading import SEND, Report
from sekvens.feedback.tables import Feedback, FeedbackQueue, Probe
from sekvens.flows.shop_time import ShopTime
from sekvens.messages import settling
from sekvens.messages.settling import Told
from sekvens.messages.tables import Message

logger = logging.getLogger(__name__)

#: So long (wall time) a report of a message that we do not know may have overtaken our own commit.
#: SNS tries four times over HTTPS, 20 seconds apart: what it brings the third time is kept.
YOUNG: Final = timedelta(seconds=45)
SOFT_BOUNCES_MAX: Final = 7
#: How `sekvens.db.base.new_id` writes a message's id: others' tags of this name are not waited for.
_OUR_ID: Final = re.compile(r"m-[a-z2-7]{16}")


@dataclass(frozen=True, kw_only=True)
class Intake:
    """What came of a batch."""

    #: ids of reports that must come again: a sender is at that very message, or its row is not seen
    too_early: frozenset[str]
    #: whose facts have changed: their barrier is passed after the commit
    contact_ids: frozenset[str] = frozenset()
    #: the reports that were not known before
    fresh: tuple[Report, ...] = ()


def take_in(
    session: Session,
    reports: Sequence[Report],
    *,
    now: datetime,
    shop_time: ShopTime,
    soft_bounces_max: int = SOFT_BOUNCES_MAX,
) -> Intake:
    """Keep reports, and do what they ask for; `now` is wall time."""
    # Everybody's order, so that two who take in the same reports do not wait for one another.
    reports = sorted(reports, key=lambda report: (report.message_id or "", report.id))
    whose, ours = _ours(session, {each.message_id for each in reports if each.message_id})
    early = {each.id for each in reports if _has_overtaken_us(each, ours, now=now)}
    reports = [each for each in reports if each.id not in early]
    new = {report.id for report in reports if _keep(session, report, ours, now=now)}
    consequences = Consequences(shop_time=shop_time, soft_bounces_max=soft_bounces_max)
    changed: set[str] = set()
    for report in reports:
        if report.id in new:
            _say_if_odd(report, ours)
        if report.message_id not in whose:
            continue
        if report.kind in OF_A_TAKEN_MESSAGE and _settle(session, report, shop_time, now=now):
            early.add(report.id)
        if report.id in new:
            message_id, contact_id = report.message_id, whose[report.message_id]
            heard = Heard(report=report, message_id=message_id, contact_id=contact_id)
            record_fate(session, report)
            changed |= consequences.draw(session, heard, now=now)
    fresh = [report for report in reports if report.id in new]
    from_feedback.take_in(session, fresh, now=now, shop_time=shop_time)
    _log_duplicates(session, fresh)
    return Intake(too_early=frozenset(early), contact_ids=frozenset(changed), fresh=tuple(fresh))


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


def _ours(session: Session, ids: set[str]) -> tuple[dict[str, str], set[str]]:
    """Tell whose the messages of our ledger among these ids are, and which are those or probes."""
    # No rows of the ledger: what it says is read again under the row's lock.
    query = select(Message.id, Message.contact_id).where(Message.id.in_(ids))
    whose = {row.id: row.contact_id for row in session.execute(query)}
    probes = session.scalars(select(Probe.id).where(Probe.id.in_(ids)))
    return whose, {*whose, *probes}


def _has_overtaken_us(report: Report, ours: set[str], *, now: datetime) -> bool:
    """Tell whether a report may be of a message whose row is not to be seen yet."""
    message_id = report.message_id or ""
    is_unknown = message_id not in ours and _OUR_ID.fullmatch(message_id) is not None
    return is_unknown and now - report.at < YOUNG


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
            kind=report.kind,
            detail=report.detail,
        )
        .on_conflict_do_nothing(index_elements=["id"])
        .returning(Feedback.id)
    )
    return row.scalar_one_or_none() is not None


def _settle(session: Session, report: Report, shop_time: ShopTime, *, now: datetime) -> bool:
    """Tell the ledger that SES took a message; true: a sender is at it, so it must be told again.

    Whatever SES reports of a message, it has taken it: where the Send event is lost, any other of
    that message does as well.
    """
    taken_at = report.taken_at or report.at
    told = settling.told_by_ses(
        session,
        str(report.message_id),
        ses_message_id=report.ses_message_id,
        at=taken_at,
        sent_on=shop_time.at(taken_at),
        now=now,
    )
    if told in (Told.SETTLED, Told.CORRECTED):
        _log_settled(report, told)
    return told is Told.TOO_EARLY


def _insert(session: Session) -> Any:
    return sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert


def _say_if_odd(report: Report, ours: set[str]) -> None:
    """Say what an operator wants to hear of: what cannot be read, is not known, or is nobody's."""
    if report.kind is ReportKind.UNREADABLE:
        extra = {"action": "feedback_unreadable", "feedback_id": report.id}
        logger.warning("a message in the queue is no report of SES", extra=extra)
    elif report.kind is ReportKind.UNKNOWN:
        extra = {"action": "feedback_unknown", "feedback_id": report.id}
        logger.warning("SES reports %s, which Sekvens does not know", report.type, extra=extra)
    elif _OUR_ID.fullmatch(report.message_id or "") and report.message_id not in ours:
        extra = {"action": "feedback_unmatched", "feedback_id": report.id}
        said = "SES reports on message %s, which our ledger does not have"
        logger.warning(said, report.message_id, extra=extra)


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
