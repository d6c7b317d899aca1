"""What holds the messages of many contacts at once: switches, the breaker, SES's own limits.

Held is not refused: a message waits, listening, and is looked at again. All times are wall time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.wire import SendInput
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message
from sekvens.quota.room import TRUSTED_FOR, Day, has_surely_room, left_for_marketing
from sekvens.quota.tables import THE_ACCOUNT, SesQuota
from sekvens.sections import SendingSettings
from sekvens.switches.pace import next_look
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import holding

#: A paused account is mended by a person, who wants to see mail leave: looks are closer together …
PAUSED_SPREAD_MAX = timedelta(minutes=8)
#: … and those at order mail twice as close, so that it goes on first.
PAUSED_SPREAD_MAX_OF_ORDER_MAIL = timedelta(minutes=4)


class HeldBy(StrEnum):
    """What holds a message. In journals and logs: members are never renamed."""

    STOPPED = "stopped"  #: a person has stopped the flow, or everything
    PAUSED = "paused"  #: a person has paused the flow's marketing, or all
    BREAKER = "breaker"  #: too much marketing has bounced or was complained of
    WARM_UP = "warm_up"  #: today's share of the warm-up plan is used up
    DAILY_QUOTA = "daily_quota"  #: marketing's share of what SES takes in 24 hours is used up
    MANUAL = "manual"  #: its step, or its flow, is manual, and nobody has approved it yet
    SES_PAUSED = "ses_paused"  #: SES takes nothing from this account until a person mends it


@dataclass(frozen=True, kw_only=True)
class Held:
    """It may not leave now; it is looked at again after `wait`."""

    by: HeldBy
    wait: timedelta


def held_by_switch(session: Session, order: SendInput, *, now: datetime) -> Held | None:
    """Tell whether a switch or the breaker holds a message."""
    switch = holding(session, flow=order.flow, purpose=order.purpose)
    if switch is None:
        return None
    by = HeldBy(SwitchState(switch.state))
    look_at = next_look(order.enrollment_id, since=switch.since, now=now)
    return Held(by=HeldBy.BREAKER if switch.name == BREAKER else by, wait=look_at - now)


def held_by_warm_up(
    session: Session, order: SendInput, sending: SendingSettings, *, now: datetime
) -> Held | None:
    """Hold marketing once a new identity's messages of the day are used up."""
    plan, begins = sending.warm_up, sending.warm_up_from
    if not plan or begins is None or order.purpose == Purpose.TRANSACTIONAL:
        return None
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    day = (today.date() - begins).days
    if day >= len(plan):
        return None
    used = session.scalar(
        select(func.count()).select_from(Message).where(Message.accepted_at >= today)
    )
    if day >= 0 and (used or 0) < plan[day]:
        return None
    return Held(by=HeldBy.WARM_UP, wait=today + timedelta(days=1) - now)


def held_by_quota(
    session: Session, order: SendInput, sending: SendingSettings, *, now: datetime
) -> Held | None:
    """Hold what SES would not take now, or what would take the place of order mail."""
    quota = session.get(SesQuota, THE_ACCOUNT)
    if quota is None or quota.told_at is None or now - quota.told_at > TRUSTED_FOR:
        return None
    whose, is_order_mail = order.enrollment_id, order.purpose == Purpose.TRANSACTIONAL
    if quota.paused_since is not None:
        since = quota.paused_since
        spread_max = PAUSED_SPREAD_MAX_OF_ORDER_MAIL if is_order_mail else PAUSED_SPREAD_MAX
        look_at = next_look(whose, since=since, now=now, spread_max=spread_max)
        return Held(by=HeldBy.SES_PAUSED, wait=look_at - now)
    if is_order_mail or _has_room(session, quota, sending, now=now):
        return None
    look_at = next_look(whose, since=quota.full_since or quota.told_at, now=now)
    return Held(by=HeldBy.DAILY_QUOTA, wait=look_at - now)


def _has_room(
    session: Session, quota: SesQuota, sending: SendingSettings, *, now: datetime
) -> bool:
    """Tell whether one more marketing e-mail fits into the day, beside what order mail may need.

    What has left since SES was asked is counted in the ledger, and only where it may matter.
    """
    told_at, day_max, sent = quota.told_at, quota.day_max, quota.sent_last_day
    if told_at is None or day_max is None or sent is None:
        return True
    share, rate = sending.order_mail_share, quota.send_rate_max or 0
    day = Day(day_max=day_max, sent=sent, send_rate_max=rate, told_at=told_at)
    if has_surely_room(day, share=share, now=now):
        return True
    since = select(func.count()).select_from(Message).where(Message.accepted_at >= told_at)
    return (session.scalar(since) or 0) < left_for_marketing(day, share=share)
