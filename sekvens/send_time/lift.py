"""Whether the chosen hour is worth it: human clicks per message, beside the fixed hour's.

A message is the one that its hour was chosen for: of a send right behind the wait.
"""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.publish import pinned_flow
from sekvens.messages.tables import Message, MessageState
from sekvens.metrics.tables import OrderResult
from sekvens.send_time.activity import LOOKS_BACK, ROWS_MAX, first_click_at
from sekvens.send_time.best import Cohort
from sekvens.send_time.tables import SendTimeChoice

#: A message belongs to the choice that it left so soon after; what was held longer left elsewhen.
LEAVES_WITHIN: Final = timedelta(days=1)
#: What is done so soon after a message left counts for its hour.
COUNTS_FOR: Final = timedelta(days=1)
#: With fewer clicks in either cohort nothing is known.
CLICKS_MIN: Final = 20
#: Normal deviations of an interval of 95 %.
DEVIATIONS: Final = 1.96


@dataclass(frozen=True)
class Tally:
    """Messages of one cohort, those of them that a person clicked in soon, and orders owed soon."""

    sends: int
    clicks: int
    orders: int = 0


@dataclass(frozen=True)
class Lift:
    """By how much more is clicked, as a share (0.1: a tenth more), with its 95 % interval."""

    value: float
    low: float
    high: float


def tallies(session: Session, *, now: datetime) -> dict[Cohort, Tally]:
    """Count the messages that left at chosen hours in 90 days before `now` (shop time)."""
    sends: Counter[str] = Counter()
    clicks: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    behind = cache(partial(_sends_behind, session))
    for row in session.execute(_left_after_a_choice(now)):
        if row.sent_on - row.at >= LEAVES_WITHIN or row.step_id not in behind(
            row.flow, row.flow_version, row.wait_id
        ):
            continue
        sends[row.cohort] += 1
        clicks[row.cohort] += _is_soon(row.accepted_at, row.clicked_at)
        orders[row.cohort] += _is_soon(row.sent_on, row.ordered_at)
    return {cohort: Tally(sends[cohort], clicks[cohort], orders[cohort]) for cohort in Cohort}


def _left_after_a_choice(now: datetime) -> Select[*tuple[Any, ...]]:
    """Find choices with each message of their enrollment that left later, and what it led to."""
    ordered_at = select(func.min(OrderResult.ordered_at)).where(
        OrderResult.message_id == Message.id
    )
    return (
        select(
            SendTimeChoice.cohort,
            SendTimeChoice.at,
            SendTimeChoice.step_id.label("wait_id"),
            Message.flow,
            Message.flow_version,
            Message.step_id,
            Message.sent_on,
            Message.accepted_at,
            first_click_at().label("clicked_at"),
            ordered_at.scalar_subquery().label("ordered_at"),
        )
        .join(Message, Message.enrollment_id == SendTimeChoice.enrollment_id)
        .where(SendTimeChoice.cohort.is_not(None), SendTimeChoice.chosen_on > now - LOOKS_BACK)
        .where(Message.state == MessageState.ACCEPTED, Message.sent_on >= SendTimeChoice.at)
        .order_by(SendTimeChoice.chosen_on.desc())
        .limit(ROWS_MAX)
    )


def _sends_behind(session: Session, flow: str, version: int, wait_id: str) -> frozenset[str]:
    return pinned_flow(session, flow, version).graph.sends_behind(wait_id)


def _is_soon(left: datetime | None, done: datetime | None) -> bool:
    return left is not None and done is not None and done - left < COUNTS_FOR


def lift_of(best: Tally, fixed: Tally) -> Lift | None:
    """Compare the best hour with the fixed one; None: it is not yet known.

    The interval is that of a ratio of two shares (Katz). Messages to one contact are taken for as
    many; it is somewhat too narrow for that.
    """
    if min(best.clicks, fixed.clicks) < CLICKS_MIN:
        return None
    ratio = (best.clicks / best.sends) / (fixed.clicks / fixed.sends)
    variance = sum(1 / each.clicks - 1 / each.sends for each in (best, fixed))
    factor = math.exp(DEVIATIONS * math.sqrt(variance))
    return Lift(value=ratio - 1, low=ratio / factor - 1, high=ratio * factor - 1)
