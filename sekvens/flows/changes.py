"""What changed between two versions of a flow, in words, and for whom it lies ahead.

It is pure: which e-mails were edited is handed in, for their texts stand elsewhere.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from sekvens.flows.explain import rules_in_words, step_in_words
from sekvens.flows.graph import Graph, branches
from sekvens.flows.moving import is_same
from sekvens.flows.steps import Case, Experiment, Listen, On, Send, Split, Step, WaitFor


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is different, in a sentence."""

    text: str
    step: str | None = None  #: whose it is; None: it is about everybody in the flow


def changes(
    old: Graph, new: Graph, edited: Collection[str], successors: Mapping[str, str | None]
) -> list[Change]:
    """List what is different in a new version, what is about everybody first.

    Args:
        old: the version that is live.
        new: the version that is to replace it.
        edited: names of the templates whose content differs.
        successors: where to go on from steps that the new version has no more.
    """
    return [
        *_of_rules(old, new),
        *_taken_away(old, new, successors),
        *_of_steps(old, new),
        *_of_places(old, new),
        *_of_emails(new, edited),
    ]


def ahead(graph: Graph, step_id: str | None) -> set[str]:
    """Name the steps that whoever stands at one may still meet, that one included."""
    met: set[str] = set()
    left = [step_id]
    while left:
        at = left.pop()
        if at is None or at in met or at not in graph.steps:
            continue
        met.add(at)
        ways = branches(graph.steps[at])
        left.extend(way[0].id for way in ways if way)
        left.append(graph.following[at])
    return met


def _of_rules(old: Graph, new: Graph) -> Iterator[Change]:
    if old.flow.purpose is not new.flow.purpose:
        yield Change(text=f"it is {new.flow.purpose}, and was {old.flow.purpose}")
    if old.flow.mode is not new.flow.mode:
        yield Change(text=f"it is {new.flow.mode}, and was {old.flow.mode}")
    before, after = rules_in_words(old.flow), rules_in_words(new.flow)
    for heading, said in after.items():
        for line in before[heading]:
            if line not in said:
                yield Change(text=f"{heading}: no longer {line}")
        for line in said:
            if line not in before[heading]:
                yield Change(text=f"{heading}: now {line}")


def _taken_away(old: Graph, new: Graph, successors: Mapping[str, str | None]) -> Iterator[Change]:
    for step_id in old.steps:
        if is_same(old, new, step_id):
            continue
        where = "nobody says where to go on from there"
        if step_id in successors:
            successor = successors[step_id]
            where = f"from there it goes on at {successor}" if successor else "it ends there"
        yield Change(text=f"{step_id} is taken away; {where}", step=step_id)


def _of_steps(old: Graph, new: Graph) -> Iterator[Change]:
    places = _places(new)
    for step_id, step in new.steps.items():
        said = step_in_words(step, new.flow)
        if not is_same(old, new, step_id):
            text = f"{step_id} is added {_place(places[step_id])}: {said}"
            yield Change(text=text, step=step_id)
            continue
        was = step_in_words(old.steps[step_id], old.flow)
        if was != said:
            yield Change(text=f"{step_id} {said}; it {was} before", step=step_id)
        elif _bare(step) != _bare(old.steps[step_id]):
            yield Change(text=f"{step_id} is changed in a detail", step=step_id)


def _of_places(old: Graph, new: Graph) -> Iterator[Change]:
    """Find the steps that stand elsewhere: in another order, or in another branch."""
    before = [step_id for step_id in old.steps if is_same(old, new, step_id)]
    after = [step_id for step_id in new.steps if is_same(old, new, step_id)]
    matcher = difflib.SequenceMatcher(a=before, b=after, autojunk=False)
    kept = {
        step_id for block in matcher.get_matching_blocks()
        for step_id in before[block.a : block.a + block.size]
    }  # fmt: skip
    was, now = _places(old), _places(new)
    for step_id in after:
        if step_id not in kept or was[step_id][0] != now[step_id][0]:
            yield Change(text=f"{step_id} comes {_place(now[step_id])} now", step=step_id)


def _of_emails(new: Graph, edited: Collection[str]) -> Iterator[Change]:
    for step in new.steps.values():
        if isinstance(step, Send) and new.flow.template_of(step) in edited:
            yield Change(text=f"the e-mail of {step.id} is edited", step=step.id)


def _places(graph: Graph) -> dict[str, tuple[str, str | None]]:
    """Tell of each step in which branch it stands, and which step comes before it there."""
    places: dict[str, tuple[str, str | None]] = {}
    left: list[tuple[str, tuple[Step, ...]]] = [("", graph.flow.steps)]
    while left:
        branch, steps = left.pop()
        previous: str | None = None
        for step in steps:
            places.setdefault(step.id, (branch, previous))
            previous = step.id
            ways = enumerate(branches(step), start=1)
            left.extend((f"branch {number} of {step.id}", way) for number, way in ways)
    return places


def _place(place: tuple[str, str | None]) -> str:
    branch, previous = place
    if previous is not None:
        return f"after {previous}"
    return f"first in {branch}" if branch else "first"


def _bare(step: Step) -> Step:
    """Leave out what the branches of a step hold."""
    match step:
        case WaitFor():
            return replace(step, then=(), otherwise=())
        case Split():
            cases = tuple(Case(condition=case.condition) for case in step.cases)
            return replace(step, cases=cases, otherwise=())
        case Listen():
            return replace(step, cases=tuple(On(pattern=case.pattern) for case in step.cases))
        case Experiment():
            return replace(step, variants=tuple(replace(each, steps=()) for each in step.variants))
        case _:
            return step
