"""The section of the settings file about the numbers that a shop steers by."""

from typing import Annotated

import msgspec

_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]


class MetricsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Windows, in days of shop time. After a change: `starter.py metrics refresh --all`."""

    #: an order belongs to the message with the last click by a person within so many days before it
    attribution_days: _Days = 5
    #: an unsubscribe, an answer or a review belongs to its message within so many days
    answer_days: _Days = 30
    #: a first order has led to another if that came within so many days
    repeat_days: _Days = 90
    #: a cart that nobody touches for so many hours has been left
    cart_left_hours: Annotated[int, msgspec.Meta(ge=1, le=720)] = 4
    #: … and is recovered, or a reminder redeemed, by an order within so many days
    cart_days: _Days = 5
    #: where the bands of carts' values begin, in the shop's currency; the first is always 0
    cart_values: tuple[Annotated[int, msgspec.Meta(ge=1)], ...] = (250, 500, 1000, 2500)
    #: whoever left a flow behind is looked at again after so many days: can we still write to them?
    kept_days: _Days = 30
    #: the numbers are worked out once in so many hours
    every_hours: Annotated[int, msgspec.Meta(ge=1, le=24)] = 1
