"""The section of the settings file about news of products: what is news, and to whom."""

from datetime import timedelta
from typing import Annotated

import msgspec

_Share = Annotated[float, msgspec.Meta(gt=0, le=0.9)]
_Hours = Annotated[int, msgspec.Meta(ge=1)]
_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


class ProductSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a product is back in stock, and when its price has dropped."""

    #: it was sold out for so many hours at the least: a count that was wrong for minutes is no news
    sold_out_hours: _Hours = 24
    #: it costs so much less than the lowest price of the 30 days before: 0.1 is a tenth
    price_drop: _Share = 0.1
    #: when more products than these drop in one day, it is a sale, and nobody is told of each
    price_drops_max: _Count = 50
    #: a look, or a place in a cart or on a wishlist, counts for so many days
    interest_days: _Days = 60
    #: whoever asked to be told is waited for so many days
    asked_days: _Days = 365

    @property
    def sold_out_min(self) -> timedelta:
        """How long it was sold out at the least."""
        return timedelta(hours=self.sold_out_hours)
