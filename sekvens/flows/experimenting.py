"""Words for experiments, in which flow files ask what is better: variants, holdouts, subjects.

A part of the builder: what they build is frozen data, and faults are found by `validate`.
"""

from dataclasses import replace

from sekvens.flows.steps import Adoption, Experiment, Measure, Send, Step, Variant

CLICKS = Measure.CLICKS
ORDERS = Measure.ORDERS
REVENUE = Measure.REVENUE
AUTO = Adoption.AUTO
BY_HAND = Adoption.BY_HAND

#: What the variant is called that sends nothing.
HOLDOUT = "holdout"


def experiment(
    step_id: str,
    *variants: Variant,
    contacts: int,
    measure: Measure = ORDERS,
    looks: int = 10,
    adopt: Adoption = BY_HAND,
) -> Experiment:
    """Let the lot choose one of the variants for each contact; it stays theirs.

    Args:
        step_id: the step's id; the experiment is called `<flow>/<step id>`.
        variants: the ways; the first is the one that the others are compared with.
        contacts: how many are drawn, all variants together, until the last look.
        measure: what decides: who clicks, who orders, or what a contact's orders come to.
        looks: how often it may be decided, evenly over those contacts.
        adopt: whether a winner becomes the way for everybody by itself, or a person says so.
    """
    return Experiment(
        id=step_id, variants=variants, contacts=contacts, measure=measure, looks=looks, adopt=adopt
    )


def variant(name: str, *steps: Step, weight: float = 1.0) -> Variant:
    """One way through an experiment, for so many parts of those who come to it."""
    return Variant(name=name, steps=steps, weight=weight)


def holdout(weight: float = 1.0) -> Variant:
    """The variant of those who get nothing, and go on behind the experiment."""
    return Variant(name=HOLDOUT, weight=weight)


def subjects(
    step_id: str,
    send: Send,
    *,
    contacts: int,
    measure: Measure = CLICKS,
    looks: int = 10,
    adopt: Adoption = BY_HAND,
) -> Experiment:
    """Compare the subject of one e-mail with its second subject (`second_subject` in its source).

    The second one's step is called `<send>-second-subject`.
    """
    second = replace(send, id=f"{send.id}-second-subject", rewords=send.id)
    return experiment(
        step_id,
        variant("first-subject", send),
        variant("second-subject", second),
        contacts=contacts,
        measure=measure,
        looks=looks,
        adopt=adopt,
    )
