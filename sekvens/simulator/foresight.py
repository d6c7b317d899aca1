"""Foresight: acts that come before an e-mail, put where they belong by living the story ahead.

Until an act is done, it changes nothing. So the story is lived without the acts that are still to
be placed, the one that belongs first is placed, and so on until none is left.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sekvens.simulator.life import Life
from sekvens.simulator.moments import Lived, Moment
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Act, Person, When


def live(stage: Stage, person: Person) -> Lived:
    """Live a contact's story; an act before an e-mail that never comes is never done."""
    open_acts = [act for act in person.acts if act.when.is_foreseen]
    if not open_acts:
        return Life(stage, person).live()
    placed = [act for act in person.acts if not act.when.is_foreseen]
    while True:
        lived = Life(stage, replace(person, acts=tuple(placed))).live()
        found = [(at, act) for act in open_acts if (at := _when(act, lived)) is not None]
        if not found:
            never = [*lived.never, *open_acts]
            return replace(lived, person=person, never=never)
        at, first = min(found, key=lambda each: each[0])
        open_acts.remove(first)
        # One that belongs before the start is done at the start.
        placed.append(first._replace(when=When(after=max(at, stage.starts) - stage.starts)))


def _when(act: Act, lived: Lived) -> datetime | None:
    email = _email(act.when, lived.sent())
    return None if email is None else email.at + act.when.after


def _email(when: When, sent: Sequence[Moment]) -> Moment | None:
    if isinstance(when.email, int):
        return sent[when.email - 1] if 0 < when.email <= len(sent) else None
    return next((each for each in sent if when.email == f"{each.flow}/{each.step}"), None)
