"""A flow as a text that a marketer reads, and as a picture in Mermaid.

Both are made from the flow alone, so what they say is what will happen.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sekvens.flows.conditions import AllOf, EventPattern
from sekvens.flows.definition import MARKETING_LATENESS_MAX, Flow
from sekvens.flows.durations import in_words
from sekvens.flows.graph import compile_flow
from sekvens.flows.mermaid import as_mermaid
from sekvens.flows.steps import (
    Deed,
    ExitFlow,
    ExitReason,
    Experiment,
    Listen,
    Mode,
    Purpose,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)
from sekvens.flows.survey import sends
from sekvens.flows.timetable import moments
from sekvens.flows.wording import (
    deed_in_words,
    in_force,
    named,
    plan_in_words,
    share_in_words,
    shares_of,
    somebody_does,
    they_do,
    until_in_words,
)

__all__ = ["as_mermaid", "as_text", "rules_in_words", "step_in_words"]

INDENT = "  "


@dataclass(frozen=True)
class _Line:
    text: str
    depth: int = 0
    moment: str = ""  #: counted from the start; sends only


def as_text(flow: Flow) -> str:
    """Tell a flow in sentences: what happens when, who may enter, who leaves, what it hopes for.

    Days are counted from the start of an enrollment, restarts aside.
    """
    opening, steps = _opening(flow)
    sections = [
        f"{flow.name}, version {flow.version} ({', '.join([flow.purpose, *_mode(flow.mode)])})",
        f"{opening}:",
        _aligned([*_lines(steps, flow, moments(flow), 0), *_end(steps)]),
        _section("Who may enter", _who_enters(flow)),
        _section("Who leaves early, in the middle of a wait too", _who_leaves(flow)),
        *_remarks(flow),
    ]
    return "\n\n".join(sections) + "\n"


def rules_in_words(flow: Flow) -> dict[str, list[str]]:
    """Tell what holds of a whole flow, sentence by sentence, under the headings of `as_text`."""
    return {
        "starts": [f"when somebody {somebody_does(flow.trigger)}"],
        "who may enter": list(_who_enters(flow)),
        "who leaves early": list(_who_leaves(flow)),
        "besides": list(_remarks(flow)),
    }


def step_in_words(step: Step, flow: Flow) -> str:
    """Tell what a step does, in one line; what its branches hold is theirs to tell."""
    match step:
        case Send():
            return _send(step, flow)
        case Wait():
            return _wait(step)
        case ExitFlow():
            return f"leaves the flow: {_plain(step.reason)}"
        case WaitFor():
            return f"waits up to {in_words(step.timeout)} for them to {they_do(step.pattern)}"
        case Split():
            asked = ", ".join(f"if {in_force(case.condition)}" for case in step.cases)
            return f"decides: {asked}, otherwise"
        case Experiment():
            drawn = ", ".join(f"{share} {variant.name}" for variant, share in shares_of(step))
            return f"draws a variant by lot: {drawn}; {plan_in_words(step)}"
        case Listen():
            heard = " or ".join(they_do(case.pattern) for case in step.cases)
            return f"listens for {in_words(step.lasts)} for them to {heard}"
        case _:
            return _deed(step)


def _end(steps: tuple[Step, ...]) -> Iterator[_Line]:
    if not _leaves(steps):
        yield _Line("ends: completed")


def _leaves(steps: tuple[Step, ...]) -> bool:
    """Tell whether whoever comes to the end of these steps has left the flow, on every way."""
    match steps[-1] if steps else None:
        case ExitFlow():
            return True
        case WaitFor() as step:
            return _leaves(step.then) and _leaves(step.otherwise)
        case Split() as step:
            return all(_leaves(case.steps) for case in step.cases) and _leaves(step.otherwise)
        case Experiment() as step:
            return all(_leaves(variant.steps) for variant in step.variants)
        case _:
            return False


def _opening(flow: Flow) -> tuple[str, tuple[Step, ...]]:
    opening = f"When somebody {somebody_does(flow.trigger)}"
    first = flow.steps[0] if flow.steps else None
    if isinstance(first, Wait) and first.until is None and first.restart_on == (flow.trigger,):
        return f"{opening} and then is quiet for {in_words(first.duration)}", flow.steps[1:]
    return opening, flow.steps


def _lines(
    steps: tuple[Step, ...], flow: Flow, moments: dict[str, str], depth: int
) -> Iterator[_Line]:
    for step in steps:
        match step:
            case Send():
                yield _Line(_send(step, flow), depth, moments[step.id])
            case Wait():
                yield _Line(_wait(step), depth)
            case ExitFlow():
                yield _Line(f"leaves the flow: {_plain(step.reason)}", depth)
            case WaitFor():
                yield from _wait_for(step, flow, moments, depth)
            case Split():
                yield from _split(step, flow, moments, depth)
            case Experiment():
                yield from _experiment(step, flow, moments, depth)
            case Listen():
                yield _Line(f"listens for {in_words(step.lasts)}, and each time once:", depth)
                for on in step.cases:
                    words = f"when they {they_do(on.pattern)}"
                    yield from _branch(words, on.steps, flow, moments, depth + 1)
            case _:
                yield _Line(_deed(step), depth)


def _branch(
    words: str, steps: tuple[Step, ...], flow: Flow, moments: dict[str, str], depth: int
) -> Iterator[_Line]:
    if not steps:
        yield _Line(f"{words}, goes on at once", depth)
        return
    yield _Line(f"{words}:", depth)
    yield from _lines(steps, flow, moments, depth + 1)


def _send(step: Send, flow: Flow) -> str:
    text = f"sends {step.id}"
    if step.offer:
        text += f' with the offer "{step.offer}"'
    if step.purpose is not None and step.purpose is not flow.purpose:
        text += f" ({step.purpose}{f': {step.because}' if step.because else ''})"
    if step.retells:
        text += f", which tells {step.retells} again under its second subject, if that was sent"
    if step.rewords:
        text += f", which is {step.rewords} under its second subject"
    if step.past_cap:
        text += ", whatever else they have had today"
    if step.lateness_max is not None:
        text += f", unless it is more than {in_words(step.lateness_max)} late"
    return text + "".join(f" ({mode})" for mode in _mode(step.mode))


def _deed(step: Deed) -> str:
    return deed_in_words(step) + "".join(f" ({mode})" for mode in _mode(step.mode))


def _mode(mode: Mode) -> list[str]:
    """Say what is not live."""
    return [] if mode is Mode.LIVE else [mode]


def _wait(step: Wait) -> str:
    parts = [in_words(step.duration)] if step.duration or step.until is None else []
    if step.until is not None:
        parts.append(f"until {until_in_words(step.until)}")
    text = f"waits {', then '.join(parts)}"
    if step.restart_on:
        again = " or ".join(they_do(pattern) for pattern in step.restart_on)
        text += f"; anew when they {again}"
    return text


def _wait_for(step: WaitFor, flow: Flow, moments: dict[str, str], depth: int) -> Iterator[_Line]:
    awaited, timeout = they_do(step.pattern), in_words(step.timeout)
    if not step.then and not step.otherwise:
        yield _Line(f"waits for them to {awaited}, {timeout} at most", depth)
        return
    yield _Line(f"waits up to {timeout} for them to {awaited}", depth)
    yield from _branch("if they do", step.then, flow, moments, depth + 1)
    yield from _branch("if they do not", step.otherwise, flow, moments, depth + 1)


def _split(step: Split, flow: Flow, moments: dict[str, str], depth: int) -> Iterator[_Line]:
    for case in step.cases:
        words = f"if {in_force(case.condition)}"
        yield from _branch(words, case.steps, flow, moments, depth)
    yield from _branch("otherwise", step.otherwise, flow, moments, depth)


def _experiment(
    step: Experiment, flow: Flow, moments: dict[str, str], depth: int
) -> Iterator[_Line]:
    yield _Line(f"draws a variant by lot ({plan_in_words(step)})", depth)
    for variant, share in shares_of(step):
        words = f"for {share}, {variant.name}"
        yield from _branch(words, variant.steps, flow, moments, depth + 1)


def _who_enters(flow: Flow) -> Iterator[str]:
    if flow.trigger_when:
        yield f"only if {in_force(AllOf(conditions=flow.trigger_when))}"
    if flow.entry:
        conditions = in_force(AllOf(conditions=flow.entry))
        yield f"only if {conditions}; asked again before each e-mail"
    if not flow.entry and not flow.trigger_when:
        yield "everybody"
    match flow.reentry.rule:
        case "once":
            yield "once in their life"
        case "after":
            yield f"again {in_words(flow.reentry.gap)} after they last entered"
        case "each":
            yield f"once for each {named(flow.entry_key or 'entry')}"
        case "always":
            yield "again whenever it happens, while an earlier entry is under way too"
    if flow.entry_key and flow.reentry.rule != "each":
        yield f"each {named(flow.entry_key)} is an entry of its own"
    if isinstance(flow.trigger, EventPattern):
        yield f"nobody, if it happened more than {in_words(flow.trigger_age_max)} ago"


def _who_leaves(flow: Flow) -> Iterator[str]:
    for rule in compile_flow(flow).exit_rules():
        yield f"when they {they_do(rule.pattern)}: {_plain(rule.reason)}"
    if flow.stay_while:
        stay = in_force(AllOf(conditions=flow.stay_while))
        yield f"before an e-mail, unless {stay}: {_plain(ExitReason.NO_LONGER_MATCHES)}"


def _remarks(flow: Flow) -> Iterator[str]:
    if flow.holdout:
        share = share_in_words(flow.holdout)
        yield f"The lot keeps {share} out, and they stay out: for comparison."
    if flow.goal is not None:
        within = in_words(flow.goal.within)
        yield f"It hopes that they {they_do(flow.goal.pattern)} within {within} of the start."
    if any(flow.purpose_of(step) is Purpose.MARKETING for step in sends(flow)):
        late = in_words(MARKETING_LATENESS_MAX)
        yield f"Marketing that is more than {late} late, or later than said above, is not sent."


def _section(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"{title}:", *(f"{INDENT}- {line}" for line in lines)])


def _aligned(lines: list[_Line]) -> str:
    width = max(len(line.moment) for line in lines) + 2
    return "\n".join(
        f"{INDENT}{line.moment:<{width}}{INDENT * line.depth}{line.text}" for line in lines
    )


def _plain(reason: str) -> str:
    return reason.replace("_", " ")
