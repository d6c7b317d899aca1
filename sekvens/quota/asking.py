"""Asking SES what the account may send: one worker of the fleet at a time, about once a minute.

What SES said last stands until it says something else: where it cannot be asked, the fleet goes on
at the rate that it knew.
"""

import logging
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from sekvens.clock import Clock
from sekvens.db.session import Database
from sekvens.errors import NotSent
from sekvens.quota.room import Day, left_for_marketing, queue_rate
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.ses.client import Quota

logger = logging.getLogger(__name__)

ASK_INTERVAL = timedelta(minutes=1)
#: After a question that SES did not answer; it lets itself be asked once a second.
ASK_AGAIN_INTERVAL = timedelta(seconds=5)


class Account(Protocol):
    """What can be asked: `SesClient`, or `sekvens.ses.testing.FakeSes`."""

    def quota(self) -> Quota:
        """Tell what the account may send.

        Raises:
            NotSent: SES cannot be asked now.
        """
        ...


class QuotaDesk:
    """Asks when it is this process's turn. One per process.

    Args:
        share: of the day's quota, kept for order mail.
    """

    def __init__(self, *, database: Database, account: Account, clock: Clock, share: float) -> None:
        self._database = database
        self._account = account
        self._clock = clock
        self._share = share
        self._is_away = False

    def ask(self) -> bool:
        """Ask SES if nobody has for a while; tell whether it was asked and has answered."""
        now = self._clock.now()
        with self._database.read() as session:
            if session.scalar(select(SesQuota.id).where(~_is_due(now))) is not None:
                return False
        with self._database.write() as session:
            if not _take_turn(session, now=now):
                return False
        try:
            quota = self._account.quota()
        except NotSent as error:
            self._say_away(error)
            return False
        with self._database.write() as session:
            self._record(session, quota, asked_at=now)
        self._say_back()
        return True

    def queue_rate(self) -> float:
        """Tell how many messages a second the queue may let through; ask SES if nobody ever did.

        Raises:
            NotSent: SES has never answered, and does not now.
        """
        self.ask()
        with self._database.read() as session:
            known = session.get(SesQuota, THE_ACCOUNT)
        if known is None or known.send_rate_max is None:
            raise NotSent("SES has never told what the account may send")
        return queue_rate(known.send_rate_max)

    def _record(self, session: Session, quota: Quota, *, asked_at: datetime) -> None:
        """Write down what SES said, unless somebody has asked since: we may have been frozen."""
        known = session.scalars(
            select(SesQuota).where(SesQuota.id == THE_ACCOUNT, SesQuota.asked_at == asked_at)
        ).one_or_none()
        if known is None:
            return
        day = Day(
            day_max=quota.day_max,
            sent=quota.sent_last_day,
            send_rate_max=quota.send_rate_max,
            told_at=asked_at,
        )
        is_full = left_for_marketing(day, share=self._share) <= 0
        _say_changes(known, quota, is_full=is_full)
        known.told_at = asked_at
        known.send_rate_max = quota.send_rate_max
        known.day_max = quota.day_max
        known.sent_last_day = quota.sent_last_day
        known.sending_enabled = quota.sending_enabled
        known.paused_since = None if quota.sending_enabled else known.paused_since or asked_at
        known.full_since = (known.full_since or asked_at) if is_full else None

    def _say_away(self, error: NotSent) -> None:
        if not self._is_away:
            extra = {"action": "dependency_unreachable", "dependency": "SES"}
            logger.warning(
                "SES does not tell what the account may send (%s); its last word holds",
                error,
                extra=extra,
            )
        self._is_away = True

    def _say_back(self) -> None:
        if self._is_away:
            extra = {"action": "dependency_back", "dependency": "SES"}
            logger.info("SES tells again what the account may send", extra=extra)
        self._is_away = False


def _is_due(now: datetime) -> ColumnElement[bool]:
    unanswered = or_(SesQuota.told_at.is_(None), SesQuota.told_at < SesQuota.asked_at)
    return or_(
        SesQuota.asked_at <= now - ASK_INTERVAL,
        and_(unanswered, SesQuota.asked_at <= now - ASK_AGAIN_INTERVAL),
        # Somebody's clock was wrong: nobody shall wait for it.
        SesQuota.asked_at > now + ASK_INTERVAL,
    )


def _take_turn(session: Session, *, now: datetime) -> bool:
    """Take the turn to ask, if it is still to be had: of two who try at once, one gets it."""
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    first = insert(SesQuota).values(id=THE_ACCOUNT, asked_at=now).on_conflict_do_nothing()
    if session.execute(first.returning(SesQuota.id)).scalar_one_or_none() is not None:
        return True
    turn = update(SesQuota).where(SesQuota.id == THE_ACCOUNT, _is_due(now)).values(asked_at=now)
    return session.execute(turn.returning(SesQuota.id)).scalar_one_or_none() is not None


def _say_changes(known: SesQuota, quota: Quota, *, is_full: bool) -> None:
    """Say what an operator wants to know, once: whoever asked says it for the fleet."""
    if (known.send_rate_max, known.day_max) != (quota.send_rate_max, quota.day_max):
        day = "any number" if quota.day_max < 0 else f"{quota.day_max:,.0f}"
        logger.info(
            "SES takes %g messages a second from this account, and %s in 24 hours",
            quota.send_rate_max,
            day,
            extra={"action": "quota_changed"},
        )
    if not quota.sending_enabled and known.paused_since is None:
        logger.error(
            "SES takes nothing from this account: a person must mend it; every message waits",
            extra={"action": "account_paused"},
        )
    elif quota.sending_enabled and known.paused_since is not None:
        logger.info("SES takes mail from this account again", extra={"action": "account_resumed"})
    if is_full and known.full_since is None:
        logger.warning(
            "marketing has used up its share of SES's daily quota; it waits, order mail goes on",
            extra={"action": "daily_quota_used"},
        )
    elif not is_full and known.full_since is not None:
        extra = {"action": "daily_quota_has_room"}
        logger.info("SES's daily quota has room for marketing again", extra=extra)
