"""The section of the settings file about the hours that suit contacts."""

from typing import Annotated

import msgspec

_Share = Annotated[float, msgspec.Meta(ge=0, le=0.5)]
_Count = Annotated[int, msgspec.Meta(ge=1)]


class SendTimeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When hours are chosen, and for how many chance or the fixed hour chooses instead."""

    #: hours are chosen from so many clicks by people on in 90 days; before, it is the fixed hour …
    clicks_min: _Count = 200
    #: … and from so many views, carts and orders on
    activity_min: _Count = 1000
    #: this share of all contacts gets any hour of the window
    random_share: _Share = 0.02
    #: this share gets the fixed hour, to compare with
    fixed_share: _Share = 0.1


def is_enough(settings: SendTimeSettings, *, clicks: int, activity: int) -> bool:
    """Tell whether enough is known of the shop for hours to be chosen."""
    return clicks >= settings.clicks_min and activity >= settings.activity_min
