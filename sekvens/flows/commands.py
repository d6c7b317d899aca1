"""What the interpreter tells its drivers to do, and what it asks them: values, nothing else.

A question may travel. A command never does and is made for each thing that is done: it is a named
tuple, which is made up to twice as quickly.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeAlias

from sekvens.flows.conditions import Condition
from sekvens.flows.steps import BestTime, Date, Deed, ExitReason, Experiment, LocalTime, Send


@dataclass(frozen=True, kw_only=True)
class NextLocalTime:
    """When does the contact's own clock next show this, not before an instant?"""

    not_before: datetime
    local_time: LocalTime
    kind: Literal["next_local_time"] = "next_local_time"


@dataclass(frozen=True, kw_only=True)
class NextBestTime:
    """When does the hour that suits the contact next come, not before an instant?"""

    not_before: datetime
    best_time: BestTime
    kind: Literal["next_best_time"] = "next_best_time"


@dataclass(frozen=True, kw_only=True)
class WhichBranch:
    """Which condition is the first that holds? `next_steps` has one more, for `otherwise`."""

    conditions: tuple[Condition, ...]
    next_steps: tuple[str | None, ...]
    kind: Literal["which_branch"] = "which_branch"


@dataclass(frozen=True, kw_only=True)
class NextDate:
    """When does a date of the contact's next come, not before an instant? Perhaps never."""

    not_before: datetime
    date: Date
    kind: Literal["next_date"] = "next_date"


@dataclass(frozen=True, kw_only=True)
class WhichVariant:
    """Which variant of an experiment is the contact's? Each has its place in `next_steps`."""

    flow: str
    version: int
    step: Experiment  #: without the steps of its variants
    within: timedelta | None  #: how long after the draw the flow's goal counts
    next_steps: tuple[str | None, ...]
    kind: Literal["which_variant"] = "which_variant"


Question: TypeAlias = NextLocalTime | NextBestTime | NextDate | WhichBranch | WhichVariant


class SendMessage(NamedTuple):
    """Send the message of this step, and answer `resume` on the way: it spares an activity."""

    step: Send
    due_at: datetime
    next_step: str | None
    resume: NextLocalTime | None
    skip: bool = False


class CarryOut(NamedTuple):
    """Carry out a step that sends nothing: write a fact, call a webhook, enroll elsewhere."""

    step: Deed
    due_at: datetime
    next_step: str | None
    skip: bool = False


class SleepUntil(NamedTuple):
    """Do nothing until an instant, or until something happens; None waits for a person."""

    step_id: str
    until: datetime | None


class Ask(NamedTuple):
    """Find the answer to a question."""

    step_id: str
    question: Question
    skip: bool = False  #: a person decided to go on without the answer


class Finish(NamedTuple):
    """The enrollment is over."""

    reason: ExitReason


Command: TypeAlias = SendMessage | CarryOut | SleepUntil | Ask | Finish
