"""The section of the settings file about the numbers that a shop steers by."""

from typing import Annotated, Final, TypeAlias

import msgspec

from sekvens.metrics.bold import BOLD
from sekvens.metrics.calendar import NoQuarter, Quarter
from sekvens.metrics.definitions import METRICS, Unit

_Days = Annotated[int, msgspec.Meta(ge=1, le=365)]

#: A number for every quarter, or one for each: `always`, and quarters as `2026-Q3`.
Target: TypeAlias = float | dict[str, float]
ALWAYS: Final = "always"
#: Between what a target lies, by what the metric is measured in.
_BETWEEN: Final = {Unit.SHARE: (0.0, 1.0), Unit.SCORE: (-100.0, 100.0)}


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
    #: what the seven metrics of the board are to come to at least, in every quarter or by quarter
    targets: dict[str, Target] = {}

    def __post_init__(self) -> None:
        for name, given in self.targets.items():
            wrong = _problem(name, given)
            if wrong:
                raise ValueError(f"metrics.targets.{name}: {wrong}")

    def target(self, name: str, quarter: Quarter) -> float | None:
        """Tell what a metric is to come to in a quarter; None: the shop has not said."""
        given = self.targets.get(name)
        if isinstance(given, dict):
            return given.get(str(quarter), given.get(ALWAYS))
        return given


def _problem(name: str, given: Target) -> str | None:
    """Tell what is wrong with a target; None if nothing is."""
    if name not in BOLD:
        return f"there are targets for {', '.join(BOLD)}"
    low, high = _BETWEEN[METRICS[name].unit]
    for when, value in (given if isinstance(given, dict) else {ALWAYS: given}).items():
        if when != ALWAYS:
            try:
                Quarter.read(when)
            except NoQuarter as error:
                return f"{error}, or {ALWAYS}"
        if not low <= value <= high:
            hint = "; write 35 % as 0.35" if high == 1 else ""
            return f"{value:g} is not between {low:g} and {high:g}{hint}"
    return None
