"""A flow's steps by id, each with the step that follows: the map the interpreter walks on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from sekvens.flows.commands import WhichBranch, WhichVariant
from sekvens.flows.conditions import Condition, EventPattern, Subscribed
from sekvens.flows.definition import ExitRule, Flow
from sekvens.flows.steps import (
    BestTime,
    ExitFlow,
    ExitReason,
    Experiment,
    Listen,
    LocalTime,
    Purpose,
    Send,
    Split,
    Step,
    Wait,
    WaitFor,
)

#: What an unsubscribe does to a flow that is marketing only, without the flow having to say so.
UNSUBSCRIBE_RULES = (
    ExitRule(pattern=EventPattern(name="Unsubscribed"), reason=ExitReason.UNSUBSCRIBED),
    ExitRule(pattern=EventPattern(name="Contact Suppressed"), reason=ExitReason.SUPPRESSED),
)


@dataclass(frozen=True)
class Graph:
    """A flow with its steps by id; `following[id]` is the next step's id, None at the end."""

    flow: Flow
    steps: dict[str, Step]
    following: dict[str, str | None]

    @property
    def first(self) -> str | None:
        """The id of the first step."""
        return self.flow.steps[0].id if self.flow.steps else None

    def enter(self, steps: tuple[Step, ...], after: str) -> str | None:
        """Name the first step of a branch, or what follows `after` when the branch is empty."""
        return steps[0].id if steps else self.following[after]

    def is_marketing_only(self) -> bool:
        """Tell whether every send of the flow is marketing, so that an unsubscribe ends it.

        One that sends nothing is what it says of itself.
        """
        return self._is_marketing_only

    def exit_rules(self) -> tuple[ExitRule, ...]:
        """List the flow's exit rules, those that the law adds included; the first match wins."""
        return self._exit_rules

    def listens(self) -> tuple[EventPattern, ...]:
        """List every event the flow cares about: only these are ever signalled to an enrollment."""
        return self._listens

    def listens_to(self, name: str) -> tuple[EventPattern, ...]:
        """List those that an event of this name may fit."""
        return self._by_name.get(name, ())

    def exit_reason_by(self, matched: tuple[str, ...]) -> ExitReason | None:
        """Tell why an event ends an enrollment, by the keys of the patterns that it fits."""
        reasons = (reason for key, reason in self._exit_reasons if key in matched)
        return next(reasons, None)

    def heard_of(self, *, bound: bool) -> frozenset[str]:
        """List the keys of what it listens to; only of what is bound to more than a name, if so."""
        return self._keys_bound if bound else self._keys

    def answerable(self) -> tuple[EventPattern, ...]:
        """List the events that a listen of the flow answers."""
        return self._answerable

    def retold(self) -> frozenset[str]:
        """Name the sends whose e-mail another one tells again."""
        return self._retold

    def asked_before_a_send(self) -> tuple[Condition, ...]:
        """List the conditions for entering that are asked again before each e-mail.

        All but the wish for marketing: what needs it has been asked for it already, and order and
        shipping mail goes on without it.
        """
        return self._asked_before_a_send

    def which_way(self, step_id: str) -> WhichBranch | WhichVariant:
        """Tell what a split or an experiment asks."""
        return self._which_way[step_id]

    # Worked out once for a graph: they are asked for each event of each contact.

    @cached_property
    def _is_marketing_only(self) -> bool:
        sends = [step for step in self.steps.values() if isinstance(step, Send)]
        purposes = {self.flow.purpose_of(step) for step in sends} or {self.flow.purpose}
        return purposes == {Purpose.MARKETING}

    @cached_property
    def _exit_reasons(self) -> tuple[tuple[str, ExitReason], ...]:
        return tuple((rule.pattern.key, rule.reason) for rule in self._exit_rules)

    @cached_property
    def _keys(self) -> frozenset[str]:
        return frozenset(pattern.key for pattern in self._listens)

    @cached_property
    def _keys_bound(self) -> frozenset[str]:
        return frozenset(pattern.key for pattern in self._listens if pattern.is_bound)

    @cached_property
    def _answerable(self) -> tuple[EventPattern, ...]:
        listens = [step for step in self.steps.values() if isinstance(step, Listen)]
        return tuple(case.pattern for step in listens for case in step.cases)

    @cached_property
    def _retold(self) -> frozenset[str]:
        sends = (step for step in self.steps.values() if isinstance(step, Send))
        return frozenset(step.retells for step in sends if step.retells is not None)

    @cached_property
    def _asked_before_a_send(self) -> tuple[Condition, ...]:
        return tuple(each for each in self.flow.entry if not isinstance(each, Subscribed))

    @cached_property
    def _which_way(self) -> dict[str, WhichBranch | WhichVariant]:
        asking = (step for step in self.steps.values() if isinstance(step, Split | Experiment))
        return {step.id: _which_way(self, step) for step in asking}

    @cached_property
    def _exit_rules(self) -> tuple[ExitRule, ...]:
        added = UNSUBSCRIBE_RULES if self.is_marketing_only() else ()
        return self.flow.exit_when + added

    @cached_property
    def _by_name(self) -> dict[str, tuple[EventPattern, ...]]:
        named = {pattern.name for pattern in self._listens}
        return {name: tuple(p for p in self._listens if p.name == name) for name in named}

    @cached_property
    def _listens(self) -> tuple[EventPattern, ...]:
        patterns = [rule.pattern for rule in self.exit_rules()]
        for step in self.steps.values():
            if isinstance(step, Wait):
                patterns.extend(step.restart_on)
            elif isinstance(step, WaitFor):
                patterns.append(step.pattern)
        patterns.extend(self.answerable())
        return tuple({pattern.key: pattern for pattern in patterns}.values())

    def duration_max(self) -> timedelta:
        """Tell the longest time the flow's waits can add up to, restarts and local times aside."""
        return _longest(self.flow.steps)

    def until_next_send(self, step_id: str | None) -> timedelta | None:
        """Estimate how long after reaching a step the next e-mail leaves; None: none is known to.

        Nobody does what is waited for, a split goes where an e-mail comes soonest, and times of day
        are left out. Nothing is known beyond a wait for a date that only the facts know.
        """
        return _until_next_send(self, step_id, {})

    def sends_behind(self, step_id: str) -> frozenset[str]:
        """Name the sends that may come next behind a step, before anything else is waited for."""
        return frozenset(_next_sends(self, self.following.get(step_id)))


def compile_flow(flow: Flow) -> Graph:
    """Index a flow's steps. A duplicate id keeps its first step; `validate` reports it."""
    steps: dict[str, Step] = {}
    following: dict[str, str | None] = {}
    for step, next_id in _walk(flow.steps, None):
        if step.id not in steps:
            steps[step.id] = step
            following[step.id] = next_id
    return Graph(flow, steps, following)


def branches(step: Step) -> tuple[tuple[Step, ...], ...]:
    """List a step's branches, in the order they are written; empty for a step that has none."""
    if isinstance(step, WaitFor):
        return (step.then, step.otherwise)
    if isinstance(step, Split):
        return (*(case.steps for case in step.cases), step.otherwise)
    if isinstance(step, Listen):
        return tuple(case.steps for case in step.cases)
    if isinstance(step, Experiment):
        return tuple(variant.steps for variant in step.variants)
    return ()


def _which_way(graph: Graph, step: Split | Experiment) -> WhichBranch | WhichVariant:
    next_steps = tuple(graph.enter(branch, step.id) for branch in branches(step))
    if isinstance(step, Split):
        conditions = tuple(case.condition for case in step.cases)
        return WhichBranch(conditions=conditions, next_steps=next_steps)
    flow = graph.flow
    return WhichVariant(
        flow=flow.name,
        version=flow.version,
        step=replace(step, variants=tuple(replace(each, steps=()) for each in step.variants)),
        within=None if flow.goal is None else flow.goal.within,
        next_steps=next_steps,
    )


def _walk(steps: tuple[Step, ...], after: str | None) -> Iterator[tuple[Step, str | None]]:
    for index, step in enumerate(steps):
        next_id = steps[index + 1].id if index + 1 < len(steps) else after
        yield step, next_id
        # A listen goes on listening when it has answered.
        behind = step.id if isinstance(step, Listen) else next_id
        for branch in branches(step):
            yield from _walk(branch, behind)


def _longest(steps: tuple[Step, ...]) -> timedelta:
    total = timedelta(0)
    for step in steps:
        if isinstance(step, Wait):
            total += step.duration
        elif isinstance(step, WaitFor):
            total += step.timeout
        elif isinstance(step, Listen):
            total += step.lasts
        total += max((_longest(branch) for branch in branches(step)), default=timedelta(0))
    return total


def _until_next_send(
    graph: Graph, step_id: str | None, known: dict[str, timedelta | None]
) -> timedelta | None:
    step = graph.steps.get(step_id or "")
    if step is None or isinstance(step, ExitFlow):
        return None
    if isinstance(step, Send):
        return timedelta(0)
    if step.id not in known:  # branches meet again: each step is looked at once
        pause, ways = _straight_on(graph, step)
        arrivals = [_until_next_send(graph, way, known) for way in ways]
        soonest = min((each for each in arrivals if each is not None), default=None)
        known[step.id] = None if soonest is None else pause + soonest
    return known[step.id]


def _next_sends(graph: Graph, step_id: str | None) -> Iterator[str]:
    step = graph.steps.get(step_id or "")
    if isinstance(step, Send):
        yield step.id
    elif step is not None and not isinstance(step, Wait | WaitFor | Listen | ExitFlow):
        for way in _straight_on(graph, step)[1]:
            yield from _next_sends(graph, way)


def _straight_on(graph: Graph, step: Step) -> tuple[timedelta, tuple[str | None, ...]]:
    """Tell how long a step lasts when nothing happens, and where it may lead then."""
    if isinstance(step, Wait):
        is_known = step.until is None or isinstance(step.until, LocalTime | BestTime)
        return step.duration, (graph.following[step.id],) if is_known else ()
    if isinstance(step, WaitFor):
        return step.timeout, (graph.enter(step.otherwise, step.id),)
    if isinstance(step, Listen):
        return step.lasts, (graph.following[step.id],)
    if isinstance(step, Split | Experiment):
        return timedelta(0), tuple(graph.enter(branch, step.id) for branch in branches(step))
    return timedelta(0), (graph.following[step.id],)
