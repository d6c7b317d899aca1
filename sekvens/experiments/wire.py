"""What crosses into and out of Temporal in looks at experiments. Fields are only added."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class LooksInput:
    """Take the looks that are due."""

    format: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class LooksResult:
    """Which experiments were looked at, and what that came to."""

    verdicts: dict[str, str] = field(default_factory=dict)  #: experiment -> `Verdict`

    @property
    def sentence(self) -> str:
        """Say it: `cart-abandonment/subject: won`."""
        said = [f"{name}: {verdict}" for name, verdict in sorted(self.verdicts.items())]
        return ", ".join(said).replace("_", " ") or "no look is due"
