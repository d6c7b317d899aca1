"""The builder: the words that a flow file is written in.

What they build is frozen data (`sekvens.flows.definition`); faults are found by
`sekvens.flows.validate`, all at once, not here.
"""

from collections.abc import Mapping, Sequence
from datetime import time, timedelta

from sekvens.flows.conditions import Condition, EventPattern
from sekvens.flows.definition import TRIGGER_AGE_MAX, Audience, ExitRule, Flow, Goal, Reentry
from sekvens.flows.steps import (
    AnniversaryOf,
    BestTime,
    Case,
    Date,
    DateOf,
    Enroll,
    ExitFlow,
    ExitReason,
    Listen,
    LocalTime,
    Mode,
    OfferEnd,
    On,
    Purpose,
    Rest,
    Send,
    SetConsent,
    SetTrait,
    Split,
    Step,
    Suppress,
    Wait,
    WaitFor,
    Webhook,
)

MARKETING = Purpose.MARKETING
TRANSACTIONAL = Purpose.TRANSACTIONAL
DRAFT, MANUAL, LIVE = Mode

WORKDAYS = (0, 1, 2, 3, 4)


def flow(  # noqa: PLR0913  a flow reads like a page, and each word on it is an argument
    name: str,
    *,
    version: int,
    purpose: Purpose,
    trigger: EventPattern | Audience,
    steps: Sequence[Step],
    trigger_when: Sequence[Condition] = (),
    entry: Sequence[Condition] = (),
    stay_while: Sequence[Condition] = (),
    entry_key: str | None = None,
    reentry: Reentry | None = None,
    exit_when: Sequence[ExitRule] = (),
    goal: Goal | None = None,
    trigger_age_max: timedelta = TRIGGER_AGE_MAX,
    successors: Mapping[str, str | None] | None = None,
    holdout: float = 0.0,
    mode: Mode = LIVE,
) -> Flow:
    """Build one version of a flow.

    `successors` names, for each step that an earlier version had, the step at which whoever stands
    there goes on when they are moved to this version; None: they are through. `holdout` is the
    share of those who may enter and are kept out by lot, to learn what the flow is worth. `mode` is
    that of all its steps. Faults are found by `sekvens.flows.validate`, all at once, not here.
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
        trigger_when=tuple(trigger_when),
        stay_while=tuple(stay_while),
        successors=tuple((successors or {}).items()),
        holdout=holdout,
        mode=mode,
    )


def audience(name: str, *conditions: Condition) -> Audience:
    """Contacts of whom all of this holds, found by a scan of this name."""
    return Audience(name=name, conditions=conditions)


def send(  # noqa: PLR0913  as above
    step_id: str,
    *,
    template: str | None = None,
    purpose: Purpose | None = None,
    because: str | None = None,
    offer: str | None = None,
    lateness_max: timedelta | None = None,
    past_cap: bool = False,
    retells: str | None = None,
    mode: Mode = LIVE,
) -> Send:
    """Send the e-mail of this step; a transactional send in a marketing flow says `because`.

    `past_cap` lets it leave however many e-mails the contact has had; `retells` names the send
    whose e-mail it tells again, under its second subject. A `DRAFT` is passed over, and of a
    `MANUAL` send each message waits for a person.
    """
    return Send(
        id=step_id,
        template=template,
        purpose=purpose,
        because=because,
        offer=offer,
        lateness_max=lateness_max,
        past_cap=past_cap,
        retells=retells,
        mode=mode,
    )


def wait(
    step_id: str,
    duration: timedelta = timedelta(0),
    *,
    until: LocalTime | BestTime | Date | None = None,
    restart_on: str | EventPattern | Sequence[EventPattern] = (),
) -> Wait:
    """Wait for a duration and then, if asked, until a local time of day or a date of the contact's.

    A date that is not known (no birthday, no offer made) ends the enrollment.
    """
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


def listen(step_id: str, *cases: On, lasts: timedelta) -> Listen:
    """Answer each of these events once, in whatever order they come, for as long as it lasts."""
    return Listen(id=step_id, cases=cases, lasts=lasts)


def on(pattern: EventPattern, *steps: Step) -> On:
    """One answer of a listen."""
    return On(pattern=pattern, steps=steps)


def split(step_id: str, *cases: Case, otherwise: Sequence[Step]) -> Split:
    """Take the first case that holds; `otherwise` must be written, even when it is empty."""
    return Split(id=step_id, cases=cases, otherwise=tuple(otherwise))


def case(condition: Condition, *steps: Step) -> Case:
    """One branch of a split."""
    return Case(condition=condition, steps=steps)


def exit_flow(step_id: str, reason: ExitReason = ExitReason.COMPLETED) -> ExitFlow:
    """Leave the flow here, with this reason."""
    return ExitFlow(id=step_id, reason=reason)


def set_trait(step_id: str, trait: str, value: str, *, mode: Mode = LIVE) -> SetTrait:
    """Write a trait of the contact."""
    return SetTrait(id=step_id, trait=trait, value=value, mode=mode)


def set_consent(step_id: str, status: str, *, mode: Mode = LIVE) -> SetConsent:
    """Write the contact's consent to marketing: `subscribed` or `unsubscribed`."""
    return SetConsent(id=step_id, status=status, mode=mode)


def suppress(step_id: str, reason: str, *, mode: Mode = LIVE) -> Suppress:
    """Suppress the contact's address; `inactive` stops marketing alone, until they come back."""
    return Suppress(id=step_id, reason=reason, mode=mode)


def rest(step_id: str, duration: timedelta, *, mode: Mode = LIVE) -> Rest:
    """Send the contact no marketing for this long, from whatever flow."""
    return Rest(id=step_id, duration=duration, mode=mode)


def webhook(step_id: str, name: str, *, mode: Mode = LIVE) -> Webhook:
    """Call the shop's own system that the settings know by this name."""
    return Webhook(id=step_id, name=name, mode=mode)


def enroll(step_id: str, flow_name: str, *, mode: Mode = LIVE) -> Enroll:
    """Enroll the contact in another flow, if that takes them; then go on here."""
    return Enroll(id=step_id, flow=flow_name, mode=mode)


def event(
    name: str, *, same: str | None = None, other: str | None = None, **where: str
) -> EventPattern:
    """Events of this name, whose properties equal those given.

    `same` names the property that must equal the enrollment's entry key (`order_id`), `other` one
    that must differ from it.
    """
    return EventPattern(name=name, where=tuple(sorted(where.items())), same=same, other=other)


def clicked(step_id: str) -> EventPattern:
    """A person's click on a link in the e-mail of this step."""
    return event("Email Link Clicked", step=step_id)


def answered(question: str, answer: str) -> EventPattern:
    """An answer that the contact gave by a button in an e-mail."""
    return event("Question Answered", question=question, answer=answer)


def exit_on(name: str | EventPattern, reason: ExitReason) -> ExitRule:
    """End the enrollment when this event comes, from whatever step, in mid-wait."""
    pattern = EventPattern(name=name) if isinstance(name, str) else name
    return ExitRule(pattern=pattern, reason=reason)


def goal(name: str | EventPattern, *, within: timedelta) -> Goal:
    """The event that this flow hopes for."""
    pattern = EventPattern(name=name) if isinstance(name, str) else name
    return Goal(pattern=pattern, within=within)


def once() -> Reentry:
    """A contact enters this flow once in their life."""
    return Reentry(rule="once")


def once_each() -> Reentry:
    """A contact enters this flow once for each entry key: for each of their orders."""
    return Reentry(rule="each")


def after(gap: timedelta) -> Reentry:
    """A contact may enter again when this much time has passed since they last entered."""
    return Reentry(rule="after", gap=gap)


def always() -> Reentry:
    """A contact may enter at every trigger, also while an earlier entry is under way."""
    return Reentry(rule="always")


def local_time(at: str, weekdays: Sequence[int] = (0, 1, 2, 3, 4, 5, 6)) -> LocalTime:
    """The next time the contact's clock shows `at` ("09:30") on a weekday (Monday is 0)."""
    return LocalTime(at=time.fromisoformat(at), weekdays=tuple(sorted(weekdays)))


def best_time(
    earliest: str,
    latest: str,
    *,
    otherwise: str,
    weekdays: Sequence[int] = (0, 1, 2, 3, 4, 5, 6),
    delay_max: timedelta = timedelta(days=1),
) -> BestTime:
    """The hour between two local times that suits the contact; `otherwise` until that is known."""
    return BestTime(
        earliest=time.fromisoformat(earliest),
        latest=time.fromisoformat(latest),
        otherwise=time.fromisoformat(otherwise),
        delay_max=delay_max,
        weekdays=tuple(sorted(weekdays)),
    )


def date_of(trait: str, *, at: str) -> DateOf:
    """The next return of a date that is a trait of the contact (`birthday`), at this local time."""
    return DateOf(trait=trait, at=time.fromisoformat(at))


def anniversary_of(name: str, *, at: str) -> AnniversaryOf:
    """The next yearly return of the day on which the contact first did this."""
    return AnniversaryOf(pattern=EventPattern(name=name), at=time.fromisoformat(at))


def offer_end(offer: str, *, days_before: int = 0, at: str) -> OfferEnd:
    """The last day of an offer that was made to the contact, or so many days before it."""
    return OfferEnd(offer=offer, days_before=days_before, at=time.fromisoformat(at))


def minutes(count: float) -> timedelta:
    """So many minutes."""
    return timedelta(minutes=count)


def hours(count: float) -> timedelta:
    """So many hours."""
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    """So many days of 24 hours."""
    return timedelta(days=count)
