"""What crosses into and out of Temporal in scheduled work. Fields are only added, with defaults.

Contact ids, counts and reasons only (invariant 3).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What a scan, or a part of one, came to. Everybody looked at was enrolled or refused."""

    scanned: int = 0  #: contacts looked at
    enrolled: int = 0
    refused: dict[str, int] = field(default_factory=dict)  #: `EntryRefusal` -> contacts

    def plus(self, more: "Counts") -> "Counts":
        """Add up two parts."""
        reasons = sorted(self.refused.keys() | more.refused.keys())
        return Counts(
            scanned=self.scanned + more.scanned,
            enrolled=self.enrolled + more.enrolled,
            refused={why: self.refused.get(why, 0) + more.refused.get(why, 0) for why in reasons},
        )


def added_up(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    """Add up two parts, name by name."""
    return {
        name: counts.get(name, 0) + more.get(name, 0)
        for name in sorted(counts.keys() | more.keys())
    }


@dataclass(frozen=True, kw_only=True)
class AudienceScanInput:
    """Which flow's audience is scanned, and how far an earlier run of the same scan came."""

    flow: str
    cursor: str | None = None  #: contact id behind which it goes on
    counts: Counts = field(default_factory=Counts)
    total: int | None = None  #: contacts that there are, about
    format: Literal[1] = 1
    history_events_max: int | None = None  #: continue-as-new sooner than suggested (tests)


@dataclass(frozen=True, kw_only=True)
class ScanBatchInput:
    """Scan some more contacts."""

    flow: str
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScanBatchResult:
    """How far it came, and what came of it."""

    cursor: str | None  #: None: everybody has been looked at
    counts: Counts = field(default_factory=Counts)
    total: int | None = None
    stopped: str | None = None  #: why nobody can be found: the flow is off, or not live


@dataclass(frozen=True, kw_only=True)
class AudienceScanResult:
    """How a scan ended."""

    flow: str
    counts: Counts = field(default_factory=Counts)
    stopped: str | None = None


@dataclass(frozen=True, kw_only=True)
class ScanProgress:
    """What the `progress` query answers."""

    flow: str
    counts: Counts
    total: int | None
    cursor: str | None
    sentence: str


@dataclass(frozen=True, kw_only=True)
class RetentionInput:
    """How far an earlier run of the same round came."""

    cursor: str | None = None
    erased: int = 0
    format: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class EraseBatchInput:
    """Look at some more contacts, and erase those who have been inactive for long enough."""

    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class EraseBatchResult:
    """How far it came."""

    cursor: str | None
    erased: int = 0


@dataclass(frozen=True, kw_only=True)
class RetentionResult:
    """How many contacts a round erased."""

    erased: int = 0


@dataclass(frozen=True, kw_only=True)
class ExpiryInput:
    """How far an earlier run of the same round came."""

    cursor: str | None = None  #: name of the rule that it is at
    counts: dict[str, int] = field(default_factory=dict)  #: rule -> rows
    format: Literal[1] = 1
    history_events_max: int | None = None  #: continue-as-new sooner than suggested (tests)


@dataclass(frozen=True, kw_only=True)
class ExpireBatchInput:
    """Let some more go that is old enough."""

    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExpireBatchResult:
    """How far it came, and what went."""

    cursor: str | None  #: None: every rule has been worked off
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ExpiryResult:
    """What a round came to. It also answers the `progress` query."""

    counts: dict[str, int] = field(default_factory=dict)  #: rule -> rows
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class SegmentsInput:
    """How far an earlier run of the same round came."""

    cursor: str | None = None  #: contact id behind which it goes on
    scanned: int = 0  #: contacts looked at
    told: int = 0  #: entries and exits that became events
    format: Literal[1] = 1
    history_events_max: int | None = None  #: continue-as-new sooner than suggested (tests)


@dataclass(frozen=True, kw_only=True)
class SegmentsBatchInput:
    """Look at some more contacts."""

    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class SegmentsBatchResult:
    """How far it came, and what came of it."""

    cursor: str | None  #: None: everybody has been looked at
    scanned: int = 0
    told: int = 0


@dataclass(frozen=True, kw_only=True)
class SegmentsResult:
    """What a round came to. It also answers the `progress` query."""

    scanned: int = 0
    told: int = 0
    sentence: str = ""


@dataclass(frozen=True, kw_only=True)
class RefreshInput:
    """How far an earlier run of the same refresh of metrics came."""

    cursor: str | None = None  #: the refresher's own
    days: int = 0  #: days counted
    format: Literal[1] = 1


@dataclass(frozen=True, kw_only=True)
class RefreshBatchInput:
    """Notice and count some more."""

    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefreshBatchResult:
    """How far it came."""

    cursor: str | None  #: None: all is counted
    days: int = 0


@dataclass(frozen=True, kw_only=True)
class RefreshResult:
    """How many days a refresh counted."""

    days: int = 0
