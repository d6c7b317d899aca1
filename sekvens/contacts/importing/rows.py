"""What a file's row says of a contact, whichever tool wrote it.

A row is a contact with a word about marketing, or an address that must not be mailed. A word counts
as consent only with evidence: when it was given, and where or to which sentence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sekvens.contacts.tables import ConsentStatus, SuppressionReason
from sekvens.imports.outcome import Rejected


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a row says of consent to marketing. `at` is wall time, and None if nobody knows."""

    status: ConsentStatus = ConsentStatus.NEVER_SUBSCRIBED
    at: datetime | None = None
    #: `source`, `wording`, `ip`, `confirmed_at`, `reason`: as far as the file has them
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_proven(self) -> bool:
        """Tell whether there is evidence that somebody agreed."""
        return self.at is not None and bool({"source", "wording"} & self.evidence.keys())


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    """A contact, by the shop's own id, or by nothing but an address."""

    line: int
    email: str  #: in the form that SES takes
    external_id: str | None = None
    traits: Mapping[str, Any] = field(default_factory=dict)
    traits_at: datetime | None = None  #: wall time
    word: Word = Word()


@dataclass(frozen=True, kw_only=True)
class SuppressionRow:
    """An address that must not be mailed. `at` is wall time, and None if nobody knows."""

    line: int
    email: str
    reason: SuppressionReason
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RejectedRow(Rejected):
    """A rejected row with what stood in it; it goes into a file of its own and nowhere else."""

    cells: Mapping[str, str] = field(default_factory=dict)


#: What reading a file yields; one row may be a contact and a suppression.
Found = ContactRow | SuppressionRow | Rejected
