"""A flow as a ladder: its steps one below the other, branches indented, and figures at each.

Drawn from the graph itself; nothing about a flow is written twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sekvens.flows.definition import Flow
from sekvens.flows.graph import Graph
from sekvens.flows.modes import has_mode, mode_of
from sekvens.flows.steps import Mode, Send, Step
from sekvens.metrics.steps import Standing, Went
from sekvens.web.dashboard.step_words import StepWords


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One way on from a rung; without rungs of its own it goes on at once."""

    says: str
    rungs: "Sequence[Rung]"


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One step, with what it does and who is there."""

    id: str
    kind: str  #: `send`, `wait`, …: as the step's own
    says: str
    moment: str  #: when it is reached, if it sends something and the flow knows
    mode: str  #: what is not live: `draft`, `manual`
    is_send: bool
    standing: Standing
    went: Went
    branches: Sequence[Branch]


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """All rungs, and who stands or left at a step that this version has no more."""

    rungs: Sequence[Rung]
    elsewhere: Mapping[str, Standing]  #: step id -> who stands there; `` is none yet
    through: Went  #: those who were through with all steps


def ladder(
    graph: Graph,
    words: StepWords,
    *,
    standing: Mapping[str | None, Standing],
    went: Mapping[str | None, Went],
    by_hand: Mapping[str, Mode],
) -> Ladder:
    """Draw a flow. `by_hand` are the modes that people have set."""
    drawer = _Drawer(graph.flow, words, standing, went, by_hand)
    return Ladder(
        rungs=drawer.rungs(graph.flow.steps),
        elsewhere={step or "": who for step, who in standing.items() if step not in graph.steps},
        through=went.get(None, Went()),
    )


@dataclass(frozen=True)
class _Drawer:
    flow: Flow
    words: StepWords
    standing: Mapping[str | None, Standing]
    went: Mapping[str | None, Went]
    by_hand: Mapping[str, Mode]

    def rungs(self, steps: Sequence[Step]) -> list[Rung]:
        return [self._rung(step) for step in steps]

    def _rung(self, step: Step) -> Rung:
        is_send = isinstance(step, Send)
        mode = mode_of(self.flow, step, self.by_hand) if has_mode(step) else Mode.LIVE
        return Rung(
            id=step.id,
            kind=step.kind,
            says=self.words.says(step),
            moment=self.words.moment(self.flow, step) if is_send else "",
            mode="" if mode is Mode.LIVE else mode.value,
            is_send=is_send,
            standing=self.standing.get(step.id, Standing()),
            went=self.went.get(step.id, Went()),
            branches=[
                Branch(says=says, rungs=self.rungs(inside))
                for says, inside in self.words.ways(step)
            ],
        )
