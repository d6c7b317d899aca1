"""What holds the messages of many contacts at once: switches, the breaker, the warm-up plan.

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
from sekvens.sections import SendingSettings
from sekvens.switches.pace import next_look
from sekvens.switches.tables import BREAKER, SwitchState
from sekvens.switches.turning import holding


class HeldBy(StrEnum):
    """What holds a message. In journals and logs: members are never renamed."""

    STOPPED = "stopped"  #: a person has stopped the flow, or everything
    PAUSED = "paused"  #: a person has paused the flow's marketing, or all
    BREAKER = "breaker"  #: too much marketing has bounced or was complained of
    WARM_UP = "warm_up"  #: today's share of the warm-up plan is used up


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
