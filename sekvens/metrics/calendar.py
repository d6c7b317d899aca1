"""Months and quarters of the shop's days. Pure."""

from dataclasses import dataclass
from datetime import date, timedelta

from sekvens.errors import SekvensError

_MONTHS = 3


class NoQuarter(SekvensError):
    """What was written names no quarter."""


def next_month(day: date) -> date:
    """Tell the first day of the month after a day's."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, kw_only=True, order=True)
class Quarter:
    """Three months of a year; `number` is from 1 to 4."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Quarter":
        """Tell the quarter that a day is in."""
        return cls(year=day.year, number=(day.month - 1) // _MONTHS + 1)

    @classmethod
    def read(cls, written: str) -> "Quarter":
        """Read a quarter as it is written: `2026-Q3`.

        Raises:
            NoQuarter: it is not written so.
        """
        year, _, number = written.partition("-Q")
        if not (year.isdecimal() and len(year) == 4 and number in ("1", "2", "3", "4")):
            raise NoQuarter(f"{written!r} is no quarter: write it as 2026-Q3")
        return cls(year=int(year), number=int(number))

    def __str__(self) -> str:
        """Write it as `2026-Q3`."""
        return f"{self.year:04}-Q{self.number}"

    @property
    def begins(self) -> date:
        """Tell its first day."""
        return date(self.year, (self.number - 1) * _MONTHS + 1, 1)

    @property
    def ends(self) -> date:
        """Tell the day after its last."""
        return self.after(1).begins

    def after(self, quarters: int) -> "Quarter":
        """Tell the quarter so many later; a negative number is earlier."""
        year, number = divmod(self.year * 4 + self.number - 1 + quarters, 4)
        return Quarter(year=year, number=number + 1)
