"""The builder: the words a flow file is written in, and the frozen `Flow` they make.

A flow is data. What the builder returns is pinned by value into each enrollment, so a flow can be
edited without touching anybody who is under way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Literal

from sekvens.flows.conditions import (
    AllOf,
    AnyOf,
    Condition,
    EventPattern,
    Happened,
    Not,
    Subscribed,
    TraitIs,
)
from sekvens.flows.steps import (
    Case,
    ExitFlow,
    ExitReason,
    LocalTime,
    Purpose,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)

MARKETING = Purpose.MARKETING
TRANSACTIONAL = Purpose.TRANSACTIONAL

WORKDAYS = (0, 1, 2, 3, 4)

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
    """When a contact may enter again: `once`, `after` a gap since the last start, `always`."""

    rule: Literal["once", "after", "always"]
    gap: timedelta = timedelta(0)
    kind: Literal["reentry"] = "reentry"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One version of a flow, complete in itself."""

    name: str
    version: int
    purpose: Purpose
    trigger: EventPattern
    entry_key: str | None  #: the trigger's property that tells entries apart, such as `cart_id`
    entry: tuple[Condition, ...]
    reentry: Reentry
    exit_when: tuple[ExitRule, ...]
    goal: Goal | None
    trigger_age_max: timedelta
    steps: tuple[Step, ...]
    kind: Literal["flow"] = "flow"

    def template_of(self, step: Send) -> str:
        """Name the template of a send: its own, or `<flow>/<step>`."""
        return step.template or f"{self.name}/{step.id}"

    def purpose_of(self, step: Send) -> Purpose:
        """Tell the purpose of a send: its own, or the flow's."""
        return step.purpose or self.purpose

    def lateness_max_of(self, step: Send) -> timedelta | None:
        """Tell how late a send may leave; None for ever."""
        if step.lateness_max is not None:
            return step.lateness_max
        return MARKETING_LATENESS_MAX if self.purpose_of(step) is MARKETING else None


def flow(  # noqa: PLR0913  a flow reads like a page, and each word on it is an argument
    name: str,
    *,
    version: int,
    purpose: Purpose,
    trigger: EventPattern,
    steps: Sequence[Step],
    entry: Sequence[Condition] = (),
    entry_key: str | None = None,
    reentry: Reentry | None = None,
    exit_when: Sequence[ExitRule] = (),
    goal: Goal | None = None,
    trigger_age_max: timedelta = TRIGGER_AGE_MAX,
) -> Flow:
    """Build one version of a flow.

    Faults are found by `sekvens.flows.validate`, all at once, not here.
    """
    return Flow(
        name=name,
        version=version,
        purpose=purpose,
        trigger=trigger,
        entry_key=entry_key,
        entry=tuple(entry),
        reentry=reentry or once(),
        exit_when=tuple(exit_when),
        goal=goal,
        trigger_age_max=trigger_age_max,
        steps=tuple(steps),
    )


def send(
    step_id: str,
    *,
    template: str | None = None,
    purpose: Purpose | None = None,
    because: str | None = None,
    offer: str | None = None,
    lateness_max: timedelta | None = None,
) -> Send:
    """Send the e-mail of this step; a transactional send in a marketing flow says `because`."""
    return Send(
        id=step_id,
        template=template,
        purpose=purpose,
        because=because,
        offer=offer,
        lateness_max=lateness_max,
    )


def wait(
    step_id: str,
    duration: timedelta,
    *,
    until: LocalTime | None = None,
    restart_on: str | EventPattern | Sequence[EventPattern] = (),
) -> Wait:
    """Wait for a duration and then, if asked, until a local time of day on certain weekdays."""
    if isinstance(restart_on, str):
        restart_on = EventPattern(name=restart_on)
    if isinstance(restart_on, EventPattern):
        restart_on = (restart_on,)
    return Wait(id=step_id, duration=duration, until=until, restart_on=tuple(restart_on))


def wait_for(
    step_id: str,
    pattern: EventPattern,
    *,
    timeout: timedelta,
    then: Sequence[Step] = (),
    otherwise: Sequence[Step] = (),
) -> WaitFor:
    """Wait for an event: `then` when it comes in time, `otherwise` when it does not."""
    return WaitFor(
        id=step_id,
        pattern=pattern,
        timeout=timeout,
        then=tuple(then),
        otherwise=tuple(otherwise),
    )


def split(step_id: str, *cases: Case, otherwise: Sequence[Step]) -> Split:
    """Take the first case that holds; `otherwise` must be written, even when it is empty."""
    return Split(id=step_id, cases=cases, otherwise=tuple(otherwise))


def case(condition: Condition, *steps: Step) -> Case:
    """One branch of a split."""
    return Case(condition=condition, steps=steps)


def exit_flow(step_id: str, reason: ExitReason = ExitReason.COMPLETED) -> ExitFlow:
    """Leave the flow here, with this reason."""
    return ExitFlow(id=step_id, reason=reason)


def event(name: str, **where: str) -> EventPattern:
    """Events of this name, whose properties equal those given."""
    return EventPattern(name=name, where=tuple(sorted(where.items())))


def exit_on(name: str, reason: ExitReason) -> ExitRule:
    """End the enrollment when this event comes, from whatever step, in mid-wait."""
    return ExitRule(pattern=EventPattern(name=name), reason=reason)


def goal(name: str, *, within: timedelta) -> Goal:
    """The event that this flow hopes for."""
    return Goal(pattern=EventPattern(name=name), within=within)


def subscribed() -> Condition:
    """The contact wants our marketing."""
    return Subscribed()


def happened(name: str, *, within: timedelta | None = None) -> Condition:
    """The contact did this, ever or within a time before now."""
    return Happened(pattern=EventPattern(name=name), within=within)


def trait_is(trait: str, value: str) -> Condition:
    """A trait of the contact has this value."""
    return TraitIs(trait=trait, value=value)


def not_(condition: Condition) -> Condition:
    """The condition does not hold."""
    return Not(condition=condition)


def all_of(*conditions: Condition) -> Condition:
    """Every one of the conditions holds."""
    return AllOf(conditions=conditions)


def any_of(*conditions: Condition) -> Condition:
    """At least one of the conditions holds."""
    return AnyOf(conditions=conditions)


def once() -> Reentry:
    """A contact enters this flow once in their life."""
    return Reentry(rule="once")


def after(gap: timedelta) -> Reentry:
    """A contact may enter again when this much time has passed since they last entered."""
    return Reentry(rule="after", gap=gap)


def always() -> Reentry:
    """A contact may enter at every trigger, also while an earlier entry is under way."""
    return Reentry(rule="always")


def local_time(at: str, weekdays: Sequence[int] = (0, 1, 2, 3, 4, 5, 6)) -> LocalTime:
    """The next time the contact's clock shows `at` ("09:30") on a weekday (Monday is 0)."""
    return LocalTime(at=time.fromisoformat(at), weekdays=tuple(sorted(weekdays)))


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    """So many days of 24 hours."""
    return timedelta(days=count)
