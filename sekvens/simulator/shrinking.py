"""Shrinking: a contact to whom something happened that never must, with the fewest acts.

One act after the other is left out for as long as the same invariant is still broken. What is left
is written as a story's file, to be lived again.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sekvens.flows.state import span_text
from sekvens.simulator.acts import VERBS
from sekvens.simulator.foresight import live
from sekvens.simulator.invariants import Breach, Invariant, breaches
from sekvens.simulator.stage import Stage
from sekvens.simulator.story import Act, Person

_MINUTE: Final = timedelta(minutes=1)
_NOTHING: Final = timedelta(0)


def shrunk(person: Person, invariant: Invariant, stage: Stage) -> tuple[Person, Breach]:
    """Leave out every act, and every trait, that an invariant is broken without.

    Raises:
        ValueError: it holds for this contact.
    """
    breach = _broken(person, invariant, stage)
    if breach is None:
        raise ValueError(f"{person.name}: {invariant} does not happen")
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for smaller in _smaller(person):
            found = _broken(smaller, invariant, stage)
            if found is not None:
                person, breach, is_smaller = smaller, found, True
                break
    return person, breach


def as_story(person: Person, *, days: int) -> str:
    """Write a contact as a story's file."""
    lines = [f"days = {days}", "", f"[contacts.{person.name}]", f'zone = "{person.zone}"']
    if person.traits:
        told = ", ".join(f'{key} = "{value}"' for key, value in person.traits.items())
        lines.append(f"traits = {{ {told} }}")
    lines += ["does = [", *(f'    "{_sentence(act)}",' for act in _in_order(person)), "]"]
    return "\n".join(lines) + "\n"


def _smaller(person: Person) -> list[Person]:
    """List the contact without a half of their acts, then without each single one."""
    acts = list(_in_order(person))
    middle = len(acts) // 2
    kept = [acts[:middle], acts[middle:]] if len(acts) > 2 else []
    kept += [acts[:place] + acts[place + 1 :] for place in reversed(range(len(acts)))]
    without = [replace(person, acts=tuple(each)) for each in kept]
    return [*without, replace(person, traits={})] if person.traits else without


def _broken(person: Person, invariant: Invariant, stage: Stage) -> Breach | None:
    found = breaches(live(stage, person), stage)
    return next((breach for breach in found if breach.invariant is invariant), None)


def _in_order(person: Person) -> list[Act]:
    return sorted(person.acts, key=lambda act: (act.when.email is not None, act.when.after))


def _sentence(act: Act) -> str:
    said, when = VERBS[act.verb].replace("{}", act.about), act.when
    if act.when.at is not None:
        return act.text
    if when.email is not None:
        side = "before" if when.is_foreseen else "after"
        minutes = abs(when.after) // _MINUTE
        return f"{said} {minutes} minutes {side} e-mail {when.email}"
    if when.after < _NOTHING:
        return f"{said} {-when.after.days} days ago"
    return f"{said} after {span_text(when.after)}" if when.after else said
