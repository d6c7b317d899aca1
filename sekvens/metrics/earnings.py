"""What each flow has earned: the orders that are owed to its messages, by the day of the order."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, func, select
from sqlalchemy.orm import Session

from sekvens.metrics.rules import HUNDREDTHS
from sekvens.metrics.tables import MetricCount, Period

_OWED = "order_by_email"


@dataclass(frozen=True, kw_only=True)
class Earned:
    """Orders that are owed to messages. Money is in the shop's currency."""

    orders: int = 0
    money: float = 0.0


def earned(session: Session, *, since: date, until: date) -> dict[str, Earned]:
    """Tell what each flow earned on the shop's days from `since` until before `until`.

    All flows together earn the numerator of `email-share`.
    """
    orders, money = (
        func.sum(column).cast(BigInteger) for column in (MetricCount.n, MetricCount.amount)
    )
    query = (
        select(MetricCount.flow, orders, money)
        .where(
            MetricCount.period == Period.DAY,
            MetricCount.name == _OWED,
            MetricCount.day >= since,
            MetricCount.day < until,
            MetricCount.flow.is_not(None),
            # Those of variants and segments stand beside the whole.
            MetricCount.variant.is_(None),
            MetricCount.segment.is_(None),
        )
        .group_by(MetricCount.flow)
    )
    return {
        flow: Earned(orders=n, money=amount / HUNDREDTHS)
        for flow, n, amount in session.execute(query)
        if flow is not None
    }
