"""Intervals as bands on one scale: where nothing lies, and where the truth may lie. Pure."""

from dataclasses import dataclass
from typing import Final

from sekvens.experiments.intervals import Effect

#: Of the drawing, which is as wide.
WIDTH: Final = 100.0
_EDGE: Final = 4.0


@dataclass(frozen=True, kw_only=True)
class Band:
    """One interval, from 0 to `WIDTH` from the left."""

    low: float
    value: float
    high: float
    nothing: float  #: where no difference lies

    @property
    def width(self) -> float:
        """How wide the interval is."""
        return self.high - self.low


def band(effect: Effect) -> Band:
    """Draw an interval on a scale of its own, in which nothing always has a place."""
    left, right = min(effect.low, 0.0), max(effect.high, 0.0)
    scale = (WIDTH - 2 * _EDGE) / (right - left or 1.0)

    def place(value: float) -> float:
        return round(_EDGE + (value - left) * scale, 2)

    return Band(
        low=place(effect.low),
        value=place(effect.value),
        high=place(effect.high),
        nothing=place(0.0),
    )
