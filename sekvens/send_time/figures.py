"""The shop's hours as figures: worked out once a day, read at every choice."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from sekvens.segments.tables import ShopFigure
from sekvens.send_time.activity import Counts
from sekvens.send_time.best import HOURS, Hours, shop_hours

CLICKS: Final = "send_time/clicks"
ACTIVITY: Final = "send_time/activity"
_HOURS: Final = tuple(f"send_time/hour/{hour:02}" for hour in range(HOURS))


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the shop's hours: of how much activity, and of how many clicks."""

    hours: Hours
    activity: int
    clicks: int


def read_known(session: Session) -> Known | None:
    """Read the shop's hours as last worked out; None: they never were."""
    names = (CLICKS, ACTIVITY, *_HOURS)
    query = select(ShopFigure.name, ShopFigure.value).where(ShopFigure.name.in_(names))
    figures = dict(session.execute(query).all())
    if len(figures) < len(names):
        return None
    return Known(
        hours=tuple(figures[name] for name in _HOURS),
        activity=int(figures[ACTIVITY]),
        clicks=int(figures[CLICKS]),
    )


def keep_known(session: Session, counts: Counts, *, now: datetime) -> None:
    """Keep the shop's hours, worked out of these counts. `now` is wall time."""
    hours = shop_hours(counts.activity, counts.sends, counts.clicks)
    values: dict[str, float] = dict(zip(_HOURS, hours, strict=True))
    values |= {CLICKS: sum(counts.clicks), ACTIVITY: sum(counts.activity)}
    for name, value in values.items():
        session.merge(ShopFigure(name=name, value=value, computed_at=now))
