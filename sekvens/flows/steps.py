"""The step kinds of a flow.

A step id is a permanent identity: the position in an enrollment is a step id, never an index, so a
step keeps its id for ever and a renamed step is another step.
"""

from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from sekvens.flows.conditions import Condition, EventPattern


class Purpose(StrEnum):
    """Why a message is sent, in the sense of the law: it decides which consent it needs."""

    MARKETING = "marketing"  #: needs consent; an unsubscribe ends it
    TRANSACTIONAL = (
        "transactional"  #: belongs to an order or an account; goes on after an unsubscribe
    )


class ExitReason(StrEnum):
    """Why an enrollment ended. Persisted, shown in the Temporal UI: members are never renamed."""

    COMPLETED = "completed"  #: the last step is behind the contact
    CONVERTED = "converted"  #: the contact did what the flow hoped for
    UNSUBSCRIBED = "unsubscribed"  #: the contact took their consent back
    SUPPRESSED = "suppressed"  #: the address must not be mailed
    NO_LONGER_MATCHES = "no_longer_matches"  #: the reason to write has gone
    SUPERSEDED = "superseded"  #: a more important flow took over
    CANCELLED = "cancelled"  #: a person on the shop's staff ended it
    FAILED = "failed"  #: it could not go on, and a person decided to end it


@dataclass(frozen=True, kw_only=True)
class LocalTime:
    """The next time the contact's clock shows `at`, on one of `weekdays` (Monday is 0)."""

    at: time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    kind: Literal["local_time"] = "local_time"


@dataclass(frozen=True, kw_only=True)
class Send:
    """Send one e-mail; what is None here, the flow decides (`Flow.template_of` and its kin)."""

    id: str
    template: str | None = None
    purpose: Purpose | None = None
    because: str | None = None  #: why this send is transactional in a marketing flow
    offer: str | None = None  #: the name of the offer that the e-mail makes
    lateness_max: timedelta | None = None  #: later than this it is skipped as stale
    kind: Literal["send"] = "send"


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Wait for `duration`, then until `until`; an event in `restart_on` starts the wait anew."""

    id: str
    duration: timedelta
    until: LocalTime | None = None
    restart_on: tuple[EventPattern, ...] = ()
    kind: Literal["wait"] = "wait"


@dataclass(frozen=True, kw_only=True)
class WaitFor:
    """Wait for an event; `then` runs when it comes, `otherwise` when `timeout` passes first."""

    id: str
    pattern: EventPattern
    timeout: timedelta
    then: tuple["Step", ...] = ()
    otherwise: tuple["Step", ...] = ()
    kind: Literal["wait_for"] = "wait_for"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One branch of a split: `steps` run when `condition` is the first that holds."""

    condition: Condition
    steps: tuple["Step", ...] = ()
    kind: Literal["case"] = "case"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Take the first branch whose condition holds, else `otherwise` (always written)."""

    id: str
    cases: tuple[Case, ...]
    otherwise: tuple["Step", ...]
    kind: Literal["split"] = "split"


@dataclass(frozen=True, kw_only=True)
class ExitFlow:
    """Leave the flow here."""

    id: str
    reason: ExitReason = ExitReason.COMPLETED
    kind: Literal["exit"] = "exit"


Step: TypeAlias = Send | Wait | WaitFor | Split | ExitFlow
