"""The plan of an experiment, as it is written down when its first contact draws. Pure."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, Literal

from sekvens.flows.commands import WhichVariant
from sekvens.flows.definition import Flow
from sekvens.flows.lots import EVERYTHING, Weights, holdout_weights, name_of, weights_of
from sekvens.flows.steps import Adoption, Experiment, Measure

#: What a contact does counts for so long after their draw, where the flow has no goal.
WITHIN_DEFAULT: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared with what, for how long, and when it is decided."""

    name: str
    flow: str | None  #: none: all of them
    version: int
    weights: Weights  #: each variant's; the first is what the others are compared with
    within: timedelta  #: how long after their draw counts what a contact does
    measure: Measure
    contacts: int | None = None  #: none: a holdout, which is never decided
    looks: int = 0
    adopt: Adoption = Adoption.BY_HAND
    kind: Literal["plan"] = "plan"

    @property
    def first(self) -> str:
        """Name the variant that the others are compared with."""
        return self.weights[0][0]

    @property
    def others(self) -> tuple[str, ...]:
        """Name the variants that are compared with the first."""
        return self.variants[1:]

    @property
    def variants(self) -> tuple[str, ...]:
        """Name the variants."""
        return tuple(name for name, _ in self.weights)

    @property
    def is_holdout(self) -> bool:
        """Tell whether it holds contacts out, and is never decided."""
        return self.contacts is None

    def share(self, variant: str) -> float:
        """Tell the share of those who draw a variant."""
        weights = dict(self.weights)
        return weights[variant] / sum(weights.values())

    def is_same_as(self, other: "Plan") -> bool:
        """Tell whether what was counted by the other counts by this one."""
        return replace(self, version=other.version, adopt=other.adopt) == other


def of_question(question: WhichVariant) -> Plan:
    """Make the plan of an experiment that an enrollment has come to."""
    return of_step(question.flow, question.version, question.step, question.within)


def of_step(flow: str, version: int, step: Experiment, within: timedelta | None) -> Plan:
    """Make the plan of an experiment; `within` is how long the flow's goal counts, if any."""
    return Plan(
        name=name_of(flow, step),
        flow=flow,
        version=version,
        weights=weights_of(step),
        within=within or WITHIN_DEFAULT,
        measure=step.measure,
        contacts=step.contacts,
        looks=step.looks,
        adopt=step.adopt,
    )


def of_flow(flow: Flow) -> Plan:
    """Make the plan of a flow's holdout."""
    return Plan(
        name=flow.name,
        flow=flow.name,
        version=flow.version,
        weights=holdout_weights(flow.holdout),
        within=WITHIN_DEFAULT if flow.goal is None else flow.goal.within,
        measure=Measure.REVENUE,
    )


def of_everything(share: float, within: timedelta) -> Plan:
    """Make the plan of the holdout that gets no marketing at all."""
    return Plan(
        name=EVERYTHING,
        flow=None,
        version=1,
        weights=holdout_weights(share),
        within=within,
        measure=Measure.REVENUE,
    )
