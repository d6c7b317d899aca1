"""Moments: what happened to a contact of a story, one after the other, and what came of it all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, NamedTuple

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


#: For whoever looks through many moments: in Python 3.11 a member of an enum takes ten times as
#: long to find as a name does.
SENT: Final = What.SENT
SKIPPED: Final = What.SKIPPED
HELD: Final = What.HELD


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


class Did(NamedTuple):
    """What a contact did, as the shop's backend tells it: an event, or without a name traits."""

    at: datetime  #: shop time
    event: str
    given: dict[str, Any]  #: properties, or traits


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
    did: Sequence[Did] = ()  #: by the contact alone, before the start as well
    never: Sequence[Act] = ()  #: acts that wait for an e-mail that did not come

    def sent(self) -> Sequence[Moment]:
        """List the e-mails that were sent."""
        return self._sent

    def marketing(self) -> Sequence[Moment]:
        """List those of them that were marketing."""
        return self._marketing

    # Worked out once: whoever looks a story over asks for them again and again.

    @cached_property
    def _sent(self) -> tuple[Moment, ...]:
        return tuple(moment for moment in self.moments if moment.what is SENT)

    @cached_property
    def _marketing(self) -> tuple[Moment, ...]:
        return tuple(email for email in self._sent if email.marketing)
