"""A flow as a Mermaid flowchart: one node a step, its branches labelled, and the ways out."""

import re
from collections.abc import Iterator

from sekvens.flows.definition import Flow
from sekvens.flows.durations import as_moment, in_words
from sekvens.flows.graph import Graph, compile_flow
from sekvens.flows.steps import ExitFlow, Experiment, Listen, Send, Split, Step, Wait, WaitFor
from sekvens.flows.survey import of_no_day
from sekvens.flows.timetable import Span, timetable
from sekvens.flows.wording import (
    deed_in_words,
    in_force,
    shares_of,
    somebody_does,
    they_do,
    until_in_words,
)

OVER = "over"
NEW_LINE = "\n"

#: In the order in which they are replaced: `#` begins every entity of Mermaid's.
_ENTITIES = {"#": "#35;", "&": "#amp;", '"': "#quot;", "<": "#lt;", ">": "#gt;"}


def as_mermaid(flow: Flow) -> str:
    """Draw a flow; GitHub and most wikis show the result as a picture."""
    graph, unknown = compile_flow(flow), of_no_day(flow)
    times = {step: span for step, span in timetable(flow).items() if step not in unknown}
    lines = [
        "flowchart TD",
        f"trigger([{_label(f'somebody {somebody_does(flow.trigger)}')}])",
        *(_node(step, times.get(step.id)) for step in graph.steps.values()),
        f"{OVER}([{_label('ends: completed')}])",
        f"trigger --> {_id(graph.first)}",
        *(edge for step in graph.steps.values() for edge in _edges(graph, step)),
        *_ways_out(graph),
    ]
    return "\n    ".join(lines) + "\n"


def _node(step: Step, span: Span | None) -> str:
    match step:
        case Send():
            offer = f'\noffer "{step.offer}"' if step.offer else ""
            moment = f"\n{as_moment(span.earliest, span.latest)}" if span else ""
            shape = f"[{_label(f'e-mail {step.id}{moment}{offer}')}]"
        case Wait():
            shape = f"({_label(_wait(step))})"
        case WaitFor():
            label = f"wait up to {in_words(step.timeout)}\nfor them to {they_do(step.pattern)}"
            shape = f"{{{{{_label(label)}}}}}"
        case Split():
            shape = f"{{{_label(step.id)}}}"
        case Experiment():
            shape = f"{{{_label(f'by lot: {step.id}')}}}"
        case ExitFlow():
            shape = f"([{_label(f'leaves: {_plain(step.reason)}')}])"
        case Listen():
            shape = f"{{{{{_label(f'listen for {in_words(step.lasts)}')}}}}}"
        case _:
            shape = f"[/{_label(deed_in_words(step))}/]"
    return _id(step.id) + shape


def _wait(step: Wait) -> str:
    parts = [in_words(step.duration)] if step.duration or step.until is None else []
    parts += [f"until {until_in_words(step.until)}"] if step.until is not None else []
    anew = "".join(f"\nanew when they {they_do(event)}" for event in step.restart_on)
    return f"wait {f',{NEW_LINE}then '.join(parts)}{anew}"


def _edges(graph: Graph, step: Step) -> Iterator[str]:
    here = _id(step.id)
    match step:
        case WaitFor():
            yield f"{here} -->|{_label('they do')}| {_id(graph.enter(step.then, step.id))}"
            yield f"{here} -->|{_label('they do not')}| {_id(graph.enter(step.otherwise, step.id))}"
        case Split():
            for case in step.cases:
                label = _label(in_force(case.condition))
                yield f"{here} -->|{label}| {_id(graph.enter(case.steps, step.id))}"
            yield f"{here} -->|{_label('otherwise')}| {_id(graph.enter(step.otherwise, step.id))}"
        case Experiment():
            for variant, share in shares_of(step):
                label = _label(f"{share} {variant.name}")
                yield f"{here} -->|{label}| {_id(graph.enter(variant.steps, step.id))}"
        case Listen():
            for on in step.cases:
                inside = on.steps[0].id if on.steps else step.id
                yield f"{here} -->|{_label(f'they {they_do(on.pattern)}')}| {_id(inside)}"
            yield f"{here} -->|{_label('over')}| {_id(graph.following[step.id])}"
        case ExitFlow():
            pass
        case _:
            yield f"{here} --> {_id(graph.following[step.id])}"


def _ways_out(graph: Graph) -> Iterator[str]:
    rules = graph.exit_rules()
    if rules:
        yield f"anywhere[[{_label('at any moment')}]]"
    for rule in rules:
        out = f"out_{rule.reason}([{_label(f'leaves: {_plain(rule.reason)}')}])"
        yield f"anywhere -.->|{_label(f'they {they_do(rule.pattern)}')}| {out}"


def _id(step_id: str | None) -> str:
    # A prefix, because some words (`end`, `class`) mean something to Mermaid.
    return OVER if step_id is None else f"step_{re.sub('[^A-Za-z0-9]', '_', step_id)}"


def _label(text: str) -> str:
    for character, entity in _ENTITIES.items():
        text = text.replace(character, entity)
    return f'"{text.replace(NEW_LINE, "<br/>")}"'


def _plain(reason: str) -> str:
    return reason.replace("_", " ")
