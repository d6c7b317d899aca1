"""What the interpreter asks in a story, answered from the facts in memory."""

from datetime import datetime
from typing import TYPE_CHECKING

from sekvens.flows import interpreter
from sekvens.flows.commands import (
    Ask,
    NextBestTime,
    NextDate,
    NextLocalTime,
    WhichBranch,
    WhichVariant,
)
from sekvens.flows.lots import draw, name_of, weights_of
from sekvens.segments.memory import holds
from sekvens.send_time.best import fixed_time
from sekvens.simulator.dates import next_date
from sekvens.simulator.passage import Passage

if TYPE_CHECKING:
    from sekvens.simulator.life import Life


def ask(life: "Life", passage: Passage, command: Ask) -> None:
    """Answer the question of the step at which an enrollment stands."""
    branch, instant, question = None, None, command.question
    match question:
        case NextLocalTime():
            instant = life.local_time(question)
        case NextBestTime():  # a story begins with a shop that knows nothing yet
            instant = fixed_time(question, life.stage.rules.quiet, life.facts.zone)
        case NextDate():
            instant = _date(life, passage, question)
        case WhichBranch():
            branch = _branch(life, passage, question)
            life.stand_at(passage, question.next_steps[-1 if branch is None else branch])
        case WhichVariant():
            branch = _variant(life, question)
            life.stand_at(passage, question.next_steps[branch])
    passage.state = interpreter.answer(passage.graph, passage.state, branch, instant, now=life.now)


def _branch(life: "Life", passage: Passage, question: WhichBranch) -> int | None:
    for index, condition in enumerate(question.conditions):
        if holds(condition, life.facts, now=life.now, entry_key=passage.stay.entry_key):
            return index
    return None


def _variant(life: "Life", question: WhichVariant) -> int:
    """Draw by the contact's name, as a shop draws by their id; nothing is ever adopted."""
    weights = weights_of(question.step)
    drawn = draw(name_of(question.flow, question.step), life.person.name, weights)
    return [name for name, _ in weights].index(drawn)


def _date(life: "Life", passage: Passage, question: NextDate) -> datetime | None:
    def ends(offer: str) -> datetime | None:
        made, lasts = passage.offered.get(offer), life.stage.offers.get(offer)
        return None if made is None or lasts is None else made + lasts

    key = passage.stay.entry_key
    return next_date(question, life.facts, entry_key=key, offer_ends=ends)
