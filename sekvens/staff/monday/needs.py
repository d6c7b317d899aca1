"""What needs a person, in numbers: what the Monday mail ends with. Nothing is written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from sekvens.approvals.waiting import Which, groups
from sekvens.contacts.requests import open_requests
from sekvens.offers.queries import standings
from sekvens.staff.waiting import waiting_for_people
from sekvens.switches.tables import BREAKER
from sekvens.switches.turning import standing


class NeedKind(StrEnum):
    """What waits for a person; the words know each by this name."""

    BREAKER = "breaker"  #: marketing is held, because too much bounces or is complained of
    SWITCHES = "switches"  #: somebody has stopped or paused something, and not resumed it
    PARKED = "parked"
    HELD = "held"  #: order mail
    APPROVALS = "approvals"
    POOLS = "pools"  #: pools of codes that are empty, or will be within a week
    REVIEWS = "reviews"
    REQUESTS = "requests"  #: of privacy


@dataclass(frozen=True, kw_only=True)
class Need:
    """So many of one kind."""

    kind: NeedKind
    number: int


def needs(session: Session, *, now: datetime, shop_now: datetime) -> tuple[Need, ...]:
    """List what needs a person at `now` (wall time; `shop_now`: shop time), the worst first."""
    counted = _counted(session, now, shop_now)
    return tuple(Need(kind=kind, number=number) for kind, number in counted if number)


def _counted(session: Session, now: datetime, shop_now: datetime) -> Iterator[tuple[NeedKind, int]]:
    turned = standing(session)
    waiting = waiting_for_people(session, now=now)
    pools = standings(session, now=shop_now).values()
    yield NeedKind.BREAKER, sum(each.name == BREAKER for each in turned)
    yield NeedKind.SWITCHES, sum(each.name != BREAKER for each in turned)
    yield NeedKind.PARKED, waiting.parked_count
    yield NeedKind.HELD, waiting.held_count
    yield NeedKind.APPROVALS, sum(each.messages for each in groups(session, Which(), now=now))
    yield NeedKind.POOLS, sum(each.is_short for each in pools)
    yield NeedKind.REVIEWS, waiting.reviews_count
    yield NeedKind.REQUESTS, len(open_requests(session))
