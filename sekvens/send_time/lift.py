"""Whether the chosen hour is worth it: human clicks per message, beside the fixed hour's."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.messages.tables import Message, MessageState
from sekvens.send_time.activity import LOOKS_BACK, ROWS_MAX, clicked_by_a_person
from sekvens.send_time.best import Cohort
from sekvens.send_time.tables import SendTimeChoice

#: A message belongs to the choice that it left so soon after; what was held longer left elsewhen.
LEAVES_WITHIN: Final = timedelta(days=1)
#: With fewer clicks in either cohort nothing is known.
CLICKS_MIN: Final = 20
#: Normal deviations of an interval of 95 %.
DEVIATIONS: Final = 1.96


@dataclass(frozen=True)
class Tally:
    """Messages of one cohort, and those of them that a person clicked in."""

    sends: int
    clicks: int


@dataclass(frozen=True)
class Lift:
    """By how much more is clicked, as a share (0.1: a tenth more), with its 95 % interval."""

    value: float
    low: float
    high: float


def tallies(session: Session, *, now: datetime) -> dict[Cohort, Tally]:
    """Count the messages that left at chosen hours in 90 days before `now` (shop time)."""
    query = (
        select(SendTimeChoice.cohort, SendTimeChoice.at, Message.sent_on, clicked_by_a_person())
        .join(Message, Message.enrollment_id == SendTimeChoice.enrollment_id)
        .where(SendTimeChoice.cohort.is_not(None), SendTimeChoice.chosen_on > now - LOOKS_BACK)
        .where(Message.state == MessageState.ACCEPTED, Message.sent_on >= SendTimeChoice.at)
        .order_by(SendTimeChoice.chosen_on.desc())
        .limit(ROWS_MAX)
    )
    sends: Counter[str] = Counter()
    clicks: Counter[str] = Counter()
    for cohort, at, sent_on, is_clicked in session.execute(query):
        if cohort is not None and sent_on is not None and sent_on - at < LEAVES_WITHIN:
            sends[cohort] += 1
            clicks[cohort] += bool(is_clicked)
    return {cohort: Tally(sends[cohort], clicks[cohort]) for cohort in Cohort}


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
