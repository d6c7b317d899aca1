"""Moments: what happened to a contact of a story, one after the other, and what came of it all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sekvens.flows.steps import ExitReason, Mode
from sekvens.segments.memory import PastEvent
from sekvens.simulator.story import Act, Person


class What(StrEnum):
    """Kinds of moments."""

    DOES = "does"  #: the contact did something
    ENTERS = "enters"  #: a flow took them
    REFUSED = "refused"  #: a flow did not, though it was triggered
    SENT = "sent"  #: SES took an e-mail
    SKIPPED = "skipped"  #: an e-mail was due and was not sent, for a reason
    HELD = "held"  #: an e-mail may not leave yet
    CARRIED_OUT = "carried out"  #: a step that sends nothing
    LEFT = "left"  #: the enrollment ended, for a reason


class Moment(NamedTuple):
    """One thing that happened."""

    at: datetime  #: shop time
    what: What
    flow: str = ""
    step: str = ""
    text: str = ""  #: the reason, or the act as it was written
    enrollment: int = -1  #: the contact's first is 0
    zone: str = ""  #: of a sent e-mail: where the contact lived
    marketing: bool = False
    past_cap: bool = False
    mode: Mode = Mode.LIVE  #: of a sent e-mail: a draft would not have been, a manual one approved


@dataclass(kw_only=True)
class Stay:
    """One enrollment, from its beginning to its end."""

    flow: str
    entry_key: str | None
    started_at: datetime
    trigger: PastEvent | None  #: None: a scan or another flow enrolled them
    ended_at: datetime | None = None
    exit: ExitReason | None = None


@dataclass(frozen=True, kw_only=True)
class Lived:
    """One contact's story, lived through."""

    person: Person
    starts: datetime  #: when the story starts
    moments: Sequence[Moment]
    events: Sequence[PastEvent]  #: all that the contact did, before the start as well
    stays: Sequence[Stay]
    never: Sequence[Act] = ()  #: acts that wait for an e-mail that did not come

    def sent(self) -> list[Moment]:
        """List the e-mails that were sent."""
        return [moment for moment in self.moments if moment.what is What.SENT]
