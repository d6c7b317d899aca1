"""What crosses into and out of Temporal in the Monday mail: numbers, and nobody's name or address.

Fields are only added.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MondayInput:
    """Send this week's Monday mail to whoever is to get it."""

    format: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class MondayResult:
    """To how many of the staff it went, by what became of it."""

    sent: int = 0
    skipped: int = 0  #: not allowed, or refused by SES for good
    in_doubt: int = 0  #: SES may have it; it is not sent again
    held: int = 0  #: SES certainly did not take it; it is tried again
    sent_before: int = 0  #: this week's had gone out, or may have, before

    @property
    def sentence(self) -> str:
        """Say it: `2 sent, 1 held`."""
        counts = (
            (self.sent, "sent"), (self.skipped, "skipped"), (self.in_doubt, "in doubt"),
            (self.held, "held"), (self.sent_before, "sent before"),
        )  # fmt: skip
        return ", ".join(f"{n} {what}" for n, what in counts if n) or "nobody gets it"
