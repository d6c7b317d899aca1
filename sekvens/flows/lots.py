"""The lot: which variant of an experiment a contact draws, by their id alone.

It is the same in every process and for ever, so a draw that is done again comes to the same. Each
variant holds a number against the others, made of the experiment, the contact and its own name: the
smallest wins. So a variant that is added takes contacts over, and moves none between the others.
"""

import hashlib
import math
from collections.abc import Iterable

from sekvens.flows.experimenting import HOLDOUT
from sekvens.flows.steps import Experiment

#: The experiment whose holdout gets no marketing from any flow.
EVERYTHING = "everything"
#: The variant of those who are not held out of a flow, or of everything.
TREATED = "treated"

Weights = tuple[tuple[str, float], ...]


def name_of(flow: str, step: Experiment) -> str:
    """Name an experiment: `<flow>/<step id>`. A holdout of a whole flow has the flow's name."""
    return f"{flow}/{step.id}"


def weights_of(step: Experiment) -> Weights:
    """List the variants of an experiment with their weights."""
    return tuple((variant.name, variant.weight) for variant in step.variants)


def holdout_weights(share: float) -> Weights:
    """List the two variants of a holdout of this share."""
    return ((HOLDOUT, share), (TREATED, 1 - share))


def draw(experiment: str, contact_id: str, weights: Iterable[tuple[str, float]]) -> str:
    """Draw a contact's variant: each as often as its weight says, and always the same one."""
    return min((_height(experiment, contact_id, name, weight), name) for name, weight in weights)[1]


def is_held_out(experiment: str, contact_id: str, share: float) -> bool:
    """Tell whether a contact is among those held out; of a share of 0, nobody is."""
    return share > 0 and draw(experiment, contact_id, holdout_weights(share)) == HOLDOUT


def _height(experiment: str, contact_id: str, name: str, weight: float) -> float:
    """Draw an exponential waiting time of this rate: of several, who is first is by the weights."""
    digest = hashlib.sha256(f"{experiment}\n{contact_id}\n{name}".encode()).digest()
    point = (int.from_bytes(digest[:7]) + 0.5) / 2**56
    return -math.log(point) / weight
