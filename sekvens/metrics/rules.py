"""By what metrics are worked out: the settings, the shop's days, its currency. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from sekvens.events.orders import amount as decimal_text
from sekvens.experiments.incentives import costs_of
from sekvens.flows.shop_time import ShopTime
from sekvens.metrics_section import MetricsSettings
from sekvens.settings import Settings

#: Money is kept in hundredths of the currency: öre, cents.
HUNDREDTHS: Final = 100
#: Above, it is no sum of money, and would not fit its column.
_AMOUNT_MAX: Final = Decimal(10) ** 12


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What is the same for every metric. `zone` is the shop's time zone."""

    zone: ZoneInfo
    currency: str
    settings: MetricsSettings = field(default_factory=MetricsSettings)
    shop_time: ShopTime = field(default_factory=ShopTime)
    #: what an offer costs beyond what an order lacks, by its name
    costs: Mapping[str, Decimal] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """Read them from the settings."""
        return cls(
            zone=ZoneInfo(settings.shop.timezone),
            currency=settings.shop.currency,
            settings=settings.metrics,
            shop_time=settings.shop_time(),
            costs=costs_of(settings.shop),
        )

    def day_of(self, at: datetime) -> date:
        """Tell the shop's day at an instant of shop time."""
        return at.astimezone(self.zone).date()

    def day_of_wall(self, at: datetime) -> date:
        """Tell the shop's day at an instant of wall time."""
        return self.day_of(self.shop_time.at(at))

    def begins(self, day: date) -> datetime:
        """Tell the shop time at which a day of the shop begins."""
        return datetime.combine(day, time(), self.zone)

    def span(self, day: date) -> tuple[datetime, datetime]:
        """Tell the shop times between which a day lies; it may have 23 hours or 25."""
        return self.begins(day), self.begins(day + timedelta(days=1))

    def wall_span(self, day: date) -> tuple[datetime, datetime]:
        """Tell the wall times between which a day of the shop lies."""
        begins, ends = self.span(day)
        return self.shop_time.wall(begins), self.shop_time.wall(ends)

    def band(self, value: int) -> int:
        """Tell the least that carts of this value's band are worth, in hundredths."""
        floors = (floor * HUNDREDTHS for floor in self.settings.cart_values)
        return max((floor for floor in floors if floor <= value), default=0)

    def money(self, total: Any, currency: str | None) -> int | None:
        """Tell a sum in hundredths; None: it is unknown, or of another currency."""
        if currency is not None and currency.upper() != self.currency:
            return None
        text = decimal_text(total)
        if text is None or abs(Decimal(text)) > _AMOUNT_MAX:
            return None
        return int((Decimal(text) * HUNDREDTHS).to_integral_value(ROUND_HALF_EVEN))


def whole_days(since: datetime, until: datetime) -> int:
    """Count the whole days between two instants; none if the second is earlier."""
    return max((until - since) // timedelta(days=1), 0)
