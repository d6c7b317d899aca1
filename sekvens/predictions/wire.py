"""What crosses into and out of Temporal in a recomputation. Fields are only added, with defaults.

Counts and versions only (invariant 3). How far it has come stands in the database.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Worked:
    """How far a recomputation has come."""

    version: int | None = None  #: of the run that is at work; None: none yet
    subject: str = ""  #: what that run is about
    contacts: int = 0  #: looked at in it
    predicted: int = 0  #: … of whom something is predicted
    is_over: bool = False


@dataclass(frozen=True, kw_only=True)
class PredictionInput:
    """How far an earlier run of the same round came."""

    worked: Worked = Worked()
    format: Literal[1] = 1
    history_events_max: int | None = None  #: continue-as-new sooner than suggested (tests)


@dataclass(frozen=True, kw_only=True)
class PredictBatchInput:
    """Go on for a while."""

    worked: Worked = Worked()


@dataclass(frozen=True, kw_only=True)
class PredictionResult:
    """What a round came to. It also answers the `progress` query."""

    worked: Worked = Worked()
    sentence: str = ""
