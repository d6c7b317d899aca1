"""What came of a story: lived by everybody in it, counted step by step, looked over.

Contacts are lived one by one and let go, so that a large population needs little memory.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from sekvens.simulator.foresight import live
from sekvens.simulator.invariants import Breach, breaches
from sekvens.simulator.moments import SENT, Lived, What
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Person

#: Told after so many contacts how far it is.
PROGRESS_EVERY: Final = 500
#: So many contacts to whom something happened are kept, to be shrunk.
BROKEN_MAX: Final = 20
#: … beside what is sent.
_COUNTED: Final = frozenset({What.ENTERS, What.REFUSED, What.SKIPPED, What.LEFT})


@dataclass(kw_only=True)
class Outcome:
    """What a story came to."""

    contacts: int = 0
    #: flow, step (empty: the flow's own), what, the reason (of what is sent, the mode) -> how often
    counts: Counter[tuple[str, str, What, str]] = field(default_factory=Counter)
    per_hour: Counter[datetime] = field(default_factory=Counter)  #: e-mails sent, by shop hour
    told: list[Lived] = field(default_factory=list)  #: those whose timelines are wanted
    broken: list[tuple[Person, Breach]] = field(default_factory=list)
    breaches: Counter[str] = field(default_factory=Counter)  #: by invariant

    @property
    def emails(self) -> int:
        """Count the e-mails that were sent."""
        return sum(self.per_hour.values())


def tell(
    stage: Stage,
    people: Iterable[Person],
    *,
    timelines: int,
    progress: Callable[[int], None] | None = None,
    how: Callable[[Stage, Person], Lived] = live,
    is_looked_over: bool = True,
) -> Outcome:
    """Live the story of everybody; keep the timelines of the first so many."""
    lived = (how(stage, person) for person in people)
    return outcome_of(
        lived, stage, timelines=timelines, progress=progress, is_looked_over=is_looked_over
    )


def outcome_of(
    everybody: Iterable[Lived],
    stage: Stage,
    *,
    timelines: int,
    progress: Callable[[int], None] | None = None,
    is_looked_over: bool = True,
) -> Outcome:
    """Tell what a story came to that everybody has lived."""
    outcome = Outcome()
    for lived in everybody:
        outcome.contacts += 1
        _count(lived, outcome)
        for breach in breaches(lived, stage) if is_looked_over else ():
            outcome.breaches[breach.invariant] += 1
            if len(outcome.broken) < BROKEN_MAX:
                outcome.broken.append((lived.person, breach))
        if len(outcome.told) < timelines:
            outcome.told.append(lived)
        if progress is not None and outcome.contacts % PROGRESS_EVERY == 0:
            progress(outcome.contacts)
    return outcome


@lru_cache(maxsize=4096)  # most leave at one of few times of day
def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _count(lived: Lived, outcome: Outcome) -> None:
    counts, per_hour = outcome.counts, outcome.per_hour
    for at, what, flow, step, text, _, _, _, _, mode in lived.moments:
        if what is SENT:
            counts[flow, step, what, mode] += 1
            per_hour[_hour_of(at)] += 1
        elif what in _COUNTED:
            counts[flow, step, what, text] += 1
