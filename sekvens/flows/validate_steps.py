"""Faults of single steps and of what they say of one another: answers, repetitions, dates, deeds.

A part of `sekvens.flows.validate`, which runs every check.
"""

from collections.abc import Iterator
from datetime import timedelta

from sekvens.flows.conditions import (
    Condition,
    EventPattern,
    InStock,
    Owns,
    PriceStands,
    ProductInStock,
)
from sekvens.flows.definition import Audience, Flow
from sekvens.flows.durations import in_words
from sekvens.flows.graph import branches
from sekvens.flows.known import Finding, Known
from sekvens.flows.modes import faults as modes
from sekvens.flows.steps import (
    BestTime,
    Enroll,
    Listen,
    OfferEnd,
    Purpose,
    Send,
    SetConsent,
    Suppress,
    Wait,
    Webhook,
)
from sekvens.flows.survey import asked, conditions, every_step, patterns, sends, variants_around

CONSENTS = ("subscribed", "unsubscribed")


def listens(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find listens that answer nothing, or one event twice: each is answered once in a flow."""
    seen: set[str] = set()
    for step in every_step(flow.steps):
        if not isinstance(step, Listen):
            continue
        if not step.cases:
            yield step.id, "it answers nothing", "Write on(event(…), …), or wait instead"
        for case in step.cases:
            if case.pattern.key in seen:
                problem = f"{case.pattern.key!r} is answered twice, and only the first answer runs"
                yield step.id, problem, "Put the steps of both under one on(…)"
            seen.add(case.pattern.key)
        for inner in every_step(tuple(each for branch in branches(step) for each in branch)):
            if isinstance(inner, Listen):
                problem = f"it listens in an answer of {step.id}, which is listening already"
                yield inner.id, problem, "Move it behind, or add its answers to the outer one"


def bound_to_an_entry(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find what is compared with an entry key that there is not."""
    remedy = 'Write entry_key="…", or leave same and other out'
    if isinstance(flow.trigger, EventPattern) and (flow.trigger.same or flow.trigger.other):
        problem = "its trigger is compared with the entry key, which the trigger makes"
        yield None, problem, "Leave same and other out of the trigger"
    if flow.entry_key is None:
        for step_id, pattern in patterns(flow):
            if pattern.same or pattern.other:
                problem = f"{pattern.key!r} is compared with the entry key, and the flow has none"
                yield step_id, problem, remedy
        for step_id, condition in conditions(flow):
            if isinstance(condition, Owns | InStock | ProductInStock | PriceStands):
                problem = f"it asks {_word(condition)}, and no entry_key says of which"
                yield step_id, problem, 'Write entry_key="product_id" or entry_key="cart_id"'
        if flow.reentry.rule == "each":
            problem = "it takes a contact once for each entry, and no entry_key tells them apart"
            yield None, problem, 'Write entry_key="…", or reentry=once()'


def repetitions(flow: Flow, known: Known) -> Iterator[Finding]:
    """Find e-mails told again that were not told before, and those told twice in one dress."""
    earlier: dict[str, Send] = {}
    around = variants_around(flow.steps)
    for step in sends(flow):
        again = step.retells or step.rewords
        if again is None:
            template = flow.template_of(step)
            for other in earlier.values():
                is_same = other.retells is None and flow.template_of(other) == template
                if is_same and not _are_apart(around[step.id], around[other.id]):
                    problem = f"it sends {template} like {other.id}, word for word"
                    yield step.id, problem, f'Write retells="{other.id}", or another e-mail'
                    break
        elif again not in earlier:
            problem = f"it tells {again!r} again, which is no send before it"
            yield step.id, problem, f"Name one of: {', '.join(earlier) or 'none yet'}"
        else:
            yield from _retelling(flow, known, step, earlier[again])
        earlier[step.id] = step


def dates(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find waits for the end of an offer that nothing has made by then."""
    made: set[str | None] = set()
    for step in every_step(flow.steps):
        if isinstance(step, Send):
            made.add(step.offer)
        if isinstance(step, Wait) and isinstance(step.until, OfferEnd):
            if step.until.offer not in made:
                problem = f"it waits for the end of the offer {step.until.offer!r}, not made so far"
                yield step.id, problem, "Make the offer in an e-mail before it"
            if step.until.days_before < 0:
                problem = f"it waits until {-step.until.days_before} days after the offer has ended"
                yield step.id, problem, "Count days_before from 0, the offer's last day"


def best_times(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find windows in which no hour could be chosen, or that could be missed."""
    for step in every_step(flow.steps):
        if not (isinstance(step, Wait) and isinstance(step.until, BestTime)):
            continue
        best, ends = step.until, timedelta(hours=step.until.latest.hour)
        ends += timedelta(minutes=step.until.latest.minute)
        begins = timedelta(hours=best.earliest.hour, minutes=best.earliest.minute)
        if ends - begins < timedelta(hours=1):
            problem = "its window is shorter than an hour, or goes over midnight"
            yield step.id, problem, "Let it end at least an hour after it begins, on the same day"
        if not best.earliest <= best.otherwise <= best.latest:
            problem = "its hour for contacts of whom too little is known lies outside its window"
            yield step.id, problem, "Name a time within the window as `otherwise`"
        apart = _days_apart(best.weekdays)
        if best.delay_max < timedelta(days=apart):
            problem = f"it may wait {in_words(best.delay_max)}, but its days lie further apart"
            yield step.id, problem, f"Allow at least days({apart}) as `delay_max`"


def _days_apart(weekdays: tuple[int, ...]) -> int:
    """Tell the most days from one that counts to the next."""
    later = (*weekdays[1:], weekdays[0] + 7) if weekdays else ()
    return max((after - day for day, after in zip(weekdays, later, strict=True)), default=0)


def deeds(flow: Flow, known: Known) -> Iterator[Finding]:
    """Find steps that cannot be carried out."""
    for step in every_step(flow.steps):
        match step:
            case Enroll():
                yield from _enroll(flow, known, step)
            case Webhook() if known.webhooks is not None and step.name not in known.webhooks:
                named = ", ".join(sorted(known.webhooks)) or "none"
                remedy = f"Add [webhooks.{step.name}] to the settings, or name one of: {named}"
                yield step.id, f"the settings have no webhook {step.name!r}", remedy
            case SetConsent() if step.status not in CONSENTS:
                problem = f"{step.status!r} is no consent that a flow may write"
                yield step.id, problem, f"Write one of: {', '.join(CONSENTS)}"
            case Suppress() if (
                known.suppressions is not None and step.reason not in known.suppressions
            ):
                reasons = ", ".join(sorted(known.suppressions))
                problem = f"{step.reason!r} is no reason to suppress an address"
                yield step.id, problem, f"Write one of: {reasons}"
            case Send() if step.past_cap and flow.purpose_of(step) is Purpose.TRANSACTIONAL:
                problem = "it leaves past the frequency cap, which holds no transactional e-mail"
                yield step.id, problem, "Leave past_cap out"


def audience(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find scans that would enroll everybody, and counts that always hold."""
    if isinstance(flow.trigger, Audience) and not flow.trigger.conditions:
        problem = f"its audience {flow.trigger.name!r} has no conditions, so it is everybody"
        yield None, problem, "Write whom it is to find"
    for step_id, condition in asked(flow):
        if condition.times < 1:
            problem = f"a condition wants an event {condition.times} times, which always holds"
            yield step_id, problem, "Count times from 1"


def promotion(flow: Flow, known: Known) -> Iterator[Finding]:
    """Find promotion in mail that goes on after an unsubscribe."""
    for step in sends(flow):
        name = flow.template_of(step)
        found = (known.promotions or {}).get(name)
        if found and flow.purpose_of(step) is Purpose.TRANSACTIONAL:
            problem = f"it is transactional, and its e-mail {name} has {', '.join(found)}"
            remedy = "Take that out of the e-mail, or make the step marketing"
            yield step.id, problem, remedy


def _are_apart(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> bool:
    """Tell whether nobody comes to both: they are in different variants of one experiment."""
    variants = dict(one)
    return any(variants.get(step_id, name) != name for step_id, name in other)


def _retelling(flow: Flow, known: Known, step: Send, first: Send) -> Iterator[Finding]:
    template = flow.template_of(first)
    if flow.template_of(step) != template:
        problem = f"it tells {first.id} again, and sends {flow.template_of(step)}"
        yield step.id, problem, f'Write template="{template}"'
    if step.offer != first.offer:
        problem = f"it tells {first.id} again, and makes another offer than that"
        yield step.id, problem, "Give both the same offer"
    if known.second_subjects is None:
        return
    for locale in known.locales:
        if template not in known.second_subjects.get(locale, frozenset()):
            file = f"sekvens/messages/content/{template}.{locale}.md"
            problem = f"it tells {first.id} again, which has no second subject in {locale}"
            yield step.id, problem, f"Write second_subject in {file}"


def _enroll(flow: Flow, known: Known, step: Enroll) -> Iterator[Finding]:
    if step.flow == flow.name:
        yield step.id, "it enrolls into its own flow, in which they are", "Name another flow"
    elif known.flows is not None and step.flow not in known.flows:
        named = ", ".join(sorted(known.flows))
        yield step.id, f"there is no flow {step.flow!r}", f"Name one of: {named}"
    elif known.flows is not None and known.flows[step.flow] is not None:
        key = known.flows[step.flow]
        problem = f"{step.flow} has entries by {key}, and a step that enrolls has none to give"
        yield step.id, problem, "Name a flow without entry_key, or start that one by an event"


def successors(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find successors of steps that are still there, and those that are no steps."""
    ids = {step.id: step for step in every_step(flow.steps)}
    seen: set[str] = set()
    for removed, successor in flow.successors:
        if removed in seen:
            yield None, f"{removed!r} has two successors", "Name one"
        seen.add(removed)
        if removed == successor or (successor is not None and successor not in ids):
            problem = f"{successor!r}, the successor of {removed!r}, is no step of this version"
            yield None, problem, "Name a step that is, or None: who stands there is through then"


def _word(condition: Condition) -> str:
    return "whether they own the product" if isinstance(condition, Owns) else "what is in stock"


#: In the order in which they are told.
STEP_CHECKS = (
    listens,
    bound_to_an_entry,
    repetitions,
    dates,
    best_times,
    deeds,
    audience,
    promotion,
    successors,
    modes,
)
