"""Which e-mails of a flow carry an offer again, and how long after the e-mail that made it.

Whichever e-mail carries an offer first makes it: one before it may have been skipped, so each of
them is taken for the first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise

from sekvens.flows.definition import Flow
from sekvens.flows.graph import branches
from sekvens.flows.steps import OfferEnd, Send, Step, Wait
from sekvens.flows.survey import every_step, sends
from sekvens.flows.timetable import timetable

DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """An e-mail that carries an offer made by an earlier one."""

    step: Send
    offer: str
    latest: timedelta  #: after the one that made it, lateness included


def reminders(flow: Flow) -> Iterator[Reminder]:
    """List the e-mails that may carry an offer a second time, each as late as it may leave."""
    latest: dict[str, Reminder] = {}
    for first in sends(flow):
        if first.offer is None:
            continue
        left = timetable(replace(flow, steps=_remaining(flow.steps, first.id) or ()))
        for step in sends(flow):
            if step.offer == first.offer and step.id in left:
                after = left[step.id].latest + (flow.lateness_max_of(step) or timedelta(0))
                known = latest.get(step.id)
                if known is None or after > known.latest:
                    latest[step.id] = Reminder(step=step, offer=first.offer, latest=after)
    yield from latest.values()


def sent_past_the_end(flow: Flow) -> Iterator[Send]:
    """List the e-mails that wait for their offer's last days and may be so late that it is over."""
    for steps in _sequences(flow.steps):
        for wait, step in pairwise(steps):
            if not (isinstance(wait, Wait) and isinstance(step, Send)):
                continue
            until = wait.until
            if not isinstance(until, OfferEnd) or until.offer != step.offer:
                continue
            at = timedelta(hours=until.at.hour, minutes=until.at.minute)
            late = flow.lateness_max_of(step) or timedelta(0)
            if at + late > DAY * (1 + until.days_before):
                yield step


def _sequences(steps: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    yield steps
    for step in every_step(steps):
        yield from branches(step)


def _remaining(steps: tuple[Step, ...], step_id: str) -> tuple[Step, ...] | None:
    """List what may still come after a step: the rest of its branch, and of those around it."""
    for index, step in enumerate(steps):
        if step.id == step_id:
            return steps[index + 1 :]
        for branch in branches(step):
            inside = _remaining(branch, step_id)
            if inside is not None:
                return inside + steps[index + 1 :]
    return None
