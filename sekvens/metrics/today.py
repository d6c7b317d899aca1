"""What the shop sees first: who is under way now, what went out today, what it earned.

Asked of the ledger and the enrollments, so that it is of this moment; what was earned is as new as
the last refresh of the metrics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from sekvens.enrollments.queries import UNDER_WAY, parked_counts
from sekvens.enrollments.tables import Enrollment
from sekvens.flows.steps import Purpose
from sekvens.messages.tables import Message, MessageState
from sekvens.metrics.rules import HUNDREDTHS, Rules
from sekvens.metrics.tables import OrderResult


@dataclass(frozen=True, kw_only=True)
class FlowNow:
    """One flow as it stands."""

    under_way: int = 0  #: enrollments, those that are parked included
    parked: int = 0
    sent: int = 0  #: messages that SES took today


@dataclass(frozen=True, kw_only=True)
class Today:
    """The day so far. Money is in the shop's currency."""

    flows: Mapping[str, FlowNow]
    marketing: int  #: messages that SES took
    order_mail: int
    skipped: Mapping[str, int]  #: skip reason -> messages that were due today and were not sent
    orders: int  #: those owed to a message
    earned: float  #: what they come to
    ordered: float  #: what all orders come to

    @property
    def under_way(self) -> int:
        """Tell how many enrollments are under way, parked ones included."""
        return sum(flow.under_way for flow in self.flows.values())

    @property
    def sent(self) -> int:
        """Tell how many messages SES took."""
        return self.marketing + self.order_mail


def flows_now(session: Session) -> dict[str, tuple[int, int]]:
    """Tell how many enrollments of each flow are under way, and how many of these are parked."""
    query = select(Enrollment.flow, func.count()).where(UNDER_WAY).group_by(Enrollment.flow)
    parked: dict[str, int] = {}
    for flow, _, count in parked_counts(session):
        parked[flow] = parked.get(flow, 0) + count
    return {flow: (count, parked.get(flow, 0)) for flow, count in session.execute(query)}


def today_of(session: Session, rules: Rules, *, today: date) -> Today:
    """Tell how the day stands; `today` is the shop's day."""
    begins, ends = rules.span(today)
    sent_query = (
        select(Message.flow, Message.purpose, func.count())
        .where(Message.state == MessageState.ACCEPTED)
        .where(Message.sent_on >= begins, Message.sent_on < ends)
        .group_by(Message.flow, Message.purpose)
    )
    sent = {(flow, purpose): count for flow, purpose, count in session.execute(sent_query)}
    of_flow: dict[str, int] = {}
    for (flow, _), count in sent.items():
        of_flow[flow] = of_flow.get(flow, 0) + count
    now = flows_now(session)
    orders, earned, ordered = _earned(session, rules, today)
    return Today(
        flows={
            flow: FlowNow(
                under_way=now.get(flow, (0, 0))[0],
                parked=now.get(flow, (0, 0))[1],
                sent=of_flow.get(flow, 0),
            )
            for flow in sorted({*now, *of_flow})
        },
        marketing=sum(n for (_, purpose), n in sent.items() if purpose == Purpose.MARKETING),
        order_mail=sum(n for (_, purpose), n in sent.items() if purpose != Purpose.MARKETING),
        skipped=_skipped(session, rules, today),
        orders=orders,
        earned=earned,
        ordered=ordered,
    )


def _skipped(session: Session, rules: Rules, today: date) -> dict[str, int]:
    begins, ends = rules.wall_span(today)
    query = (
        select(Message.skip_reason, func.count())
        .where(Message.state == MessageState.SKIPPED)
        .where(Message.claimed_at >= begins, Message.claimed_at < ends)
        .group_by(Message.skip_reason)
        .order_by(func.count().desc(), Message.skip_reason)
    )
    return {reason or "-": count for reason, count in session.execute(query)}


def _earned(session: Session, rules: Rules, today: date) -> tuple[int, float, float]:
    begins, ends = rules.span(today)
    owed = OrderResult.message_id.is_not(None)
    amount = func.coalesce(OrderResult.amount, 0)
    query = select(
        func.coalesce(func.sum(case((owed, 1), else_=0)), 0),
        func.coalesce(func.sum(case((owed, amount), else_=0)), 0),
        func.coalesce(func.sum(amount), 0),
    ).where(OrderResult.ordered_at >= begins, OrderResult.ordered_at < ends)
    orders, earned, ordered = session.execute(query).one()
    return int(orders), int(earned) / HUNDREDTHS, int(ordered) / HUNDREDTHS
