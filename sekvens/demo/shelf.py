"""What changes on the demo's shelf: something sells out and comes back, something costs less.

The shop imports its feed anew on these days, as a shop does every night; who waits for a product
is told by Sekvens itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sekvens.products.feeds.item import FeedItem

#: Sold out between these days of the story; somebody asks to be told on the day between.
SCARCE: Final = "pladen-vavboden"
SOLD_OUT_ON, ASKED_ON, BACK_ON = 3.0, 4.5, 6.0
#: Costs less from this day on, by enough to be news.
CHEAPER: Final = "halsduken-nianfors"
CHEAPER_ON, PRICE = 9.0, Decimal(449)
#: For so long had the shop had its prices before the story begins: only then is a lower one news.
SHELVED_DAYS: Final = 60


def as_on(item: FeedItem, day: float) -> FeedItem:
    """Tell of a product what the feed says on a day of the story."""
    if item.product_id == SCARCE and SOLD_OUT_ON <= day < BACK_ON:
        return replace(item, in_stock=False, stock=0)
    if item.product_id == CHEAPER and day >= CHEAPER_ON:
        return replace(item, price=PRICE)
    return item


@dataclass(kw_only=True)
class Shelf:
    """Knows which changes have been imported. `opened_at` is shop time on day 0."""

    opened_at: datetime
    bring: Callable[[float], object]  #: imports the feed of a day
    _brought: float = 0.0

    def tend(self, now: datetime) -> None:
        """Import the feed if it has changed since the last time; `now` is shop time."""
        day = (now - self.opened_at) / timedelta(days=1)
        if any(self._brought < change <= day for change in (SOLD_OUT_ON, BACK_ON, CHEAPER_ON)):
            self.bring(day)
            self._brought = day
