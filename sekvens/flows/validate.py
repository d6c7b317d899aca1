"""Every fault of a flow at once, each with its step, its file and what to do about it.

It is pure: what exists outside the flow (events, templates, offers) is handed in as `Known`.
"""

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from sekvens.flows.carried import reminders, sent_past_the_end
from sekvens.flows.conditions import AllOf, EventPattern
from sekvens.flows.definition import Flow
from sekvens.flows.durations import in_words
from sekvens.flows.graph import compile_flow
from sekvens.flows.known import Finding, Known
from sekvens.flows.steps import BestTime, ExitReason, LocalTime, Purpose, Send, Split, Wait
from sekvens.flows.survey import every_step, heard, patterns, sends, stretches
from sekvens.flows.timetable import timetable
from sekvens.flows.validate_experiments import experiments, holdouts
from sekvens.flows.validate_steps import STEP_CHECKS

__all__ = ["SHOPPING", "Fault", "Known", "file_of", "sells", "validate", "validate_all"]

#: The event that ends every flow that sells.
PURCHASE = EventPattern(name="Order Completed")

#: Who does this is shopping: a flow that starts here sells, whatever it says of itself.
SHOPPING = frozenset(
    {
        "Products Searched",
        "Product List Viewed",
        "Product Viewed",
        "Product Added",
        "Cart Viewed",
        "Cart Updated",
        "Checkout Started",
    }
)

#: These events are about one cart, and the e-mails link back to it.
ABOUT_A_CART = frozenset({"Product Added", "Cart Viewed", "Cart Updated", "Checkout Started"})

#: A flow that takes longer than a year and a bit is a mistake in a unit.
FLOW_LENGTH_MAX = timedelta(days=400)

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing wrong with a flow; as text, a sentence for the person who mends it."""

    flow: str
    step: str | None  #: None: the flow itself
    problem: str
    remedy: str
    file: str

    def __str__(self) -> str:
        """Say where, what and what to do."""
        place = f"flow {self.flow}" if self.step is None else f"step {self.step} of {self.flow}"
        return f"{self.file}: {place}: {self.problem}. {self.remedy}."


def validate(flow: Flow, known: Known, *, file: str | None = None) -> list[Fault]:
    """List everything that is wrong with a flow, check by check; empty when it may go live.

    Args:
        flow: the flow, as `sekvens.flows.definition` builds it.
        known: what exists outside it.
        file: where it is written; by default the catalogue's file of its name.
    """
    file = file or file_of(flow.name)
    return [
        Fault(flow=flow.name, step=step, problem=problem, remedy=remedy, file=file)
        for check in CHECKS
        for step, problem, remedy in check(flow, known)
    ]


def validate_all(flows: Sequence[Flow], known: Known) -> list[Fault]:
    """List everything that is wrong with these flows, names that two of them share included."""
    known = replace(known, flows={flow.name: flow.entry_key for flow in flows})
    faults = [fault for flow in flows for fault in validate(flow, known)]
    for name, count in Counter(flow.name for flow in flows).items():
        if count > 1:
            problem = f"{count} flows have this name"
            remedy = "Give each its own: a flow's name is the type of its workflows"
            faults.append(
                Fault(flow=name, step=None, problem=problem, remedy=remedy, file=file_of(name))
            )
    return faults


def file_of(flow_name: str) -> str:
    """Name the file in which the catalogue keeps a flow."""
    return f"sekvens/flows/catalogue/{flow_name.replace('-', '_')}.py"


def sells(flow: Flow) -> bool:
    """Tell whether a flow makes an offer, hopes for a purchase, or starts from shopping."""
    return (
        (isinstance(flow.trigger, EventPattern) and flow.trigger.name in SHOPPING)
        or (flow.goal is not None and flow.goal.pattern.name == PURCHASE.name)
        or any(isinstance(step, Send) and step.offer for step in every_step(flow.steps))
    )


def _names(flow: Flow, _: Known) -> Iterator[Finding]:
    rule = "Use small letters, digits and single hyphens, such as `a-code-for-you`"
    if not _KEBAB.fullmatch(flow.name):
        yield None, f"{flow.name!r} is no name for a flow", rule
    if flow.version < 1:
        yield None, f"version {flow.version} is no version", "Count versions from 1"
    if not flow.steps:
        yield None, "it has no steps", "Write at least one, or take the flow out of the catalogue"
    seen: set[str] = set()
    for step in every_step(flow.steps):
        if not _KEBAB.fullmatch(step.id):
            yield step.id, f"{step.id!r} is no step id", rule
        if step.id in seen:
            problem = "two steps have this id, and a step id is a permanent identity"
            yield step.id, problem, "Give the newer of the two another id"
        seen.add(step.id)


def _events(flow: Flow, known: Known) -> Iterator[Finding]:
    for step_id, pattern in patterns(flow):
        if pattern.name in known.events:
            continue
        near = difflib.get_close_matches(pattern.name, sorted(known.events), n=1)
        remedy = f"Did you mean {near[0]!r}? " if near else ""
        remedy += "A new event of the shop's own is declared first"
        yield step_id, f"no event is called {pattern.name!r}", remedy


def _templates(flow: Flow, known: Known) -> Iterator[Finding]:
    for step in sends(flow):
        name = flow.template_of(step)
        missing = [
            locale
            for locale in known.locales
            if name not in known.templates.get(locale, frozenset())
        ]
        if missing:
            files = ", ".join(f"sekvens/messages/content/{name}.{locale}.md" for locale in missing)
            problem = f"its template {name} is missing in {', '.join(missing)}"
            yield step.id, problem, f"Write {files}"


def _offers(flow: Flow, known: Known) -> Iterator[Finding]:
    for step in sends(flow):
        if step.offer is not None and step.offer not in known.offers:
            offered = ", ".join(sorted(known.offers)) or "none"
            problem = f"the shop has no offer {step.offer!r}"
            yield (
                step.id,
                problem,
                f"Add [shop.offers.{step.offer}] to the settings, or name one of: {offered}",
            )
    for reminder in reminders(flow):
        # What is left of the day on which it ends is not counted: nobody is told of it.
        holds = known.offers.get(reminder.offer, timedelta.max) - timedelta(days=1)
        if reminder.latest > holds:
            problem = (
                f"the offer {reminder.offer!r} holds for {in_words(holds)} and the rest of a day "
                "after the first e-mail that carries it, and this one may leave after "
                f"{in_words(reminder.latest)}"
            )
            yield reminder.step.id, problem, "Send it earlier, shorten lateness_max, or let it last"
    for step in sent_past_the_end(flow):
        problem = f"it waits for the last day of the offer {step.offer!r}, and may leave after that"
        yield step.id, problem, "Shorten lateness_max, so that it leaves before midnight or never"


def _purpose(flow: Flow, _: Known) -> Iterator[Finding]:
    may_advertise = flow.purpose is Purpose.MARKETING or sells(flow)
    for step in sends(flow):
        if flow.purpose_of(step) is Purpose.MARKETING:
            continue
        if step.offer:
            problem = "it makes an offer without a way to unsubscribe, because it is transactional"
            yield step.id, problem, "Make it marketing, or leave the offer out"
        elif may_advertise and not (step.because or "").strip():
            problem = "it is transactional in a flow that sells, so it carries no unsubscribe link"
            yield step.id, problem, "Make it marketing, or write why it is not: because=…"


def _exits(flow: Flow, _: Known) -> Iterator[Finding]:
    # A flow about one order ends on the next one, not on hearing of its own again.
    wanted = PURCHASE
    if flow.entry_key is not None and flow.trigger == PURCHASE:
        wanted = replace(PURCHASE, other=flow.entry_key)
    if sells(flow) and not any(_covers(rule.pattern, wanted) for rule in flow.exit_when):
        remedy = f"Add exit_on({PURCHASE.name!r}, ExitReason.CONVERTED) to exit_when"
        yield None, "it sells, and goes on selling to who has just ordered", remedy
    for index, rule in enumerate(flow.exit_when):
        if any(_covers(earlier.pattern, rule.pattern) for earlier in flow.exit_when[:index]):
            problem = f"an exit rule on {rule.pattern.key!r} comes after one that always wins"
            yield None, problem, "Take one of the two away"
    if flow.goal is None:
        return
    reasons = [rule.reason for rule in flow.exit_when if _covers(rule.pattern, flow.goal.pattern)]
    if reasons[:1] != [ExitReason.CONVERTED]:
        problem = f"its goal {flow.goal.pattern.key!r} is no exit rule with the reason CONVERTED"
        remedy = f"Add exit_on({flow.goal.pattern.name!r}, ExitReason.CONVERTED) to exit_when"
        yield None, problem, remedy


def _entry(flow: Flow, _: Known) -> Iterator[Finding]:
    if not isinstance(flow.trigger, EventPattern):
        return
    if flow.trigger.name in ABOUT_A_CART and flow.entry_key is None:
        problem = f"{flow.trigger.name!r} is about one cart, and no entry_key says which"
        yield None, problem, 'Write entry_key="cart_id", or the e-mails cannot link back to it'


def _reach(flow: Flow, _: Known) -> Iterator[Finding]:
    reached = timetable(flow)
    for step in every_step(flow.steps):
        if step.id not in reached:
            problem = "nobody ever gets here: every way before it leaves the flow"
            yield step.id, problem, "Take it away, or move it up"
        if isinstance(step, Split):
            conditions = [case.condition for case in step.cases]
            if not conditions:
                yield step.id, "it has no case, so it decides nothing", "Write a case, or remove it"
            if len(set(conditions)) < len(conditions) or AllOf(conditions=()) in conditions[:-1]:
                problem = "one of its cases is never taken, because an earlier one always is"
                yield step.id, problem, "Take the later case away, or give it another condition"
    rules = compile_flow(flow).exit_rules()
    for step_id, pattern in heard(flow):
        if any(_covers(rule.pattern, pattern) for rule in rules):
            problem = f"it listens for {pattern.key!r}, but an exit rule ends the flow on that"
            yield step_id, problem, "Take away the exit rule, or listen for something else"


def _durations(flow: Flow, _: Known) -> Iterator[Finding]:
    for step_id, name, duration in stretches(flow):
        if duration <= timedelta(0):
            yield step_id, f"{name} is not positive", "Write how long, such as days(2)"
    for step in every_step(flow.steps):
        if isinstance(step, Wait) and isinstance(step.until, LocalTime | BestTime):
            weekdays = step.until.weekdays
            if not weekdays or not set(weekdays) <= set(range(7)):
                problem = f"it waits for a weekday in {weekdays}"
                yield step.id, problem, "Name at least one day; 0 is Monday, 6 is Sunday"
    length = compile_flow(flow).duration_max()
    if length > FLOW_LENGTH_MAX:
        problem = f"its longest way takes {in_words(length)}"
        yield None, problem, f"Look for a mistaken unit, or stay within {FLOW_LENGTH_MAX.days} days"


CHECKS: tuple[Callable[[Flow, Known], Iterator[Finding]], ...] = (
    _names,
    _events,
    _templates,
    _offers,
    _purpose,
    _exits,
    _entry,
    _reach,
    _durations,
    *STEP_CHECKS,
    experiments,
    holdouts,
)


def _covers(wider: EventPattern, narrower: EventPattern) -> bool:
    """Tell whether every event that fits `narrower` also fits `wider`."""
    return (
        wider.name == narrower.name
        and set(wider.where) <= set(narrower.where)
        and wider.same in (None, narrower.same)
        and wider.other in (None, narrower.other)
    )
