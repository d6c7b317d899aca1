"""A flow: one version of it as frozen data, complete in itself.

A flow is data. It is pinned by value into each enrollment, so a flow can be edited without touching
anybody who is under way. The words that flow files are written in stand in `builder`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sekvens.flows.conditions import (
    Condition,
    EventPattern,
)
from sekvens.flows.steps import (
    ExitReason,
    Mode,
    Purpose,
    Send,
    Step,
)

#: A trigger older than this enrolls nobody, or importing a shop's past would mail everyone.
TRIGGER_AGE_MAX = timedelta(days=1)

#: Marketing that could not leave for this long (an outage, a hold) has lost its moment.
MARKETING_LATENESS_MAX = timedelta(days=3)


@dataclass(frozen=True, kw_only=True)
class ExitRule:
    """An event that ends an enrollment from any step, in mid-wait, and the reason to record."""

    pattern: EventPattern
    reason: ExitReason
    kind: Literal["exit_rule"] = "exit_rule"


@dataclass(frozen=True, kw_only=True)
class Goal:
    """The event a flow hopes for, counted when it comes `within` this time of the start."""

    pattern: EventPattern
    within: timedelta
    kind: Literal["goal"] = "goal"


@dataclass(frozen=True, kw_only=True)
class Reentry:
    """When a contact may enter again: `once`, `after` a gap since the last start, `always`.

    `each` is once for each entry key.
    """

    rule: Literal["once", "after", "always", "each"]
    gap: timedelta = timedelta(0)
    kind: Literal["reentry"] = "reentry"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """A trigger that is a state: contacts of whom all conditions hold, found by a scan.

    The scan has a name of its own, under which the Temporal UI shows it. It finds a contact on the
    first round after the conditions come to hold.
    """

    name: str
    conditions: tuple[Condition, ...]
    kind: Literal["audience"] = "audience"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One version of a flow, complete in itself."""

    name: str
    version: int
    purpose: Purpose
    trigger: EventPattern | Audience
    entry_key: str | None  #: the trigger's property that tells entries apart, such as `cart_id`
    entry: tuple[Condition, ...]  #: asked at the trigger and again before each e-mail
    reentry: Reentry
    exit_when: tuple[ExitRule, ...]
    goal: Goal | None
    trigger_age_max: timedelta
    steps: tuple[Step, ...]
    trigger_when: tuple[Condition, ...] = ()  #: asked at the trigger, and never again
    stay_while: tuple[Condition, ...] = ()  #: one that fails before an e-mail ends the enrollment
    #: for each step that an earlier version had, where whoever stands there goes on; None: the end
    successors: tuple[tuple[str, str | None], ...] = ()
    #: the share of those who may enter and are kept out by lot, for comparison; 0: nobody is
    holdout: float = 0.0
    mode: Mode = Mode.LIVE  #: what holds for all of its steps; of the two the stricter counts
    kind: Literal["flow"] = "flow"

    def is_triggered_by(self, name: str, properties: Mapping[str, object]) -> bool:
        """Tell whether an event of this name with these properties starts the flow."""
        return isinstance(self.trigger, EventPattern) and self.trigger.matches(name, properties)

    def template_of(self, step: Send) -> str:
        """Name the template of a send: its own, `<flow>/<step>`, or that of what it tells again."""
        return step.template or f"{self.name}/{step.retells or step.rewords or step.id}"

    def purpose_of(self, step: Send) -> Purpose:
        """Tell the purpose of a send: its own, or the flow's."""
        return step.purpose or self.purpose

    def lateness_max_of(self, step: Send) -> timedelta | None:
        """Tell how late a send may leave; None for ever."""
        if step.lateness_max is not None:
            return step.lateness_max
        return MARKETING_LATENESS_MAX if self.purpose_of(step) is Purpose.MARKETING else None
