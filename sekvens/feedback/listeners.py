"""Who else wants to hear of reports: told of each once, in the transaction that keeps it.

A listener that fails fails the report: it stays where it came from, and comes again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from sekvens.feedback.kinds import ReportKind
from sekvens.feedback.reading import Report


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A report on a message of our ledger."""

    report: Report
    message_id: str
    #: as it stands in the ledger; the contact may have been merged into another since
    contact_id: str


Listener: TypeAlias = Callable[[Session, Heard], None]
#: by what they want to hear of
Listeners: TypeAlias = Mapping[ReportKind, Sequence[Listener]]

NOBODY: Final[Listeners] = MappingProxyType({})
