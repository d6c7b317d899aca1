"""Faults of experiments and holdouts: what cannot be drawn, or would prove nothing.

A part of `sekvens.flows.validate`, which runs every check.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from sekvens.flows.definition import Flow
from sekvens.flows.known import Finding, Known
from sekvens.flows.steps import Experiment, Measure, Purpose, Send, Variant
from sekvens.flows.survey import every_step, sends

#: Fewer contacts show nothing that a shop could hope for.
CONTACTS_MIN: Final = 200
#: More looks than one a day for two months help nobody.
LOOKS_MAX: Final = 60
#: A holdout costs what the flow earns from those who are held out.
HOLDOUT_MAX: Final = 0.5

_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def experiments(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find experiments that cannot be drawn, or cannot be decided."""
    for step in every_step(flow.steps):
        if isinstance(step, Experiment):
            for problem, remedy in (*_variants(step), *_plan(step), *_withheld(flow, step)):
                yield step.id, problem, remedy


def holdouts(flow: Flow, _: Known) -> Iterator[Finding]:
    """Find holdouts that are no share, and those that would withhold order mail."""
    if not flow.holdout:
        return
    if not 0 < flow.holdout <= HOLDOUT_MAX:
        problem = f"its holdout {flow.holdout} is no share of contacts"
        yield None, problem, f"Write one of up to {HOLDOUT_MAX}, such as holdout=0.1"
    if any(flow.purpose_of(step) is Purpose.TRANSACTIONAL for step in sends(flow)):
        problem = "its holdout would keep transactional e-mails from those who are to have them"
        yield None, problem, "Leave holdout out, or put an experiment around the marketing"


def _variants(step: Experiment) -> Iterator[tuple[str, str]]:
    if len(step.variants) < 2:
        yield "it compares nothing", "Write two variants at the least"
    for name, count in Counter(variant.name for variant in step.variants).items():
        if count > 1:
            yield f"{count} of its variants are called {name!r}", "Give each a name of its own"
        if not _KEBAB.fullmatch(name):
            yield f"{name!r} is no name for a variant", "Use small letters, digits and hyphens"
    for variant in step.variants:
        if not (math.isfinite(variant.weight) and variant.weight > 0):
            problem = f"nobody can draw {variant.name!r} with a weight of {variant.weight}"
            yield problem, "Write a positive weight, or take the variant away"


def _plan(step: Experiment) -> Iterator[tuple[str, str]]:
    if step.contacts < CONTACTS_MIN:
        remedy = (
            f"Plan for {CONTACTS_MIN} at the least: `starter.py experiments plan` says how many"
        )
        yield f"{step.contacts} contacts show nothing", remedy
    if not 1 <= step.looks <= LOOKS_MAX:
        yield f"it cannot be looked at {step.looks} times", f"Write a number from 1 to {LOOKS_MAX}"
    silent = [variant.name for variant in step.variants if not _sends(variant)]
    if step.measure is Measure.CLICKS and silent:
        problem = f"it counts clicks, and {', '.join(silent)} sends nothing that can be clicked"
        yield problem, "Measure orders or revenue"


def _withheld(flow: Flow, step: Experiment) -> Iterator[tuple[str, str]]:
    silent = any(not _sends(variant) for variant in step.variants)
    inside = [send for variant in step.variants for send in _sends(variant)]
    if silent and any(flow.purpose_of(send) is Purpose.TRANSACTIONAL for send in inside):
        problem = "one of its variants withholds a transactional e-mail"
        yield problem, "Let every variant send it, or none"


def _sends(variant: Variant) -> list[Send]:
    return [step for step in every_step(variant.steps) if isinstance(step, Send)]
