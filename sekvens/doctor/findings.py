"""Findings: what one check says of a set-up, and what to do about it.

A check that cannot be made says so, as a warning: what nobody could look at is neither well nor
ill. No finding holds a secret or an address of a contact.
"""

from dataclasses import dataclass
from enum import StrEnum

from sekvens.errors import SekvensError


class Level(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    WARNING = "warning"  #: mail leaves, and something is worse than it need be, or not known
    FAULT = "fault"  #: mail does not leave, or not as it must


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one check found."""

    level: Level
    what: str
    to_do: str = ""  #: empty: nothing


class CouldNotBeAsked(SekvensError):
    """What a check asks for did not answer, or may not be asked; its text says why."""


def ok(what: str) -> Finding:
    """Find nothing amiss."""
    return Finding(level=Level.OK, what=what)


def warning(what: str, to_do: str) -> Finding:
    """Find something that ought to be better, or could not be asked."""
    return Finding(level=Level.WARNING, what=what, to_do=to_do)


def fault(what: str, to_do: str) -> Finding:
    """Find something that must be mended."""
    return Finding(level=Level.FAULT, what=what, to_do=to_do)
