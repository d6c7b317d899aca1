"""Shop time: the clock that waits, caps, quiet hours and lateness go by.

It equals wall time except in a demo, where days pass quickly. Wall time (ledger, locks, grace,
signatures) is never scaled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class ShopTime:
    """Shop time: it was `begins_at` at the wall time `origin`, and runs `speed` times as fast.

    Without an origin it is wall time; without `begins_at` the two were equal at the origin.
    """

    origin: datetime | None = None
    speed: float = 1.0
    begins_at: datetime | None = None
    kind: Literal["shop_time"] = "shop_time"

    def at(self, wall: datetime) -> datetime:
        """Tell the shop time at a wall time."""
        if self.origin is None:
            return wall
        return (self.begins_at or self.origin) + (wall - self.origin) * self.speed

    def wall(self, shop: datetime) -> datetime:
        """Tell the wall time at a shop time: what `at` tells, the other way round."""
        if self.origin is None:
            return shop
        return self.origin + self.wall_delay(shop - (self.begins_at or self.origin))

    def wall_delay(self, shop_delay: timedelta) -> timedelta:
        """Tell how long a stretch of shop time takes on the wall clock."""
        return shop_delay / self.speed


def shop_time(day_lasts: timedelta, origin: datetime) -> ShopTime:
    """Make the shop time in which a day passes in `day_lasts` of wall time; 24 h is real time."""
    if day_lasts == DAY:
        return ShopTime()
    return ShopTime(origin=origin, speed=DAY / day_lasts)
