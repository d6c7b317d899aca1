"""What last week came to, beside the week before: what the Monday mail is made of.

A week is seven days of the shop, from Monday. Money is in the shop's currency.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy.orm import Session

from sekvens.metrics.earnings import Earned, earned
from sekvens.metrics.reading import Asked, counted_at, read
from sekvens.metrics.rules import Rules
from sekvens.offers.costs import Came, came_to
from sekvens.shop import Shop
from sekvens.staff.monday.gains import Gain, gains
from sekvens.staff.monday.needs import Need, needs

WEEK: Final = timedelta(weeks=1)


@dataclass(frozen=True, kw_only=True)
class FlowWeek:
    """What one flow earned."""

    flow: str
    now: Earned
    before: Earned


@dataclass(frozen=True, kw_only=True)
class WeekTold:
    """One week, and the one before it."""

    monday: date  #: the shop's day on which it is told: the week is the one that ended then
    earned: Decimal
    earned_before: Decimal
    orders: int
    share: float | None  #: of what all orders came to; None: nothing was ordered
    flows: tuple[FlowWeek, ...]  #: what earned most comes first
    cost: Came
    cost_before: Came
    gains: tuple[Gain, ...]  #: of each holdout, since it began
    needs: tuple[Need, ...]
    counted_at: datetime | None  #: shop time up to which facts are in it; None: none are yet

    @property
    def since(self) -> date:
        """Tell the first day that is told of."""
        return self.monday - WEEK

    @property
    def until(self) -> date:
        """Tell the last day that is told of."""
        return self.monday - timedelta(days=1)


def monday_of(day: date) -> date:
    """Tell the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def told(session: Session, shop: Shop, rules: Rules, *, now: datetime) -> WeekTold:
    """Tell of the last whole week before `now` (wall time), and of what waits now."""
    monday, shop_now = monday_of(rules.day_of_wall(now)), rules.shop_time.at(now)
    this, before = (_by_flow(session, monday - back) for back in (timedelta(0), WEEK))
    flows = [
        FlowWeek(flow=flow, now=this.get(flow, Earned()), before=before.get(flow, Earned()))
        for flow in {*this, *before}
    ]
    share = read(
        session, Asked(names=["email-share"], since=monday - WEEK, until=monday), rules,
        today=rules.day_of_wall(now),
    )[0]  # fmt: skip
    return WeekTold(
        monday=monday,
        earned=_sum(this),
        earned_before=_sum(before),
        orders=sum(each.orders for each in this.values()),
        share=share.value,
        flows=tuple(sorted(flows, key=lambda each: (-each.now.money, each.flow))),
        cost=_cost(session, shop, rules, monday),
        cost_before=_cost(session, shop, rules, monday - WEEK),
        gains=tuple(gains(session, until=rules.day_of_wall(now))),
        needs=needs(session, now=now, shop_now=shop_now),
        counted_at=counted_at(session, rules),
    )


def _by_flow(session: Session, monday: date) -> dict[str, Earned]:
    return earned(session, since=monday - WEEK, until=monday)


def _sum(flows: dict[str, Earned]) -> Decimal:
    return Decimal(str(round(sum(each.money for each in flows.values()), 2)))


def _cost(session: Session, shop: Shop, rules: Rules, monday: date) -> Came:
    found = came_to(
        session,
        shop.offers,
        since=rules.begins(monday - WEEK),
        until=rules.begins(monday),
        currency=rules.currency,
    )
    return sum(found.values(), Came())
